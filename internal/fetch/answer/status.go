package answer

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/jobferry/jobferry/internal/job"
)

// errNoStatus is an answer that says nothing about the job. A proxy's error
// document looks like that; the job must not be judged by it.
var errNoStatus = errors.New("the job API's answer has no status")

// ParseStatus reads the body of the status endpoint.
func ParseStatus(body []byte) (job.Verdict, error) {
	var s struct {
		Status *string `json:"status"`
	}
	if err := json.Unmarshal(body, &s); err != nil {
		return "", &job.Error{By: job.API, Err: fmt.Errorf("the job API's status is not readable: %w", err)}
	}
	if s.Status == nil {
		return "", &job.Error{By: job.API, Err: errNoStatus}
	}
	v := verdict(*s.Status)
	if v == job.Running && *s.Status != string(job.Running) {
		return "", &job.Error{By: job.API, Err: errors.New("the job API's status is none that is known")}
	}
	return v, nil
}

// verdict is the meaning of a status. The set is open, and only three are
// terminal.
func verdict(status string) job.Verdict {
	switch v := job.Verdict(status); v {
	case job.Completed, job.Failed, job.Canceled:
		return v
	default:
		return job.Running
	}
}
