package broker

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/jobferry/jobferry/internal/job"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Headers of messages.
const (
	// HeaderTraceparent carries a job's W3C trace context.
	HeaderTraceparent = "traceparent"
	// HeaderReplaces is that of a replay: a submission of a settled job. Its value
	// is the sequence, in the stream of events, of the event that the new one
	// replaces. A submission that names another sequence than that of the job's
	// event is dropped like any other of a settled job.
	HeaderReplaces = "Jobferry-Replaces"
	// headerDestination is that of the event of a job that was not completed. It
	// says as JSON where the submission wanted its results, for a replay.
	headerDestination = "Jobferry-Destination"
	headerContentType = "Content-Type"
)

// scheduleAt begins the schedule of a timer.
const scheduleAt = "@at "

// Destination is where a job's results go, as far as its submission says.
type Destination struct {
	Bucket string `json:"bucket,omitempty"`
	Prefix string `json:"prefix,omitempty"`
}

// DestinationOf reads the destination from an event's headers; zero if they have
// none.
func DestinationOf(event nats.Header) (d Destination, err error) {
	raw := event.Get(headerDestination)
	if raw == "" {
		return d, nil
	}
	if err := json.Unmarshal([]byte(raw), &d); err != nil {
		return d, fmt.Errorf("the header %s of the event: %w", headerDestination, err)
	}
	return d, nil
}

// EventMessage is the message of a job's terminal event. The broker takes it
// only as the job's first, or in the place of the one that the job replaces; see
// [IsConflict].
func EventMessage(subjects Subjects, j job.Job, data job.EventData) (*nats.Msg, error) {
	msg, err := eventMessage(job.NewEvent(string(j.ID), data, j.Traceparent), subjects.Event(data.Status, j.ID), onlyEvent(subjects, j))
	if err != nil {
		return nil, err
	}
	to := Destination{Bucket: j.Bucket, Prefix: j.Prefix}
	if data.Status == job.OutcomeCompleted || to == (Destination{}) {
		return msg, nil
	}
	header, err := json.Marshal(to)
	msg.Header.Set(headerDestination, string(header))
	return msg, err
}

// onlyEvent is the precondition that the job has no event but the one to replace.
func onlyEvent(subjects Subjects, j job.Job) precondition {
	return precondition{stream: subjects.Events(), filter: subjects.AnyEvent(j.ID), sequence: j.Replaces}
}

func eventMessage(event job.Event, subject string, p precondition) (*nats.Msg, error) {
	body, err := event.Encode()
	if err != nil {
		return nil, err
	}
	msg := newMessage(subject, body, event.Traceparent)
	msg.Header.Set(headerContentType, job.ContentTypeCloudEvent)
	p.set(msg)
	return msg, nil
}

func newMessage(subject string, body []byte, traceparent string) *nats.Msg {
	msg := nats.NewMsg(subject)
	msg.Data = body
	if traceparent != "" {
		msg.Header.Set(HeaderTraceparent, traceparent)
	}
	return msg
}

// DueAt is when a timer fires by its headers; false if they do not say.
func DueAt(timer nats.Header) (time.Time, bool) {
	raw, found := strings.CutPrefix(timer.Get(jetstream.ScheduleHeader), scheduleAt)
	at, err := time.Parse(time.RFC3339Nano, raw)
	return at, found && err == nil
}

// Replaces is the sequence of the event that a submission is to replace, by its
// headers; 0 for none.
func Replaces(submission nats.Header) uint64 {
	sequence, err := strconv.ParseUint(submission.Get(HeaderReplaces), 10, 64)
	if err != nil {
		return 0
	}
	return sequence
}

// traceparent is the form of the header in version 00 of W3C Trace Context:
// https://www.w3.org/TR/trace-context/
var traceparent = regexp.MustCompile(`^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$`)

// Traceparent is the W3C trace context of a message; empty if it has none, or one
// of another form.
func Traceparent(header nats.Header) string {
	if trace := header.Get(HeaderTraceparent); traceparent.MatchString(trace) {
		return trace
	}
	return ""
}
