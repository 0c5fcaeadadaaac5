package fleet

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jobferry/jobferry/internal/broker"

	"github.com/jobferry/jobferry/internal/job"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/synadia-io/orbit.go/jetstreamext"
)

// recheckEvery is between two looks at what a worker has to conclude first.
const recheckEvery = 100 * time.Millisecond

// submissionPatience is how long a cancel waits for a worker that has the job's
// submission in hand. One that stores the result takes longer; it finds the
// event then.
const submissionPatience = 2 * time.Second

// publishLimit bounds the wait for the broker's decision on one message.
const publishLimit = 10 * time.Second

// maxTaken is how often a job may change between a look at it and a publish,
// before it is told that the broker refuses the message.
const maxTaken = 100

// SettledError means that a job has its terminal event already.
type SettledError struct {
	Event *Event
}

// Error tells how the job ended, and when.
func (e *SettledError) Error() string {
	return fmt.Sprintf("job %s is settled already: %s at %s", e.Event.Data.JobID, e.Event.Data.Status, e.Event.Time.Format(time.RFC3339))
}

// LeftoverError means that a job is canceled, and that something of it stays
// that should be gone.
type LeftoverError struct {
	JobID job.ID
	Err   error // says what stays, and why
}

// Error tells what stays.
func (e *LeftoverError) Error() string {
	return fmt.Sprintf("job %s is canceled, but %v", e.JobID, e.Err)
}

// Unwrap returns why it stays.
func (e *LeftoverError) Unwrap() error { return e.Err }

// Cancel publishes a job's canceled event and then removes what would carry the
// job further, and the event that a replay was to replace. It returns where the
// job was: a worker that had it in hand goes on until it finds the event, and
// what it has stored stays. A job that has another event already is left as it
// is, with a [*SettledError]; one that is canceled already is rid of what is left
// of it, and that is no error. With a [*LeftoverError] the job is canceled all
// the same. The broker decides between a cancel and a worker that settles the job
// at the same time.
func (f *Fleet) Cancel(ctx context.Context, id job.ID) (Whereabouts, error) {
	at, event, err := f.announce(ctx, id)
	if err != nil {
		return at, err
	}
	err = f.supersede(ctx, id, event)
	removeErr := f.remove(ctx, at)
	switch {
	case err == nil:
		err = removeErr
	case removeErr != nil:
		err = fmt.Errorf("%w; %w", err, removeErr)
	}
	if err != nil {
		return at, &LeftoverError{JobID: id, Err: err}
	}
	return at, nil
}

// announce publishes a job's canceled event, unless it has one, and returns its
// sequence.
func (f *Fleet) announce(ctx context.Context, id job.ID) (at Whereabouts, event uint64, err error) {
	for tries := 1; ; tries++ {
		at, err = f.Find(ctx, id)
		switch {
		case err != nil:
			return Whereabouts{}, 0, err
		case at.State != Settled:
		case at.Event.Data.Status == job.OutcomeCanceled:
			return at, at.Event.Sequence, nil
		default:
			return at, 0, &SettledError{Event: at.Event}
		}
		if at.Event == nil { // what it was to replace has expired
			at.Job.Replaces = 0
		}
		data := job.Complete(at.Job, job.EventData{Status: job.OutcomeCanceled})
		msg, err := broker.EventMessage(f.names, at.Job, data)
		if err != nil {
			return Whereabouts{}, 0, err
		}
		ack, err := f.publish(ctx, msg)
		if broker.IsConflict(err) && tries < maxTaken { // settled in the meantime, and by whom is to be told
			continue
		}
		if err != nil {
			return Whereabouts{}, 0, fmt.Errorf("cancel job %s: %w", id, err)
		}
		return at, ack.Sequence, nil
	}
}

// supersede removes the events of a job that stand before the one of that
// sequence, if there are any: an earlier cancel may have broken off.
func (f *Fleet) supersede(ctx context.Context, id job.ID, event uint64) error {
	ctx, cancel := context.WithTimeout(ctx, f.answerLimit)
	defer cancel()
	for first, err := range f.page(ctx, f.names.Events(), 1, f.names.AnyEvent(id), jetstreamext.GetBatchSeq(1)) {
		if err == nil && first.Sequence < event {
			err = unanswered("STREAM.PURGE."+f.names.Events(), broker.PurgeReplaced(ctx, f.js, f.names, id, event))
		}
		if err != nil {
			return fmt.Errorf("its old event stays: %w", err)
		}
	}
	return nil
}

// remove takes a settled job's messages away. A submission that a worker has in
// hand is waited for: the worker may arm the job's first timer yet.
func (f *Fleet) remove(ctx context.Context, at Whereabouts) error {
	patience, cancel := context.WithTimeout(ctx, submissionPatience)
	defer cancel()
	for {
		if err := f.removeTimer(ctx, at.Job.ID); err != nil {
			return fmt.Errorf("its timer stays: %w", err)
		}
		if at.carrier == nil || at.carrier.stream != f.names.Jobs() {
			return nil
		}
		gone, err := f.removeSubmission(ctx, at.carrier)
		if err != nil {
			return fmt.Errorf("its submission stays: %w", err)
		}
		if gone && at.State != InHand {
			return nil
		}
		if gone {
			at.carrier = nil // once more: its worker may have armed a timer before
			continue
		}
		at.State = InHand
		select {
		case <-time.After(recheckEvery):
		case <-patience.Done():
			return nil
		}
	}
}

// removeTimer deletes a job's timer, and what it left when it fired.
func (f *Fleet) removeTimer(ctx context.Context, id job.ID) error {
	ctx, cancel := context.WithTimeout(ctx, f.answerLimit)
	defer cancel()
	waits, err := f.js.Stream(ctx, f.names.Wait())
	if err != nil {
		return err
	}
	return unanswered("STREAM.PURGE."+f.names.Wait(), waits.Purge(ctx, jetstream.WithPurgeSubject(f.names.WaitingOrDue(id))))
}

// removeSubmission deletes a submission that no worker has in hand, and reports
// whether it is gone.
func (f *Fleet) removeSubmission(ctx context.Context, c *carrier) (gone bool, err error) {
	jobs, err := f.js.Stream(ctx, c.stream)
	if err != nil {
		return false, err
	}
	_, err = jobs.GetMsg(ctx, c.sequence)
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return true, nil
	}
	if err != nil {
		return false, err
	}
	state, err := f.stateOf(ctx, c)
	if err != nil || state == InHand {
		return false, err
	}
	// The stream is the producers' own and may forbid it: then a worker drops
	// the submission when it sees the event.
	_ = jobs.DeleteMsg(ctx, c.sequence)
	return true, nil
}

// publish publishes a message whose place the broker checks, until the broker
// has decided.
func (f *Fleet) publish(ctx context.Context, msg *nats.Msg) (*jetstream.PubAck, error) {
	ctx, cancel := context.WithTimeout(ctx, publishLimit)
	defer cancel()
	for {
		ack, err := f.js.PublishMsg(ctx, msg)
		if !broker.IsUndecided(err) {
			return ack, err
		}
		select {
		case <-time.After(recheckEvery):
		case <-ctx.Done():
			return nil, fmt.Errorf("%w (last error: %w)", context.Cause(ctx), err)
		}
	}
}
