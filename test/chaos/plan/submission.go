package plan

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/jobferry/jobferry/internal/simulator"
)

// SubmitSubject is where submissions are published, and below which.
const SubmitSubject = "jobs.submit"

// Submission is one job, and how it is submitted.
type Submission struct {
	Job simulator.Job
	// At are the times at which it is published since the start, ascending:
	// more than one are duplicates of the first.
	At []time.Duration
	// Subject is the subject of every publish.
	Subject string
	// WithID says that the job's ID goes along as the message's ID, so that the
	// broker itself drops duplicates for a while.
	WithID bool

	// Plain submits the ID alone, as text; then there is none of the following.
	Plain    bool
	Prefix   string
	Metadata map[string]string
	Deadline time.Duration // from the first publish; 0 for none of its own
}

// document is a submission in JSON.
type document struct {
	JobID    string            `json:"jobID"`
	Status   string            `json:"status"` // unknown fields are to be ignored
	Prefix   string            `json:"prefix,omitempty"`
	Metadata map[string]string `json:"metadata,omitempty"`
	Deadline *time.Time        `json:"deadline,omitempty"`
}

// Body is what is published; first is when the job was published first, which
// its deadline counts from.
func (s Submission) Body(first time.Time) ([]byte, error) {
	if s.Plain {
		return []byte(s.Job.ID + "\n"), nil // white space is ignored
	}
	d := document{JobID: s.Job.ID, Status: "running", Prefix: s.Prefix, Metadata: s.Metadata}
	if s.Deadline > 0 {
		deadline := first.Add(s.Deadline).UTC()
		d.Deadline = &deadline
	}
	body, err := json.Marshal(d)
	if err != nil {
		return nil, fmt.Errorf("encode the submission of %s: %w", s.Job.ID, err)
	}
	return body, nil
}
