package job

import (
	"encoding/json"
	"fmt"
	"time"
)

// ContentTypeCloudEvent is the media type of an event in structured mode.
const ContentTypeCloudEvent = "application/cloudevents+json"

// Outcome is how a job ended; it is a token of the event's subject.
type Outcome string

// The outcomes.
const (
	OutcomeCompleted Outcome = "completed"
	OutcomeFailed    Outcome = "failed"
	OutcomeCanceled  Outcome = "canceled"
	OutcomeRejected  Outcome = "rejected"
)

// Outcomes lists them all, for metrics that start at zero.
func Outcomes() []Outcome {
	return []Outcome{OutcomeCompleted, OutcomeFailed, OutcomeCanceled, OutcomeRejected}
}

// Object is one stored object of a job.
type Object struct {
	Bucket      string `json:"bucket"`
	Key         string `json:"key"`
	Size        int64  `json:"size"` // bytes
	ContentType string `json:"contentType"`
	// ContentEncoding is what the file host keeps the file with, gzip for example;
	// the object has it too.
	ContentEncoding string `json:"contentEncoding,omitempty"`
	ETag            string `json:"etag"` // without quotes
	// Checksum is the CRC64NVME of the object: base64 of its 8 bytes, big
	// endian, as S3 writes it.
	Checksum  string `json:"checksum"`
	PageCount *int   `json:"pageCount,omitempty"`
	// DeclaredSize is set when the API declared another size than the
	// download had.
	DeclaredSize *int64 `json:"declaredSize,omitempty"`
}

// Manifest names the object that lists a job's objects when they are too many
// for an event.
type Manifest struct {
	Bucket string `json:"bucket"`
	Key    string `json:"key"`
}

// EventData is the data of an event. Which members are there follows from the
// outcome; see the contract in the README.
type EventData struct {
	JobID       ID                `json:"jobID,omitempty"`
	Status      Outcome           `json:"status"`
	Kind        Kind              `json:"kind,omitempty"`
	Objects     []Object          `json:"objects,omitzero"`
	Manifest    *Manifest         `json:"manifest,omitempty"`
	ObjectCount int               `json:"objectCount,omitempty"`
	Reason      string            `json:"reason,omitempty"`
	Error       *Problem          `json:"error,omitempty"`
	Metadata    map[string]string `json:"metadata,omitempty"`
	Tags        map[string]string `json:"tags,omitempty"`
	SubmittedAt time.Time         `json:"submittedAt,omitzero"`
	SettledAt   time.Time         `json:"settledAt"`
	Polls       int               `json:"polls"`

	// Body is what a rejected submission carried: base64, at most its first
	// 8 KiB.
	Body string `json:"body,omitempty"`
}

// Complete adds to the data of a job's event what is known of the job, and that it
// is settled now.
func Complete(j Job, data EventData) EventData {
	data.JobID, data.Metadata, data.Tags, data.Polls = j.ID, j.Metadata, j.Tags, j.Polls
	data.SubmittedAt, data.SettledAt = j.SubmittedAt.UTC(), time.Now().UTC()
	return data
}

// Event is a CloudEvents 1.0 event about the end of a job.
type Event struct {
	SpecVersion     string    `json:"specversion"`
	ID              string    `json:"id"`
	Source          string    `json:"source"`
	Type            string    `json:"type"`
	Subject         string    `json:"subject,omitempty"`
	Time            time.Time `json:"time"`
	DataContentType string    `json:"datacontenttype"`
	// Traceparent is the extension attribute of CloudEvents' distributed
	// tracing extension.
	Traceparent string    `json:"traceparent,omitempty"`
	Data        EventData `json:"data"`
}

// NewEvent wraps data in an event. The ID is the job's, so that a subscriber
// can deduplicate by it; a rejected submission has none of its own, and id
// says which message it was.
func NewEvent(id string, data EventData, traceparent string) Event {
	return Event{
		SpecVersion: "1.0", ID: id, Source: "/jobferry",
		Type:    "com.jobferry.job." + string(data.Status) + ".v1",
		Subject: id, Time: data.SettledAt, DataContentType: "application/json",
		Traceparent: traceparent, Data: data,
	}
}

// Encode returns the event in structured JSON mode.
func (e Event) Encode() ([]byte, error) {
	body, err := json.Marshal(e)
	if err != nil {
		return nil, fmt.Errorf("encode the event of %s: %w", e.ID, err)
	}
	return body, nil
}
