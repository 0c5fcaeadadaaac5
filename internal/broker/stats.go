package broker

import (
	"context"
	"errors"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// Stats are where all jobs of the fleet are that are not settled, as the
// broker counts them at one moment.
type Stats struct {
	Submitted int // submissions that no pod has taken
	Waiting   int // jobs whose timer is armed
	Due       int // jobs whose timer has fired, and which no pod has taken
	InFlight  int // jobs that a pod works on

	// OldestSubmitted is the age of the oldest submission that is not settled
	// or waiting, OldestDue how long the oldest job has been due that is not
	// concluded; 0 if there is none.
	OldestSubmitted, OldestDue time.Duration
}

// ReadStats asks the broker where all jobs are: a few questions, whose cost does
// not depend on how many jobs there are. It changes nothing.
func ReadStats(ctx context.Context, js jetstream.JetStream, subjects Subjects) (Stats, error) {
	submitted, err := readQueue(ctx, js, subjects.Jobs(), ">")
	if err != nil {
		return Stats{}, err
	}
	fired, err := readQueue(ctx, js, subjects.Wait(), subjects.AllDue())
	if err != nil {
		return Stats{}, err
	}
	return Stats{
		Submitted:       submitted.pending,
		Waiting:         max(fired.messages-fired.pending-fired.inFlight, 0),
		Due:             fired.pending,
		InFlight:        submitted.inFlight + fired.inFlight,
		OldestSubmitted: submitted.oldest, OldestDue: fired.oldest,
	}, nil
}

// queueState is the state of a stream and of the worker's consumer on it.
type queueState struct {
	messages, pending, inFlight int
	oldest                      time.Duration // of those pending or in flight
}

func readQueue(ctx context.Context, js jetstream.JetStream, name, filter string) (queueState, error) {
	stream, err := js.Stream(ctx, name)
	if err != nil {
		return queueState{}, err
	}
	consumer, err := stream.Consumer(ctx, Durable)
	if err != nil {
		return queueState{}, err
	}
	info := consumer.CachedInfo()
	q := queueState{
		messages: int(stream.CachedInfo().State.Msgs), //nolint:gosec // as many do not fit on a disk
		pending:  int(info.NumPending),                //nolint:gosec // the same
		inFlight: info.NumAckPending,
	}
	if q.pending+q.inFlight == 0 {
		return q, nil
	}
	// All below the floor is acknowledged: the broker need not search there.
	first, err := stream.GetMsg(ctx, info.AckFloor.Stream+1, jetstream.WithGetMsgSubject(filter))
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return q, nil // acknowledged in the meantime
	}
	if err != nil {
		return queueState{}, err
	}
	q.oldest = max(time.Since(first.Time), 0)
	return q, nil
}
