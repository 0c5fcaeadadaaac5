package fleet

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jobferry/jobferry/internal/broker"
	"github.com/jobferry/jobferry/internal/job"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// State is where a job is.
type State string

// The states of a job. One that waits goes through the middle ones many times.
const (
	Submitted State = "submitted" // no pod has taken its submission
	Waiting   State = "waiting"   // its timer is armed
	Due       State = "due"       // its timer has fired, and no pod has taken it
	InFlight  State = "in_hand"   // a pod works on it
	Settled   State = "settled"   // it has its terminal event
)

// ErrUnknown means that the broker holds nothing of a job: it was never
// submitted, its submission was rejected, or its event has expired.
var ErrUnknown = errors.New("the broker holds nothing of the job: no submission, no timer, no event")

// Event is a stored terminal event.
type Event struct {
	job.Event

	Body     json.RawMessage // as it was published
	Sequence uint64          // in the stream of events
	header   nats.Header
}

// JobStatus is what the broker holds of one job at one moment.
type JobStatus struct {
	State State
	// Job is the job as its submission or its last timer says. Of a settled one
	// it is the ID alone.
	Job job.Job
	// Since is when the job came into its state.
	Since time.Time
	// Until is when the next poll of a waiting job is due.
	Until time.Time
	// Event is a settled job's event, and for a replayed job the one that will be
	// replaced; nil if there is none.
	Event *Event

	message *pendingMessage // nil if there is none
}

// pendingMessage is the message of a job that is not settled: its submission, its
// timer, or its due message.
type pendingMessage struct {
	stream, subject string
	sequence        uint64
	job             job.Job
	body            []byte
	stored, until   time.Time // until is zero unless it is a timer
}

// Find returns the status of a job, or [ErrUnknown]. A submission that does
// not have the job's ID in its subject is searched for among all of them.
func (f *Fleet) Find(ctx context.Context, id job.ID) (JobStatus, error) {
	status, err := f.lookUp(ctx, id)
	if err != nil || status != nil {
		return f.state(ctx, id, status, err)
	}
	status, err = f.search(ctx, id)
	if err == nil && status == nil { // it may have moved on during the search
		status, err = f.lookUp(ctx, id)
	}
	return f.state(ctx, id, status, err)
}

// found is what was found of a job, nil for nothing.
type found struct {
	event   *Event
	message *pendingMessage
}

// lookUp asks for a job where its ID is part of the subject. It asks in the
// order of a job's states, so that a job that moves on is not missed. The last
// message that is found counts.
func (f *Fleet) lookUp(ctx context.Context, id job.ID) (*found, error) {
	submission, err := f.last(ctx, f.subjects.Jobs(), f.subjects.SubmitJob(id))
	if err != nil {
		return nil, err
	}
	timer, err := f.last(ctx, f.subjects.Wait(), f.subjects.WaitFor(id), f.subjects.Due(id))
	if err != nil {
		return nil, err
	}
	event, err := f.event(ctx, id)
	if err != nil {
		return nil, err
	}
	if submission == nil && timer == nil && event == nil {
		return nil, nil //nolint:nilnil // nothing found is no error
	}
	status := &found{event: event}
	switch {
	case timer != nil:
		status.message, err = f.readTimer(timer)
	case submission != nil:
		status.message, err = f.readSubmission(submission)
	}
	if err != nil && event != nil { // an unreadable message leads to nothing more
		err = nil
	}
	return status, err
}

// searchLimit bounds a search among all submissions: some million of them.
const searchLimit = 2 * time.Minute

// search looks for a job among all submissions.
func (f *Fleet) search(ctx context.Context, id job.ID) (*found, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, f.searchLimit, fmt.Errorf("given up after %v", f.searchLimit))
	defer cancel()
	read, left := 0, 0
	for msg, err := range f.messages(ctx, f.subjects.Jobs(), ">", time.Time{}) {
		if err != nil {
			return nil, fmt.Errorf("it is none of the %d submissions that were searched, and %d are left: %w", read, left, err)
		}
		if m, err := f.readSubmission(msg); err == nil && m.job.ID == id {
			return &found{message: m}, nil
		}
		read, left = read+1, numPending(msg.Header)
	}
	return nil, nil //nolint:nilnil // nothing found is no error
}

