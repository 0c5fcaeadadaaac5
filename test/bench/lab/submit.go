package lab

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jobferry/jobferry/internal/broker"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/jobferry/jobferry/internal/job"
	"github.com/jobferry/jobferry/test/bench/servers"
)

// maxPending is how many messages may be published before the broker has
// acknowledged the first.
const maxPending = 4096

// Submit publishes the submissions of a batch as fast as the broker takes
// them, and returns when it has them all.
func (l *Lab) Submit(ctx context.Context, batch servers.Batch) error {
	return l.publishAll(ctx, batch.Count, func(i int) (*nats.Msg, error) {
		return &nats.Msg{Subject: "jobs.submit", Data: []byte(batch.ID(i))}, nil
	})
}

// SubmitPaced publishes one submission every interval, each confirmed, and
// returns when each was about to be published, by job ID.
func (l *Lab) SubmitPaced(ctx context.Context, batch servers.Batch, interval time.Duration) (map[string]time.Time, error) {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	at := make(map[string]time.Time, batch.Count)
	for i := range batch.Count {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
		at[batch.ID(i)] = time.Now()
		if _, err := l.js.Publish(ctx, "jobs.submit", []byte(batch.ID(i))); err != nil {
			return nil, fmt.Errorf("submit a job: %w", err)
		}
	}
	return at, nil
}

// Arm publishes a timer for each job of a batch as a worker does for one that
// it has polled once. at says when the job of an index is due.
func (l *Lab) Arm(ctx context.Context, batch servers.Batch, at func(index int) time.Time) error {
	names, err := broker.NewSubjects("jobs")
	if err != nil {
		return err
	}
	now := time.Now()
	return l.publishAll(ctx, batch.Count, func(i int) (*nats.Msg, error) {
		id := job.ID(batch.ID(i))
		j := job.Job{ID: id, SubmittedAt: now, Deadline: now.Add(24 * time.Hour), Attempt: 1, Polls: 1}
		body, err := j.Encode()
		msg := nats.NewMsg(names.WaitFor(id))
		msg.Data = body
		msg.Header.Set("Nats-Schedule", "@at "+at(i).UTC().Format(time.RFC3339Nano))
		msg.Header.Set("Nats-Schedule-Target", names.Due(id))
		return msg, err
	})
}

func (l *Lab) publishAll(ctx context.Context, count int, message func(int) (*nats.Msg, error)) error {
	futures := make([]jetstream.PubAckFuture, 0, maxPending)
	for i := range count {
		msg, err := message(i)
		if err != nil {
			return err
		}
		future, err := l.js.PublishMsgAsync(msg, jetstream.WithStallWait(time.Minute))
		if err != nil {
			return fmt.Errorf("publish to %s: %w", msg.Subject, err)
		}
		futures = append(futures, future)
		if len(futures) == maxPending || i == count-1 {
			if err := settle(ctx, futures); err != nil {
				return err
			}
			futures = futures[:0]
		}
	}
	return nil
}

// settle waits until the broker has answered all.
func settle(ctx context.Context, futures []jetstream.PubAckFuture) error {
	var problems []error
	for _, future := range futures {
		select {
		case <-future.Ok():
		case err := <-future.Err():
			problems = append(problems, fmt.Errorf("publish to %s: %w", future.Msg().Subject, err))
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return errors.Join(problems...)
}
