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

// The states of a job, in the order of its journey. A job that waits goes
// through the middle ones many times.
const (
	Submitted State = "submitted" // no pod has taken its submission
	Waiting   State = "waiting"   // its timer is armed
	Due       State = "due"       // its timer has fired, and no pod has taken it
	InHand    State = "in_hand"   // a pod has it in hand
	Settled   State = "settled"   // it has its terminal event
)

// ErrUnknown means that the broker holds nothing of a job: it was never
// submitted, its submission was rejected, or its event has expired.
var ErrUnknown = errors.New("the broker holds nothing of the job: no submission, no timer, no event")

// Event is a terminal event where it stands.
type Event struct {
	job.Event

	Body     json.RawMessage // as it was published
	Sequence uint64          // in the stream of events
	header   nats.Header
}

// Whereabouts are what the broker holds of one job at one moment.
type Whereabouts struct {
	State State
	// Job is the job as its submission or its last timer says. Of a settled one
	// it is the ID alone.
	Job job.Job
	// Since is when the job came into its state.
	Since time.Time
	// Until is when the next poll of a waiting job is due.
	Until time.Time
	// Event is a settled job's event, and of a job that is carried once more
	// the one that will be replaced; nil if there is none.
	Event *Event

	carrier *carrier // what has to be removed for the job to go no further
}

// carrier is the message that a job travels in.
type carrier struct {
	stream, subject string
	sequence        uint64
	job             job.Job
	body            []byte
	stored, until   time.Time // until is zero unless it is a timer
}

// Find tells where a job is, or returns [ErrUnknown]. A submission that does
// not have the job's ID in its subject is searched for among all of them.
func (f *Fleet) Find(ctx context.Context, id job.ID) (Whereabouts, error) {
	at, err := f.lookUp(ctx, id)
	if err != nil || at != nil {
		return f.state(ctx, id, at, err)
	}
	at, err = f.search(ctx, id)
	if err == nil && at == nil { // it may have moved on during the search
		at, err = f.lookUp(ctx, id)
	}
	return f.state(ctx, id, at, err)
}

// found is what was found of a job, nil for nothing.
type found struct {
	event   *Event
	carrier *carrier
}

// lookUp asks for a job where its ID is part of the subject. It asks in the
// order of the journey, so that a job that moves on is not missed; what is
// found last is what counts.
func (f *Fleet) lookUp(ctx context.Context, id job.ID) (*found, error) {
	submission, err := f.last(ctx, f.names.Jobs(), f.names.SubmitJob(id))
	if err != nil {
		return nil, err
	}
	timer, err := f.last(ctx, f.names.Wait(), f.names.WaitFor(id), f.names.Due(id))
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
	at := &found{event: event}
	switch {
	case timer != nil:
		at.carrier, err = f.readTimer(timer)
	case submission != nil:
		at.carrier, err = f.readSubmission(submission)
	}
	if err != nil && event != nil { // whatever it is, it carries the job no further
		err = nil
	}
	return at, err
}

// searchLimit bounds a search among all submissions: some million of them.
const searchLimit = 2 * time.Minute

// search looks for a job among all submissions.
func (f *Fleet) search(ctx context.Context, id job.ID) (*found, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, f.searchLimit, fmt.Errorf("given up after %v", f.searchLimit))
	defer cancel()
	read, left := 0, 0
	for msg, err := range f.messages(ctx, f.names.Jobs(), ">", time.Time{}) {
		if err != nil {
			return nil, fmt.Errorf("it is none of the %d submissions that were searched, and %d are left: %w", read, left, err)
		}
		if c, err := f.readSubmission(msg); err == nil && c.job.ID == id {
			return &found{carrier: c}, nil
		}
		read, left = read+1, behind(msg.Header)
	}
	return nil, nil //nolint:nilnil // nothing found is no error
}

// state tells what is found of a job.
func (f *Fleet) state(ctx context.Context, id job.ID, at *found, err error) (Whereabouts, error) {
	switch {
	case err != nil:
		return Whereabouts{}, fmt.Errorf("job %s: %w", id, err)
	case at == nil:
		return Whereabouts{}, fmt.Errorf("job %s: %w", id, ErrUnknown)
	}
	c := at.carrier
	if e := at.event; e != nil && (c == nil || c.job.Replaces != e.Sequence) {
		return Whereabouts{State: Settled, Job: job.Job{ID: id}, Since: e.Time, Event: e, carrier: c}, nil
	}
	w := Whereabouts{Job: c.job, Since: c.stored, Until: c.until, Event: at.event, carrier: c}
	w.State, err = f.stateOf(ctx, c)
	return w, err
}

// stateOf tells whether a message has been handed to a pod. The broker does not
// say which messages a pod has in hand; but it hands them out in order, and one
// that was concluded is gone.
func (f *Fleet) stateOf(ctx context.Context, c *carrier) (State, error) {
	if !c.until.IsZero() {
		return Waiting, nil
	}
	taken, err := f.js.Consumer(ctx, c.stream, broker.Durable)
	switch {
	case errors.Is(err, jetstream.ErrConsumerNotFound): // nobody has ever taken one
	case err != nil:
		return "", fmt.Errorf("look up consumer %s of %s: %w", broker.Durable, c.stream, err)
	case c.sequence <= taken.CachedInfo().Delivered.Stream:
		return InHand, nil
	}
	if c.stream == f.names.Jobs() {
		return Submitted, nil
	}
	return Due, nil
}

// event is a job's event, or nil.
func (f *Fleet) event(ctx context.Context, id job.ID) (*Event, error) {
	msg, err := f.last(ctx, f.names.Events(), f.names.AnyEvent(id))
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

func (f *Fleet) readSubmission(msg *jetstream.RawStreamMsg) (*carrier, error) {
	j, err := job.ParseSubmission(msg.Data, msg.Time, job.Rules{AnyBucket: true})
	if err != nil {
		return nil, fmt.Errorf("its submission will be rejected: %w", err)
	}
	j.Replaces = broker.Replaces(msg.Header)
	return f.carries(msg, j), nil
}

// readTimer reads a timer, or what it left when it fired.
func (f *Fleet) readTimer(msg *jetstream.RawStreamMsg) (*carrier, error) {
	j, err := job.Decode(msg.Data, job.Rules{AnyBucket: true})
	if err != nil {
		return nil, fmt.Errorf("what stands on %s is no timer of a worker: %w", msg.Subject, err)
	}
	c := f.carries(msg, j)
	if msg.Subject == f.names.WaitFor(j.ID) {
		c.until, _ = broker.DueAt(msg.Header)
	}
	return c, nil
}

func (f *Fleet) carries(msg *jetstream.RawStreamMsg, j job.Job) *carrier {
	j.Traceparent = broker.Traceparent(msg.Header)
	stream := f.names.Wait()
	if msg.Subject == f.names.Submit() || strings.HasPrefix(msg.Subject, f.names.Submit()+".") {
		stream = f.names.Jobs()
	}
	return &carrier{stream: stream, subject: msg.Subject, sequence: msg.Sequence, job: j, body: msg.Data, stored: msg.Time}
}
