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

// recheckEvery is between two checks of what a worker has to finish first.
const recheckEvery = 100 * time.Millisecond

// submissionPatience is how long a cancel waits for a worker that works on the
// job's submission. A worker that stores the result takes longer; it finds the
// event then.
const submissionPatience = 2 * time.Second

// publishLimit bounds the wait for the broker's decision on one message.
const publishLimit = 10 * time.Second

// maxConflicts is how often a job may change between the reading of its status and
// a publish, before the broker's refusal is the error.
const maxConflicts = 100

// SettledError means that a job has its terminal event already.
type SettledError struct {
	Event *Event
}

// Error tells how the job ended, and when.
func (e *SettledError) Error() string {
	return fmt.Sprintf("job %s is settled already: %s at %s", e.Event.Data.JobID, e.Event.Data.Status, e.Event.Time.Format(time.RFC3339))
}

// LeftoverError means that a job is canceled, but not all of its messages could be
// removed.
type LeftoverError struct {
	JobID job.ID
	Err   error // says which messages stay, and why
}

// Error tells which messages stay.
func (e *LeftoverError) Error() string {
	return fmt.Sprintf("job %s is canceled, but %v", e.JobID, e.Err)
}

// Unwrap returns why they stay.
func (e *LeftoverError) Unwrap() error { return e.Err }

// Cancel publishes a job's canceled event. Then it removes the job's messages, and
// the event that a replay was to replace. It returns the status that the job had:
// a worker that works on it goes on until it finds the event, and objects that it
// has stored stay. A job that has another event is left as it is, with a
// [*SettledError]. For a job that is canceled already, remaining messages are
// removed, which is not an error. With a [*LeftoverError] the job is canceled all
// the same. The broker decides between a cancel and a worker that settles the job
// at the same time.
func (f *Fleet) Cancel(ctx context.Context, id job.ID) (JobStatus, error) {
	status, event, err := f.publishCanceled(ctx, id)
	if err != nil {
		return status, err
	}
	err = f.purgeReplaced(ctx, id, event)
	removeErr := f.remove(ctx, status)
	switch {
	case err == nil:
		err = removeErr
	case removeErr != nil:
		err = fmt.Errorf("%w; %w", err, removeErr)
	}
	if err != nil {
		return status, &LeftoverError{JobID: id, Err: err}
	}
	return status, nil
}

// publishCanceled publishes a job's canceled event, unless it has one, and returns its
// sequence.
func (f *Fleet) publishCanceled(ctx context.Context, id job.ID) (status JobStatus, event uint64, err error) {
	for tries := 1; ; tries++ {
		status, err = f.Find(ctx, id)
		switch {
		case err != nil:
			return JobStatus{}, 0, err
		case status.State != Settled:
		case status.Event.Data.Status == job.OutcomeCanceled:
			return status, status.Event.Sequence, nil
		default:
			return status, 0, &SettledError{Event: status.Event}
		}
		if status.Event == nil { // what it was to replace has expired
			status.Job.Replaces = 0
		}
		data := job.Complete(status.Job, job.EventData{Status: job.OutcomeCanceled})
		msg, err := broker.EventMessage(f.subjects, status.Job, data)
		if err != nil {
			return JobStatus{}, 0, err
		}
		ack, err := f.publish(ctx, msg)
		if broker.IsConflict(err) && tries < maxConflicts { // settled in the meantime, and by whom is to be told
			continue
		}
		if err != nil {
			return JobStatus{}, 0, fmt.Errorf("cancel job %s: %w", id, err)
		}
		return status, ack.Sequence, nil
	}
}

// purgeReplaced removes the events of a job before that sequence, if there are any:
// an earlier cancel may have broken off.
func (f *Fleet) purgeReplaced(ctx context.Context, id job.ID, event uint64) error {
	ctx, cancel := context.WithTimeout(ctx, f.answerLimit)
	defer cancel()
	for first, err := range f.page(ctx, f.subjects.Events(), 1, f.subjects.AnyEvent(id), jetstreamext.GetBatchSeq(1)) {
		if err == nil && first.Sequence < event {
			err = unanswered("STREAM.PURGE."+f.subjects.Events(), broker.PurgeReplaced(ctx, f.js, f.subjects, id, event))
		}
		if err != nil {
			return fmt.Errorf("its old event stays: %w", err)
		}
	}
	return nil
}

// remove deletes a settled job's messages. It waits for a submission in flight: its
// worker may still publish the job's first timer.
func (f *Fleet) remove(ctx context.Context, status JobStatus) error {
	patience, cancel := context.WithTimeout(ctx, submissionPatience)
	defer cancel()
	for {
		if err := f.removeTimer(ctx, status.Job.ID); err != nil {
			return fmt.Errorf("its timer stays: %w", err)
		}
		if status.message == nil || status.message.stream != f.subjects.Jobs() {
			return nil
		}
		gone, err := f.removeSubmission(ctx, status.message)
		if err != nil {
			return fmt.Errorf("its submission stays: %w", err)
		}
		if gone && status.State != InFlight {
			return nil
		}
		if gone {
			status.message = nil // once more: its worker may have published a timer before
			continue
		}
		status.State = InFlight
		select {
		case <-time.After(recheckEvery):
		case <-patience.Done():
			return nil
		}
	}
}

// removeTimer deletes a job's timer and its due message.
func (f *Fleet) removeTimer(ctx context.Context, id job.ID) error {
	ctx, cancel := context.WithTimeout(ctx, f.answerLimit)
	defer cancel()
	waits, err := f.js.Stream(ctx, f.subjects.Wait())
	if err != nil {
		return err
	}
	return unanswered("STREAM.PURGE."+f.subjects.Wait(), waits.Purge(ctx, jetstream.WithPurgeSubject(f.subjects.WaitingOrDue(id))))
}

// removeSubmission deletes a submission that is not in flight, and reports whether
// it is gone.
func (f *Fleet) removeSubmission(ctx context.Context, m *pendingMessage) (gone bool, err error) {
	jobs, err := f.js.Stream(ctx, m.stream)
	if err != nil {
		return false, err
	}
	_, err = jobs.GetMsg(ctx, m.sequence)
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return true, nil
	}
	if err != nil {
		return false, err
	}
	state, err := f.stateOf(ctx, m)
	if err != nil || state == InFlight {
		return false, err
	}
	// The stream is the producers' own and may forbid it: then a worker drops
	// the submission when it sees the event.
	_ = jobs.DeleteMsg(ctx, m.sequence)
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
