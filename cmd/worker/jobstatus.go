package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jobferry/jobferry/internal/fleet"
	"github.com/jobferry/jobferry/internal/job"
)

// jobStatus is what status says of one job. Its JSON form is part of the
// README.
type jobStatus struct {
	JobID       job.ID            `json:"jobID"`
	State       fleet.State       `json:"state"`
	Since       time.Time         `json:"since"`
	Until       time.Time         `json:"until,omitzero"`
	Attempt     int               `json:"attempt,omitempty"` // the next one, from 1
	Polls       int               `json:"polls,omitempty"`
	SubmittedAt time.Time         `json:"submittedAt,omitzero"`
	Deadline    time.Time         `json:"deadline,omitzero"`
	Bucket      string            `json:"bucket,omitempty"`
	Prefix      string            `json:"prefix,omitempty"`
	Metadata    map[string]string `json:"metadata,omitempty"`
	Tags        map[string]string `json:"tags,omitempty"`
	LastError   job.LastError     `json:"lastError,omitzero"`
	Event       json.RawMessage   `json:"event,omitempty"`

	event *fleet.Event
}

func newJobStatus(at fleet.JobStatus) jobStatus {
	j := at.Job
	s := jobStatus{
		JobID: j.ID, State: at.State, Since: at.Since, Until: at.Until,
		Polls: j.Polls, SubmittedAt: j.SubmittedAt,
		Bucket: j.Bucket, Prefix: j.Prefix, Metadata: j.Metadata, Tags: j.Tags, event: at.Event,
	}
	if at.State != fleet.Submitted { // before that the worker's own may count
		s.Deadline = j.Deadline
	}
	if at.State != fleet.Settled {
		s.Attempt, s.LastError = j.Attempt+1, j.LastError
	}
	if at.Event != nil {
		s.Event = at.Event.Body
	}
	return s
}

func (s jobStatus) table(st style) table {
	if s.State == fleet.Settled {
		outcome := s.event.Data.Status
		return table{
			{"job", string(s.JobID)},
			{"state", st.outcome(outcome, 1), ago(s.event.Time)},
			{"event", printable(strings.Join(strings.Fields(row(s.event.Event)), " "))},
		}
	}
	t := table{
		{"job", string(s.JobID)},
		{"state", s.state()},
		{"submitted", moment(s.SubmittedAt)},
		{"polled", times(s.Polls)},
	}
	for name, value := range map[string]string{
		"deadline": moment(s.Deadline), "bucket": s.Bucket, "prefix": s.Prefix, "metadata": pairs(s.Metadata), "tags": pairs(s.Tags), "replaces": s.replaces(),
		"last error": s.lastError(),
	} {
		if value != "" {
			t = append(t, []string{name, printable(value)})
		}
	}
	slices.SortFunc(t[4:], func(a, b []string) int { return strings.Compare(a[0], b[0]) })
	return t
}

// state is where a job is that is not settled.
func (s jobStatus) state() string {
	switch s.State {
	case fleet.Submitted:
		return "submitted; no worker has taken it yet"
	case fleet.Waiting:
		return fmt.Sprintf("waiting until %s for attempt %d", moment(s.Until), s.Attempt)
	case fleet.Due:
		return fmt.Sprintf("due for %v; no worker has taken it yet", brief(time.Since(s.Since)))
	default:
		return "in hand: a worker polls it, or stores its result"
	}
}

// replaces tells of the event that stands until a job has been carried once
// more.
func (s jobStatus) replaces() string {
	if s.event == nil {
		return ""
	}
	return fmt.Sprintf("the %s event of %s", s.event.Data.Status, moment(s.event.Time))
}

// lastError is why a job waits, empty for one that still runs.
func (s jobStatus) lastError() string {
	if s.LastError.Count == 0 {
		return ""
	}
	return fmt.Sprintf("%s (%s since %s)", s.LastError.Text, times(s.LastError.Count), moment(s.LastError.Since))
}

func times(count int) string {
	if count == 1 {
		return "once"
	}
	return strconv.Itoa(count) + " times"
}

// moment is a time for people, in their own place; empty for none.
func moment(at time.Time) string {
	if at.IsZero() {
		return ""
	}
	return at.Local().Format(time.DateTime) + " (" + ago(at) + ")"
}

func ago(at time.Time) string {
	if d := time.Until(at); d > 0 {
		return fmt.Sprintf("in %v", brief(d))
	}
	return fmt.Sprintf("%v ago", brief(time.Since(at)))
}

func pairs(metadata map[string]string) string {
	text := make([]string, 0, len(metadata))
	for _, key := range slices.Sorted(maps.Keys(metadata)) {
		text = append(text, key+"="+metadata[key])
	}
	return strings.Join(text, " ")
}
