package consumer

import (
	"context"
	"errors"
	"time"

	"github.com/jobferry/jobferry/internal/job"
	"go.uber.org/zap"
)

// conclusion is what becomes of a message in hand. Every journey ends in
// exactly one.
type conclusion struct {
	kind  conclusionKind
	cause string // why it waits or is dropped

	delay  time.Duration // of waiting
	charge bool          // the wait counts as an attempt

	event job.EventData // of settled and rejected
	bytes int64         // of its objects, whether the event or a manifest lists them; for the log
	err   error         // of a failure, for the log; of abandoned
}

type conclusionKind int

const (
	undecided conclusionKind = iota // the journey goes on
	waiting                         // a timer, then an acknowledgement
	settled                         // an event, then an acknowledgement
	rejected                        // an event, then a termination
	dropped                         // an acknowledgement alone: the job is on its way, or settled
	abandoned                       // nothing: the message is not ours any more
)

func (k conclusionKind) String() string {
	return [...]string{"undecided", "waiting", "settled", "rejected", "dropped", "abandoned"}[k]
}

// What a job waits for.
const (
	causeRunning     = "running"     // the API is not done
	causeUnavailable = "unavailable" // the API could not be asked
	causeTransfer    = "transfer"    // its result could not be stored yet
	causePaused      = "paused"      // the API or the store refuses us
	causeNoSlot      = "no_slot"     // its result is there, a transfer slot is not
	causeDrain       = "drain"       // this worker stops
)

var none = conclusion{}

// errUndecided would be a mistake of ours; the message is then left alone
// rather than acknowledged.
var errUndecided = errors.New("the journey came to no conclusion")

func wait(delay time.Duration, cause string) conclusion {
	return conclusion{kind: waiting, delay: delay, cause: cause, charge: true}
}

func waitUncharged(delay time.Duration, cause string) conclusion {
	return conclusion{kind: waiting, delay: delay, cause: cause}
}

func settle(event job.EventData) conclusion { return conclusion{kind: settled, event: event} }

func fail(failure *job.Error) conclusion {
	return conclusion{kind: settled, err: failure.Err, event: job.EventData{
		Status: job.OutcomeFailed, Reason: string(failure.Reason), Error: failure.Problem,
	}}
}

func drop(cause string) conclusion { return conclusion{kind: dropped, cause: cause} }

func abandon(err error) conclusion { return conclusion{kind: abandoned, err: err} }

// carry takes one message through its journey.
func (w *Worker) carry(m message) {
	d, done, err := w.deliver(m)
	defer done()
	if err != nil {
		w.log.Error("a message that is none of JetStream's arrived on a pull subject; it is left alone", zap.Error(err))
		return
	}
	span := w.follow(d)
	defer span.End()
	j, answer, c := w.journey(d)
	w.slots.polled(m.lane, c.kind == undecided)
	if c.kind == undecided {
		c = w.ferry(d, &j, answer)
		defer d.leave()
	}
	describeJob(span, j)
	c, err = w.conclude(d, j, c)
	describeConclusion(span, c, err)
	if err != nil {
		w.abandoned(d, j, err)
	}
}

// journey is intake and poll; each may end it. Without a conclusion the job is
// finished, and the answer carries its result. It does not begin where the
// message is another worker's by now.
func (w *Worker) journey(d *delivery) (job.Job, job.Answer, conclusion) {
	if err := d.lease.held(); err != nil {
		return job.Job{}, job.Answer{}, abandon(err)
	}
	j, c := w.intake(d)
	if c.kind != undecided {
		return j, job.Answer{}, c
	}
	if w.taking.Err() != nil {
		return j, job.Answer{}, waitUncharged(0, causeDrain)
	}
	answer, c := w.poll(d.work, &j)
	return j, answer, c
}

// ferry takes a finished job's result across.
func (w *Worker) ferry(d *delivery, j *job.Job, answer job.Answer) conclusion {
	defer answer.Close()
	if d.lane == due { // a second submission may have settled it while it waited
		if c := w.alreadySettled(d, *j); c.kind != undecided {
			return c
		}
	}
	if !w.berths.enter() {
		return w.crowdedOut(j)
	}
	d.leave = func() {
		w.berths.exit()
		w.slots.vacated()
	}
	return w.transfer(d.work, j, answer, d.freeSlot)
}

// conclude publishes before it acknowledges, and has both confirmed: a worker
// that dies in between repeats the publish, which the broker refuses or which
// replaces its own, and loses nothing. With the lease gone it does neither. It
// returns what became of the message; with an error it was left alone.
func (w *Worker) conclude(d *delivery, j job.Job, c conclusion) (conclusion, error) {
	err := d.lease.held()
	if err != nil {
		return abandon(err), err
	}
	switch c.kind {
	case waiting:
		err = w.arm(d, j, c)
	case settled:
		err = w.publish(d, j, c)
	case rejected:
		err = w.publishRejected(d, c)
	case dropped:
		w.metrics.duplicates.WithLabelValues(c.cause).Inc()
	case abandoned:
		err = c.err
	case undecided:
		err = errUndecided
	}
	if err == nil {
		err = d.lease.held()
	}
	if err == nil {
		err = w.broker.acknowledge(d.settling, d.msg, w.word(c))
	}
	return c, err
}

