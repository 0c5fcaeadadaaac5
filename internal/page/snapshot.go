package page

import (
	"time"

	"github.com/jobferry/jobferry/internal/fleet"
	"github.com/jobferry/jobferry/internal/job"
	"github.com/jobferry/jobferry/internal/pod"
)

// maxObjects is how many objects of an event are shown; the event has them all.
const maxObjects = 8

// Snapshot is what is shown at one moment. Every text in it may come from
// outside: it is to be shown as text, never as markup.
type Snapshot struct {
	At        time.Time           `json:"at"`
	Pod       string              `json:"pod"` // that shows it
	PodID     string              `json:"podID"`
	Error     string              `json:"error,omitempty"` // why the rest is missing
	Jobs      *Jobs               `json:"jobs,omitempty"`
	Settled   map[job.Outcome]int `json:"settled,omitempty"` // in the last hour
	Waiting   []Waiting           `json:"waiting"`
	Events    []Event             `json:"events"` // the last one first
	Reasons   []Reason            `json:"reasons"`
	ReasonsOf int                 `json:"looked"` // events that the reasons are of
	Pods      []pod.Report        `json:"pods"`
}

// Jobs counts the jobs that are not settled, by state.
type Jobs struct {
	Submitted       int     `json:"submitted"`
	Waiting         int     `json:"waiting"`
	Due             int     `json:"due"`
	InHand          int     `json:"inHand"`
	OldestSubmitted float64 `json:"oldestSubmitted"` // seconds
	OldestDue       float64 `json:"oldestDue"`       // seconds
}

// Waiting is a job that waits for its next poll.
type Waiting struct {
	Job     job.ID    `json:"job"`
	Until   time.Time `json:"until"`
	Attempt int       `json:"attempt"` // the next one, from 1
	// Reason is what keeps it from going on, as its timer has it.
	Reason job.LastError `json:"reason,omitzero"`
}

// Event is a terminal event, as far as it is shown.
type Event struct {
	ID       string            `json:"id"`
	Outcome  job.Outcome       `json:"outcome"`
	At       time.Time         `json:"at"`
	Took     float64           `json:"took"` // seconds from submission to event
	Kind     job.Kind          `json:"kind,omitempty"`
	Reason   string            `json:"reason,omitempty"`
	Detail   string            `json:"detail,omitempty"` // the API's own word
	Objects  []Object          `json:"objects,omitempty"`
	Count    int               `json:"count"` // of objects
	Metadata map[string]string `json:"metadata,omitempty"`
}

// Object is a stored object, as far as it is shown.
type Object struct {
	Bucket string `json:"bucket"`
	Key    string `json:"key"`
	Size   int64  `json:"size"` // bytes, -1 for a manifest
}

// Reason counts the failed events of one reason.
type Reason struct {
	Reason string `json:"reason"`
	Count  int    `json:"count"`
}

func shownEvent(e fleet.Event) Event {
	data := e.Data
	shown := Event{
		ID: e.ID, Outcome: data.Status, At: data.SettledAt, Kind: data.Kind, Reason: data.Reason,
		Count: max(len(data.Objects), data.ObjectCount), Metadata: data.Metadata,
	}
	if !data.SubmittedAt.IsZero() {
		shown.Took = max(data.SettledAt.Sub(data.SubmittedAt).Seconds(), 0)
	}
	if data.Error != nil {
		shown.Detail = data.Error.Title
	}
	for _, o := range data.Objects[:min(len(data.Objects), maxObjects)] {
		shown.Objects = append(shown.Objects, Object{Bucket: o.Bucket, Key: o.Key, Size: o.Size})
	}
	if data.Manifest != nil {
		shown.Objects = []Object{{Bucket: data.Manifest.Bucket, Key: data.Manifest.Key, Size: -1}}
	}
	return shown
}
