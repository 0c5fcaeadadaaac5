package answer

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/jobferry/jobferry/internal/job"
)

// errNoStatus is an answer that says nothing about the job. A proxy's error
// document looks like that; the job must not be judged by it.
var errNoStatus = errors.New("the job API's answer has no job ID and status")

// errOtherJob is an answer about another job, as a cache gives that mixes answers
// up.
var errOtherJob = errors.New("the job API's answer is about another job; does a proxy or a cache mix answers up")

// ParseStatus reads the body of the status endpoint.
func ParseStatus(body []byte) (job.Verdict, error) {
	var s struct {
		Status *string `json:"status"`
	}
	if err := json.Unmarshal(bytes.TrimPrefix(body, byteOrderMark), &s); err != nil {
		return "", &job.Error{By: job.API, Err: fmt.Errorf("the job API's status is not readable: %w", err)}
	}
	if s.Status == nil {
		return "", &job.Error{By: job.API, Err: errNoStatus}
	}
	return verdict(*s.Status), nil
}

// verdict is the meaning of a status, in any case. The set is open, and only three
// are terminal.
func verdict(status string) job.Verdict {
	switch v := job.Verdict(strings.ToLower(status)); v {
	case job.Completed, job.Failed, job.Canceled:
		return v
	case "cancelled":
		return job.Canceled
	default:
		return job.Running
	}
}
