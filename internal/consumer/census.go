package consumer

import (
	"context"
	"errors"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// Census is where all jobs of the fleet are that are not settled, as the
// broker counts them at one moment.
type Census struct {
	Submitted int // submissions that no pod has taken
	Waiting   int // jobs whose timer is armed
	Due       int // jobs whose timer has fired, and which no pod has taken
	InHand    int // jobs that a pod has in hand

	// OldestSubmitted is the age of the oldest submission that is not settled
	// or waiting, OldestDue how long the oldest job has been due that is not
	// concluded; 0 if there is none.
	OldestSubmitted, OldestDue time.Duration
}

// Count asks the broker where all jobs are: a few questions, whose cost does
// not depend on how many jobs there are. It changes nothing.
func Count(ctx context.Context, js jetstream.JetStream, names Names) (Census, error) {
	submitted, err := lookAt(ctx, js, names.Jobs(), ">")
	if err != nil {
		return Census{}, err
	}
	fired, err := lookAt(ctx, js, names.Wait(), names.dues())
	if err != nil {
		return Census{}, err
	}
	return Census{
		Submitted:       submitted.pending,
		Waiting:         max(fired.messages-fired.pending-fired.inHand, 0),
		Due:             fired.pending,
		InHand:          submitted.inHand + fired.inHand,
		OldestSubmitted: submitted.oldest, OldestDue: fired.oldest,
	}, nil
}

// queue is the state of a stream and of the worker's consumer on it.
type queue struct {
	messages, pending, inHand int
	oldest                    time.Duration // of those pending or in hand
}

func lookAt(ctx context.Context, js jetstream.JetStream, name, filter string) (queue, error) {
	stream, err := js.Stream(ctx, name)
	if err != nil {
		return queue{}, err
	}
	consumer, err := stream.Consumer(ctx, Durable)
	if err != nil {
		return queue{}, err
	}
	info := consumer.CachedInfo()
	q := queue{
		messages: int(stream.CachedInfo().State.Msgs), //nolint:gosec // as many do not fit on a disk
		pending:  int(info.NumPending),                //nolint:gosec // the same
		inHand:   info.NumAckPending,
	}
	if q.pending+q.inHand == 0 {
		return q, nil
	}
	// All below the floor is acknowledged: the broker need not search there.
	first, err := stream.GetMsg(ctx, info.AckFloor.Stream+1, jetstream.WithGetMsgSubject(filter))
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return q, nil // acknowledged in the meantime
	}
	if err != nil {
		return queue{}, err
	}
	q.oldest = max(time.Since(first.Time), 0)
	return q, nil
}
