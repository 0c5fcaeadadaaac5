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

// Error tells the state that the job has instead.
func (e *NotWaitingError) Error() string {
	return fmt.Sprintf("job %s does not wait: it is %s", e.JobID, map[State]string{
		Submitted: "submitted, and polled as soon as a worker takes it", Due: "due, and polled as soon as a worker takes it",
		InFlight: "in hand: a worker polls it, or stores its result", Settled: "settled",
	}[e.State])
}

// Now makes a waiting job due at once, in the place of its timer. It returns
// the status that the job had, and a [*NotWaitingError] if it does not wait. The
// timer cannot fire as well: the broker takes the due message only while the same
// timer exists, and removes it.
func (f *Fleet) Now(ctx context.Context, id job.ID) (JobStatus, error) {
	for tries := 1; ; tries++ {
		status, err := f.Find(ctx, id)
		if err != nil {
			return status, err
		}
		if status.State != Waiting {
			return status, &NotWaitingError{JobID: id, State: status.State}
		}
		msg := nats.NewMsg(f.subjects.Due(id))
		msg.Data = status.message.body
		msg.Header.Set(jetstream.SchedulerHeader, status.message.subject)
		msg.Header.Set(jetstream.ScheduleNextHeader, "purge")
		msg.Header.Set(jetstream.ExpectedLastSubjSeqHeader, strconv.FormatUint(status.message.sequence, 10))
		msg.Header.Set(jetstream.ExpectedLastSubjSeqSubjHeader, status.message.subject)
		if status.Job.Traceparent != "" {
			msg.Header.Set(broker.HeaderTraceparent, status.Job.Traceparent)
		}
		_, err = f.publish(ctx, msg)
		if broker.IsConflict(err) && tries < maxConflicts { // it has fired, or there is a new one
			continue
		}
		if err != nil {
			return status, fmt.Errorf("make job %s due: %w", id, err)
		}
		return status, nil
	}
}
