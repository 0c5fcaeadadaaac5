package consumer

import (
	"errors"
	"time"

	"github.com/jobferry/jobferry/internal/consumer/limit"
	"github.com/jobferry/jobferry/internal/job"
)

// poll asks the API about the job. It returns an answer only if that carries a
// result.
func (w *Worker) poll(d *delivery, j *job.Job) (job.Answer, error) {
	d.stage = stagePoll
	if !w.apiBreaker.Allow() { // it opened after the message was asked for
		return job.Answer{}, errBreakerOpen
	}
	if w.throttle.Left() > 0 { // likewise
		return job.Answer{}, errThrottled
	}
	if err := w.reserve(d, j); err != nil {
		return job.Answer{}, err
	}
	answer, err := w.ask(d, j)
	if err != nil {
		return job.Answer{}, err
	}
	w.answered(j)
	w.metrics.polls.WithLabelValues(string(answer.Verdict)).Inc()
	switch {
	case answer.Verdict == job.Running:
		j.NotReady = job.Streak{}
	case j.ReadyAt.IsZero():
		j.ReadyAt = time.Now()
	}
	j.FileHost = answer.FileHost()
	if answer.Verdict != job.Completed {
		return job.Answer{}, job.NotCompleted(answer)
	}
	return answer, nil
}

// reserve takes what a job may need for this poll. One whose last poll hung gets
// one of half the slots, so that others are never behind them all. One that is
// known to be finished is asked about only with a transfer slot in hand.
func (w *Worker) reserve(d *delivery, j *job.Job) error {
	switch {
	case j.Hung:
		if !w.hung.TryAcquire(1) {
			return limit.ErrNoSlot
		}
		d.onRelease(func() { w.hung.Release(1) })
		return nil
	case j.ReadyAt.IsZero() || j.NotReady.Count > 0:
		return nil
	default:
		return w.acquireTransfer(d, j.FileHost, false)
	}
}

// acquireTransfer takes the job in as a finished one, with a transfer slot and a
// connection to the host of its files. The delivery gives them back. A job may keep
// its poll slot while it waits, if that costs little.
func (w *Worker) acquireTransfer(d *delivery, host string, mayKeep bool) error {
	if !w.storeBreaker.Allow() {
		return errBreakerOpen
	}
	if err := w.transfers.Admit(); err != nil {
		return err
	}
	d.onRelease(func() {
		w.transfers.Done()
		w.polls.TransferFreed()
	})
	if err := w.hosts.AcquireFirst(d.work, host, d.freeSlot, mayKeep); err != nil {
		return orStopped(d, err)
	}
	if err := w.transfers.AcquireFirst(d.work, d.freeSlot, mayKeep); err != nil {
		w.hosts.Release(host)
		return orStopped(d, err)
	}
	d.freeSlot()
	d.slot = w.newSlot(host)
	d.onRelease(d.slot.release)
	return nil
}

// answered notes a readable answer about the job. The time without one does not
// count towards its deadline.
func (w *Worker) answered(j *job.Job) {
	w.apiBreaker.Success()
	w.throttle.Success()
	w.answers.Answered(j.ID)
	if j.Unanswered.Count > 0 {
		j.Deadline = j.Deadline.Add(time.Since(j.Unanswered.Since))
	}
	j.Unanswered, j.Forbidden = job.Streak{}, job.Streak{}
}

// resultLife is how long the result of a completed job is kept, by the API's
// reference.
const resultLife = 15 * time.Minute

// checkDeadline asks for the status of a job that still runs at its deadline, and
// says why it failed. Any other error it returns as it is. The deadline is looked
// at only here, after a readable answer, so that an outage or a backlog fails no
// job.
func (w *Worker) checkDeadline(d *delivery, j *job.Job, err error) error {
	running, ok := errors.AsType[*job.Error](err)
	if !ok || !running.IsRunning() {
		return err
	}
	j.Lost = 0 // no worker can have died of a result that is not there yet
	if time.Now().Before(j.Deadline) {
		return err
	}
	d.stage = stageStatus
	verdict, err := w.api.Status(d.work, j.ID)
	switch {
	case d.work.Err() != nil:
		return d.stopped()
	case err != nil:
		return job.AsError(err).WaitAtLeast(running.RetryAfter)
	}
	switch verdict {
	case job.Completed:
		if j.DoneSince.IsZero() {
			j.DoneSince = time.Now()
		}
		if time.Since(j.DoneSince) >= resultLife {
			return job.Fail(job.ReasonJobExpired, "the API says that the job is completed, and has no result of it since %s", j.DoneSince.UTC().Format(time.RFC3339))
		}
		return running
	case job.Unknown:
		return job.Fail(job.ReasonJobUnknown, "the API does not know the job")
	case job.Running:
		return job.Fail(job.ReasonDeadlineExceeded, "the job was still running at its deadline, %s", j.Deadline.UTC().Format(time.RFC3339))
	default:
		// It has just become terminal. The wait is charged: the two answers of the
		// API may never agree, and then it must not be asked without a pause.
		return running
	}
}