// state makes a status of what was found of a job.
func (f *Fleet) state(ctx context.Context, id job.ID, status *found, err error) (JobStatus, error) {
	switch {
	case err != nil:
		return JobStatus{}, fmt.Errorf("job %s: %w", id, err)
	case status == nil:
		return JobStatus{}, fmt.Errorf("job %s: %w", id, ErrUnknown)
	}
	m := status.message
	if e := status.event; e != nil && (m == nil || m.job.Replaces != e.Sequence) {
		return JobStatus{State: Settled, Job: job.Job{ID: id}, Since: e.Time, Event: e, message: m}, nil
	}
	w := JobStatus{Job: m.job, Since: m.stored, Until: m.until, Event: status.event, message: m}
	w.State, err = f.stateOf(ctx, m)
	return w, err
}

// stateOf tells whether a message has been delivered to a pod. The broker does not
// say which messages are in flight; but it delivers them in order, and an
// acknowledged one is gone.
func (f *Fleet) stateOf(ctx context.Context, m *pendingMessage) (State, error) {
	if !m.until.IsZero() {
		return Waiting, nil
	}
	taken, err := f.js.Consumer(ctx, m.stream, broker.Durable)
	switch {
	case errors.Is(err, jetstream.ErrConsumerNotFound): // no worker has ever run
	case err != nil:
		return "", fmt.Errorf("look up consumer %s of %s: %w", broker.Durable, m.stream, err)
	case m.sequence <= taken.CachedInfo().Delivered.Stream:
		return InFlight, nil
	}
	if m.stream == f.subjects.Jobs() {
		return Submitted, nil
	}
	return Due, nil
}

// event is a job's event, or nil.
func (f *Fleet) event(ctx context.Context, id job.ID) (*Event, error) {
	msg, err := f.last(ctx, f.subjects.Events(), f.subjects.AnyEvent(id))
	if msg == nil {
		return nil, err
	}
	return readEvent(msg)
}

func readEvent(msg *jetstream.RawStreamMsg) (*Event, error) {
	e := &Event{Body: msg.Data, Sequence: msg.Sequence, header: msg.Header}
	if err := json.Unmarshal(msg.Data, &e.Event); err != nil {
		return nil, fmt.Errorf("what stands on %s is no event of a worker: %w", msg.Subject, err)
	}
	return e, nil
}

func (f *Fleet) readSubmission(msg *jetstream.RawStreamMsg) (*pendingMessage, error) {
	j, err := job.ParseSubmission(msg.Data, msg.Time, job.Rules{AnyBucket: true})
	if err != nil {
		return nil, fmt.Errorf("its submission will be rejected: %w", err)
	}
	j.Replaces = broker.Replaces(msg.Header)
	return f.newPendingMessage(msg, j), nil
}

// readTimer reads a timer, or what it left when it fired.
func (f *Fleet) readTimer(msg *jetstream.RawStreamMsg) (*pendingMessage, error) {
	j, err := job.Decode(msg.Data, job.Rules{AnyBucket: true})
	if err != nil {
		return nil, fmt.Errorf("what stands on %s is no timer of a worker: %w", msg.Subject, err)
	}
	m := f.newPendingMessage(msg, j)
	if msg.Subject == f.subjects.WaitFor(j.ID) {
		m.until, _ = broker.DueAt(msg.Header)
	}
	return m, nil
}

func (f *Fleet) newPendingMessage(msg *jetstream.RawStreamMsg, j job.Job) *pendingMessage {
	j.Traceparent = broker.Traceparent(msg.Header)
	stream := f.subjects.Wait()
	if msg.Subject == f.subjects.Submit() || strings.HasPrefix(msg.Subject, f.subjects.Submit()+".") {
		stream = f.subjects.Jobs()
	}
	return &pendingMessage{stream: stream, subject: msg.Subject, sequence: msg.Sequence, job: j, body: msg.Data, stored: msg.Time}
}
