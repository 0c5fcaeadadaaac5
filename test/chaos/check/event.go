package check

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
)

// The outcomes as events spell them. A rejected submission is never right
// here: a workload has none that could be.
const (
	completed = "completed"
	failed    = "failed"
	rejected  = "rejected"
)

// envelope is a CloudEvent as the contract words it, written down anew.
type envelope struct {
	SpecVersion     string    `json:"specversion"`
	ID              string    `json:"id"`
	Source          string    `json:"source"`
	Type            string    `json:"type"`
	Subject         string    `json:"subject"`
	Time            time.Time `json:"time"`
	DataContentType string    `json:"datacontenttype"`
	Data            eventData `json:"data"`
}

type eventData struct {
	JobID       string            `json:"jobID"`
	Status      string            `json:"status"`
	Kind        string            `json:"kind"`
	Reason      string            `json:"reason"`
	Objects     []eventObject     `json:"objects"`
	Metadata    map[string]string `json:"metadata"`
	SubmittedAt time.Time         `json:"submittedAt"`
	SettledAt   time.Time         `json:"settledAt"`
	Polls       int               `json:"polls"`
}

type eventObject struct {
	Bucket      string `json:"bucket"`
	Key         string `json:"key"`
	Size        int64  `json:"size"`
	ContentType string `json:"contentType"`
	ETag        string `json:"etag"`
	Checksum    string `json:"checksum"`
}

// address is what an event's subject says: jobs.events.<outcome>.<jobID>, or
// one token more for a rejected submission.
type address struct {
	outcome, jobID string
}

func parseSubject(subject string) (address, error) {
	tokens := strings.Split(subject, ".")
	switch {
	case len(tokens) == 5 && tokens[1] == "events" && tokens[2] == rejected:
		return address{outcome: rejected}, nil // it names a message, no job
	case len(tokens) != 4 || tokens[1] != "events":
		return address{}, fmt.Errorf("the subject is not jobs.events.<outcome>.<jobID>: %s", subject)
	}
	return address{outcome: tokens[2], jobID: tokens[3]}, nil
}

// readEvent decodes a message of the events stream. The job is known even of
// an event that is malformed, where its subject or its data tells.
func readEvent(e Event) (jobID string, data eventData, err error) {
	at, err := parseSubject(e.Subject)
	var read envelope
	if broken := json.Unmarshal(e.Data, &read); broken != nil {
		return at.jobID, eventData{}, errors.Join(err, fmt.Errorf("the data cannot be decoded: %w", broken))
	}
	if at.jobID == "" {
		at.jobID = read.Data.JobID
	}
	return at.jobID, read.Data, errors.Join(err, read.checkForm(at), read.Data.checkTimes(), read.Data.checkMembers(), checkHeader(e))
}

// attribute is a member of an event with what it has to be.
type attribute struct{ name, is, want string }

// checkForm reports every attribute that is not as the contract has it.
func (e envelope) checkForm(at address) error {
	attributes := []attribute{
		{"specversion", e.SpecVersion, "1.0"},
		{"source", e.Source, "/jobferry"},
		{"type", e.Type, "com.jobferry.job." + at.outcome + ".v1"},
		{"datacontenttype", e.DataContentType, "application/json"},
		{"data.status", e.Data.Status, at.outcome},
	}
	if at.outcome != rejected { // or these name a message, if anything
		attributes = append(attributes,
			attribute{"id", e.ID, at.jobID}, attribute{"subject", e.Subject, at.jobID}, attribute{"data.jobID", e.Data.JobID, at.jobID})
	}
	var problems []error
	for _, a := range attributes {
		if a.is != a.want {
			problems = append(problems, fmt.Errorf("%s is %q, not %q", a.name, a.is, a.want))
		}
	}
	if e.Time.IsZero() {
		problems = append(problems, errors.New("there is no time"))
	}
	return errors.Join(problems...)
}

// checkTimes reports times that are missing or out of order.
func (d eventData) checkTimes() error {
	switch {
	case d.Status != rejected && d.SubmittedAt.IsZero():
		return errors.New("there is no submittedAt")
	case d.SettledAt.Before(d.SubmittedAt): // or missing
		return fmt.Errorf("it was settled at %v, before it was submitted at %v", d.SettledAt, d.SubmittedAt)
	}
	return nil
}

// checkMembers reports what does not go with the outcome.
func (d eventData) checkMembers() error {
	switch {
	case d.Status == failed && d.Reason == "":
		return errors.New("it failed without a reason")
	case d.Status == completed && d.Reason != "":
		return fmt.Errorf("it completed with the reason %q", d.Reason)
	case d.Status != completed && len(d.Objects) > 0:
		return fmt.Errorf("it is %s with %d objects", d.Status, len(d.Objects))
	case d.Status == completed && d.Polls < 1:
		return fmt.Errorf("it completed after %d polls", d.Polls)
	}
	return nil
}

func checkHeader(e Event) error {
	const want = "application/cloudevents+json"
	if got := strings.Join(e.Header["Content-Type"], ", "); got != want {
		return fmt.Errorf("the header Content-Type is %q, not %q", got, want)
	}
	return nil
}
