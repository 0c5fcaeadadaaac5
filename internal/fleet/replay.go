package fleet

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"strconv"
	"time"

	"github.com/jobferry/jobferry/internal/broker"
	"github.com/jobferry/jobferry/internal/job"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// ErrReplaying means that a job is being replayed already.
var ErrReplaying = errors.New("the job is on its way once more already")

// Failed yields the failed events since a time, the oldest first; the zero time
// means all that the stream keeps. Events that come while it yields are left out,
// so that a job which fails again is not replayed for ever. So are messages that
// are not events. It ends after an error.
func (f *Fleet) Failed(ctx context.Context, since time.Time) iter.Seq2[*Event, error] {
	return func(yield func(*Event, error) bool) {
		events, err := f.js.Stream(ctx, f.subjects.Events())
		if err != nil {
			yield(nil, unreadable(f.subjects.Events(), err))
			return
		}
		end := events.CachedInfo().State.LastSeq
		for msg, err := range f.messages(ctx, f.subjects.Events(), f.subjects.EventsOf(job.OutcomeFailed), since) {
			if err != nil {
				yield(nil, err)
				return
			}
			if msg.Sequence > end {
				return
			}
			if event, err := readEvent(msg); err == nil && !yield(event, nil) {
				return
			}
		}
	}
}

// Replayable returns the event of a settled job that can be replayed: one that was
// not completed. An error says why there is none.
func (f *Fleet) Replayable(ctx context.Context, id job.ID) (*Event, error) {
	status, err := f.Find(ctx, id)
	switch {
	case err != nil:
		return nil, err
	case status.State != Settled && status.Event != nil:
		return nil, fmt.Errorf("job %s: %w", id, ErrReplaying)
	case status.State != Settled:
		return nil, fmt.Errorf("job %s is not settled: it is %s", id, status.State)
	case status.Event.Data.Status == job.OutcomeCompleted:
		return nil, fmt.Errorf("job %s is completed: only what failed or was canceled is carried once more", id)
	}
	return status.Event, nil
}

// submission is the JSON form of a submission, made from the event of the earlier
// one.
type submission struct {
	broker.Destination

	JobID    job.ID            `json:"jobID"`
	Metadata map[string]string `json:"metadata,omitempty"`
	Tags     map[string]string `json:"tags,omitempty"`
}

// Replay submits a settled job once more. Its event stays until the job is
// settled again and is then replaced; the submission says so by
// [broker.HeaderReplaces]. The job has the worker's own deadline, from now on.
// It returns [ErrReplaying] if the same event is being replaced already.
func (f *Fleet) Replay(ctx context.Context, event *Event) error {
	id := event.Data.JobID
	if err := f.removeLeftover(ctx, event); err != nil {
		return fmt.Errorf("job %s: %w", id, err)
	}
	msg, err := f.resubmission(event)
	if err != nil {
		return fmt.Errorf("job %s: %w", id, err)
	}
	// Made from the event: the job's own ID would be dropped as a duplicate soon
	// after the first submission, and two replays of one event are one.
	msgID := fmt.Sprintf("%s.replay.%d", id, event.Sequence)
	ack, err := f.js.PublishMsg(ctx, msg, jetstream.WithMsgID(msgID))
	switch {
	case err != nil:
		return fmt.Errorf("submit job %s: %w", id, err)
	case ack.Duplicate:
		return fmt.Errorf("job %s: %w", id, ErrReplaying)
	}
	return nil
}

func (f *Fleet) resubmission(event *Event) (*nats.Msg, error) {
	to, err := broker.DestinationOf(event.header)
	if err != nil {
		return nil, err
	}
	msg := nats.NewMsg(f.subjects.SubmitJob(event.Data.JobID))
	msg.Data, err = json.Marshal(submission{Destination: to, JobID: event.Data.JobID, Metadata: event.Data.Metadata, Tags: event.Data.Tags})
	msg.Header.Set(broker.HeaderReplaces, strconv.FormatUint(event.Sequence, 10))
	if event.Traceparent != "" {
		msg.Header.Set(broker.HeaderTraceparent, event.Traceparent)
	}
	return msg, err
}

// removeLeftover removes a message whose worker has published the event and not
// acknowledged the message yet. It would be in the way of the new submission.
func (f *Fleet) removeLeftover(ctx context.Context, event *Event) error {
	id := event.Data.JobID
	left, err := f.last(ctx, f.subjects.Wait(), f.subjects.WaitFor(id), f.subjects.Due(id))
	if left == nil || err != nil {
		return err
	}
	if m, err := f.readTimer(left); err == nil && m.job.Replaces == event.Sequence {
		return ErrReplaying
	}
	waits, err := f.js.Stream(ctx, f.subjects.Wait())
	if err != nil {
		return err
	}
	return waits.Purge(ctx, jetstream.WithPurgeSubject(f.subjects.WaitingOrDue(id)), jetstream.WithPurgeSequence(left.Sequence+1))
}
