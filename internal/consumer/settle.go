package consumer

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/jobferry/jobferry/internal/broker"
	"github.com/jobferry/jobferry/internal/consumer/limit"
	"github.com/jobferry/jobferry/internal/consumer/pull"
	"github.com/jobferry/jobferry/internal/job"
	"go.uber.org/zap"
)

// settle carries a decision out. It publishes before it acknowledges, and has
// both confirmed: a worker that dies in between repeats the publish, which the
// broker refuses or which replaces its own, and loses nothing. Without the lease
// it does neither. It returns what became of the message; with an error the
// message was left alone.
func (w *Worker) settle(d *delivery, j job.Job, next decision) (decision, error) {
	err := d.lease.Held()
	if err != nil {
		return decision{action: leave, err: err}, err
	}
	switch next.action {
	case leave:
		err = next.err
	case schedule:
		err = w.schedule(d, j, next)
	case publish:
		err = w.publish(d, j, next)
	case reject:
		err = w.publishRejected(d, next)
	case drop:
		w.metrics.duplicates.WithLabelValues(next.cause).Inc()
	}
	if err == nil {
		err = d.lease.Held()
	}
	if err == nil {
		err = w.acknowledge(d, next)
	}
	return next, err
}

func (w *Worker) acknowledge(d *delivery, next decision) error {
	if next.action == reject {
		return w.broker.Term(d.settling, d.msg, "the submission broke a rule; see its event")
	}
	return w.broker.Ack(d.settling, d.msg)
}

// schedule hands the job to the broker until its time. The message of a job that
// is scheduled already, by another message, is dropped.
func (w *Worker) schedule(d *delivery, j job.Job, next decision) error {
	if next.charge {
		j.Attempt++
	}
	ctx, span := w.step(d.settling, "arm timer")
	defer span.End()
	at := time.Now().Add(next.delay)
	var err error
	if d.lane == limit.Due {
		err = w.broker.Reschedule(ctx, j, at, d.meta.Sequence.Stream)
	} else {
		err = w.broker.Schedule(ctx, j, at)
	}
	if errors.Is(err, broker.ErrConflict) {
		w.metrics.duplicates.WithLabelValues("waiting").Inc()
		return nil
	}
	if err == nil {
		w.metrics.timers.WithLabelValues(next.cause).Inc()
	}
	return err
}

// publish completes the event and has the broker store it as the job's only one.
func (w *Worker) publish(d *delivery, j job.Job, next decision) error {
	event := job.Complete(j, next.event)
	ctx, span := w.step(d.settling, "publish event")
	err := w.broker.PublishEvent(ctx, j, event)
	span.End()
	if errors.Is(err, broker.ErrConflict) {
		w.metrics.duplicates.WithLabelValues("settled").Inc()
		return nil
	}
	if err == nil {
		w.metrics.count(event)
		w.metrics.countReady(event, j.ReadyAt)
		w.logSettled(event, j, next)
	}
	return err
}

func (w *Worker) publishRejected(d *delivery, next decision) error {
	next.event.SettledAt = time.Now().UTC()
	id := d.meta.Stream + "." + strconv.FormatUint(d.meta.Sequence.Stream, 10) // it has no job
	event := job.NewEvent(id, next.event, d.traceparent)
	err := w.broker.PublishRejected(d.settling, event, d.meta)
	if errors.Is(err, broker.ErrConflict) {
		return nil
	}
	if err == nil {
		w.metrics.count(next.event)
		w.log.Warn("submission rejected", zap.String("message", event.ID), zap.String("reason", next.event.Reason))
	}
	return err
}

// logSettled writes the one line of a settled job.
func (w *Worker) logSettled(event job.EventData, j job.Job, next decision) {
	fields := []zap.Field{
		zap.String("job", string(event.JobID)), zap.String("outcome", string(event.Status)),
		zap.Int("polls", event.Polls), zap.Duration("took", event.SettledAt.Sub(event.SubmittedAt)),
	}
	if !j.ReadyAt.IsZero() {
		fields = append(fields, zap.Duration("settling", event.SettledAt.Sub(j.ReadyAt)))
	}
	if event.Status == job.OutcomeCompleted {
		fields = append(fields, zap.String("kind", string(event.Kind)),
			zap.Int("objects", max(len(event.Objects), event.ObjectCount)), zap.Int64("bytes", next.bytes))
	}
	if event.Reason != "" {
		fields = append(fields, zap.String("reason", event.Reason), zap.NamedError("cause", next.err))
	}
	if tries := j.Transfers + j.Lost; tries > 0 {
		fields = append(fields, zap.Int("failed_tries", tries))
	}
	if j.Traceparent != "" {
		fields = append(fields, zap.String("traceparent", j.Traceparent))
	}
	w.log.Info("job settled", fields...)
}

// logLeft is for a message that is left to its next delivery.
func (w *Worker) logLeft(d *delivery, j job.Job, err error) {
	if errors.Is(err, pull.ErrLeaseLost) || errors.Is(context.Cause(d.settling), pull.ErrLeaseLost) {
		w.metrics.leasesLost.Inc()
	}
	w.log.Warn("a message is left to its next delivery",
		zap.String("job", string(j.ID)), zap.String("subject", d.msg.Subject), zap.Error(err))
}
