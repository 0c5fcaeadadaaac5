package fleet

import (
	"context"
	"fmt"
	"strconv"

	"github.com/jobferry/jobferry/internal/broker"

	"github.com/jobferry/jobferry/internal/job"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// NotWaitingError means that a job has no timer that could fire sooner.
type NotWaitingError struct {
	JobID job.ID
	State State
}

// Error tells where the job is instead.
func (e *NotWaitingError) Error() string {
	return fmt.Sprintf("job %s does not wait: it is %s", e.JobID, map[State]string{
		Submitted: "submitted, and polled as soon as a worker takes it", Due: "due, and polled as soon as a worker takes it",
		InHand: "in hand: a worker polls it, or stores its result", Settled: "settled",
	}[e.State])
}

// Now makes a waiting job due at once, in the place of its timer. It returns
// where the job was, and a [*NotWaitingError] if it does not wait. The broker
// sees to it that the timer does not fire as well: the due message is taken only
// as long as the same timer stands, and removes it.
func (f *Fleet) Now(ctx context.Context, id job.ID) (Whereabouts, error) {
	for tries := 1; ; tries++ {
		at, err := f.Find(ctx, id)
		if err != nil {
			return at, err
		}
		if at.State != Waiting {
			return at, &NotWaitingError{JobID: id, State: at.State}
		}
		msg := nats.NewMsg(f.names.Due(id))
		msg.Data = at.carrier.body
		msg.Header.Set(jetstream.SchedulerHeader, at.carrier.subject)
		msg.Header.Set(jetstream.ScheduleNextHeader, "purge")
		msg.Header.Set(jetstream.ExpectedLastSubjSeqHeader, strconv.FormatUint(at.carrier.sequence, 10))
		msg.Header.Set(jetstream.ExpectedLastSubjSeqSubjHeader, at.carrier.subject)
		if at.Job.Traceparent != "" {
			msg.Header.Set(broker.HeaderTraceparent, at.Job.Traceparent)
		}
		_, err = f.publish(ctx, msg)
		if broker.IsConflict(err) && tries < maxTaken { // it has fired, or was armed anew
			continue
		}
		if err != nil {
			return at, fmt.Errorf("make job %s due: %w", id, err)
		}
		return at, nil
	}
}