func (w *Worker) word(c conclusion) []byte {
	if c.kind == rejected {
		return []byte(terminate + "the submission broke a rule; see its event")
	}
	return ack
}

// arm hands the job to the broker until its time. A submission whose job is on
// its way already is dropped here.
func (w *Worker) arm(d *delivery, j job.Job, c conclusion) error {
	if c.charge {
		j.Attempt++
	}
	ctx, span := w.step(d.settling, "arm timer")
	defer span.End()
	at := time.Now().Add(c.delay)
	err := w.broker.arm(ctx, j, at, w.broker.carriedBy(d.lane, j.ID, d.meta.Sequence.Stream))
	if errors.Is(err, errTaken) && d.lane == due {
		err = w.armAnew(ctx, d, j, at)
	}
	if errors.Is(err, errTaken) {
		w.metrics.duplicates.WithLabelValues("waiting").Inc()
		return nil
	}
	if err == nil {
		w.metrics.timers.WithLabelValues(c.cause).Inc()
	}
	return err
}

// armAnew arms the timer of a job whose due message has gone from the stream.
// Somebody cancelled the job, or it is on its way in another message: then it
// returns errTaken. Or somebody deleted the stream, and this worker has the
// last of the job in hand.
func (w *Worker) armAnew(ctx context.Context, d *delivery, j job.Job, at time.Time) error {
	settled, err := w.broker.hasEvent(ctx, j)
	if err != nil {
		return err
	}
	if settled {
		return errTaken
	}
	err = w.broker.arm(ctx, j, at, w.broker.carriedBy(fresh, j.ID, 0))
	if !errors.Is(err, errTaken) {
		return err
	}
	standing, lookErr := w.broker.last(ctx, w.broker.names.Wait(), w.broker.names.OnItsWay(j.ID))
	if sequenceOf(standing) == d.meta.Sequence.Stream {
		lookErr = errUnconfirmed // it is the message in hand that stands
	}
	if lookErr != nil {
		return lookErr
	}
	return err
}

// publish completes the event and has the broker store it as the job's only
// one.
func (w *Worker) publish(d *delivery, j job.Job, c conclusion) error {
	event := Conclude(j, c.event)
	ctx, span := w.step(d.settling, "publish event")
	err := w.broker.announce(ctx, j, event)
	span.End()
	if errors.Is(err, errTaken) {
		if err = w.broker.standsFirst(d.settling, j, event); errors.Is(err, errTaken) {
			w.metrics.duplicates.WithLabelValues("settled").Inc()
			return nil
		}
	}
	if err == nil {
		w.metrics.count(event)
		w.metrics.countReady(event, j.ReadyAt)
		w.logSettled(event, j, c)
	}
	return err
}

func (w *Worker) publishRejected(d *delivery, c conclusion) error {
	c.event.SettledAt = time.Now().UTC()
	event := job.NewEvent(rejectedID(d), c.event, d.traceparent)
	err := w.broker.announceRejected(d.settling, event, d.meta)
	if errors.Is(err, errTaken) {
		return nil
	}
	if err == nil {
		w.metrics.count(c.event)
		w.log.Warn("submission rejected", zap.String("message", event.ID), zap.String("reason", c.event.Reason))
	}
	return err
}

// logSettled writes the one line of a settled job.
func (w *Worker) logSettled(event job.EventData, j job.Job, c conclusion) {
	fields := []zap.Field{
		zap.String("job", string(event.JobID)), zap.String("outcome", string(event.Status)),
		zap.Int("polls", event.Polls), zap.Duration("took", event.SettledAt.Sub(event.SubmittedAt)),
	}
	if !j.ReadyAt.IsZero() {
		fields = append(fields, zap.Duration("settling", event.SettledAt.Sub(j.ReadyAt)))
	}
	if event.Status == job.OutcomeCompleted {
		fields = append(fields, zap.String("kind", string(event.Kind)),
			zap.Int("objects", max(len(event.Objects), event.ObjectCount)), zap.Int64("bytes", c.bytes))
	}
	if event.Reason != "" {
		fields = append(fields, zap.String("reason", event.Reason), zap.NamedError("cause", c.err))
	}
	if tries := j.Transfers + j.Lost; tries > 0 {
		fields = append(fields, zap.Int("failed_tries", tries))
	}
	if j.Traceparent != "" {
		fields = append(fields, zap.String("traceparent", j.Traceparent))
	}
	w.log.Info("job settled", fields...)
}

// abandoned leaves a message to whoever has it now, or to the next delivery.
func (w *Worker) abandoned(d *delivery, j job.Job, err error) {
	if errors.Is(err, errLeaseLost) || errors.Is(context.Cause(d.settling), errLeaseLost) {
		w.metrics.leasesLost.Inc()
	}
	w.log.Warn("a message is left to its next delivery",
		zap.String("job", string(j.ID)), zap.String("subject", d.msg.Subject), zap.Error(err))
}
