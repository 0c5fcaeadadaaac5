package consumer

import (
	"context"
	"errors"
	"time"

	"github.com/jobferry/jobferry/internal/job"
)

// pausedDelay is how long a job waits that a closed gate sent back, unless the
// longest backoff is shorter.
const pausedDelay = 5 * time.Second

// poll asks the API about the job. Without a conclusion the job is completed
// and the answer carries its result.
func (w *Worker) poll(ctx context.Context, j *job.Job) (job.Answer, conclusion) {
	if !w.apiGate.isOpen() { // closed since the message was asked for
		return job.Answer{}, w.paused()
	}
	if w.polling.Acquire(ctx, 1) != nil {
		return job.Answer{}, w.interrupted(ctx)
	}
	polling, span := w.step(ctx, "poll job")
	answer, err := w.api.Poll(polling, j.ID)
	w.polling.Release(1)
	describePoll(span, answer, err)
	if ctx.Err() != nil {
		_ = answer.Close()
		return job.Answer{}, w.interrupted(ctx)
	}
	j.Polls++
	if err != nil {
		return job.Answer{}, w.unanswered(j, err)
	}
	w.apiGate.passed()
	w.throttle.ok()
	w.metrics.polls.WithLabelValues(string(answer.Verdict)).Inc()
	if answer.Verdict != job.Running && j.ReadyAt.IsZero() {
		j.ReadyAt = time.Now()
	}
	switch answer.Verdict {
	case job.Completed:
		return answer, none
	case job.Running:
		return job.Answer{}, w.stillRunning(ctx, j, answer.RetryAfter)
	default:
		return job.Answer{}, final(answer)
	}
}

// final is the conclusion of a job that the API has settled without a result.
func final(answer job.Answer) conclusion {
	if answer.Verdict == job.Canceled {
		return settle(job.EventData{Status: job.OutcomeCanceled})
	}
	return fail(&job.Error{Class: job.ClassPermanent, Reason: job.ReasonJobFailed, Problem: answer.Error})
}

// unanswered decides by the error: it settles the job, pauses the pod, or lets
// the job wait.
func (w *Worker) unanswered(j *job.Job, err error) conclusion {
	known, ok := errors.AsType[*job.Error](err)
	if !ok {
		known = &job.Error{Err: err}
	}
	switch known.Class {
	case job.ClassPermanent:
		w.apiGate.passed()
		w.metrics.polls.WithLabelValues("rejected").Inc()
		return fail(known)
	case job.ClassRefused:
		w.apiGate.failed(err)
		w.metrics.polls.WithLabelValues("refused").Inc()
		return w.paused()
	case job.ClassThrottled:
		w.throttle.hit(known.RetryAfter)
		w.metrics.throttled.Inc()
		w.metrics.polls.WithLabelValues("throttled").Inc()
		return w.waitAtLeast(*j, known.RetryAfter, causeUnavailable)
	case job.ClassNoRoom:
		w.apiGate.passed()
		w.metrics.polls.WithLabelValues("unavailable").Inc()
		return w.crowdedOut(j)
	default:
		w.apiGate.failed(err)
		w.metrics.polls.WithLabelValues("unavailable").Inc()
		return w.waitAtLeast(*j, known.RetryAfter, causeUnavailable)
	}
}

// stillRunning lets the job wait, unless its deadline has passed; that is
// looked at only here, after a readable answer, so that an outage or a
// backlog fails nobody.
func (w *Worker) stillRunning(ctx context.Context, j *job.Job, retryAfter time.Duration) conclusion {
	j.Lost = 0 // no worker can have died of a result that is not there yet
	wait := w.waitAtLeast(*j, retryAfter, causeRunning)
	if time.Now().Before(j.Deadline) {
		return wait
	}
	verdict, err := w.api.Status(ctx, j.ID)
	switch {
	case ctx.Err() != nil:
		return w.interrupted(ctx)
	case job.IsRefused(err):
		w.apiGate.failed(err)
		return w.paused()
	case err != nil:
		return w.waitAtLeast(*j, max(retryAfter, w.askedToWait(err)), causeUnavailable)
	}
	switch verdict {
	case job.Unknown:
		return fail(job.Fail(job.ReasonJobUnknown, "the API does not know the job"))
	case job.Running:
		return fail(job.Fail(job.ReasonDeadlineExceeded, "the job was still running at its deadline, %s", j.Deadline.UTC().Format(time.RFC3339)))
	default:
		// It has just become terminal. Charged, lest an API whose two answers
		// never agree be asked for ever without a pause.
		return wait
	}
}

// waitAtLeast is the backoff of the job's next attempt, or what the API asked
// for where that is longer.
func (w *Worker) waitAtLeast(j job.Job, atLeast time.Duration, cause string) conclusion {
	return wait(max(w.cfg.Backoff.Delay(j.Attempt), atLeast), cause)
}

// paused sends a job back that a closed gate does not let pass.
func (w *Worker) paused() conclusion {
	return waitUncharged(min(pausedDelay, w.cfg.Backoff.Max), causePaused)
}

// interrupted is the conclusion of work whose context has ended: a lost lease
// leaves the message alone, a stop hands it back at once.
func (w *Worker) interrupted(ctx context.Context) conclusion {
	if errors.Is(context.Cause(ctx), errDraining) {
		return waitUncharged(0, causeDrain)
	}
	return abandon(context.Cause(ctx))
}
