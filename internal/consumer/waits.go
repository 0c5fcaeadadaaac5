package consumer

import (
	"net/http"
	"time"

	"github.com/jobferry/jobferry/internal/job"
	"github.com/jobferry/jobferry/internal/retry"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// wait lets the job wait for the API, or for its result's source or store.
func (w *Worker) wait(s stage, j *job.Job, err *job.Error) decision {
	if s != stageTransfer {
		return w.waitAtLeast(j, err.RetryAfter, causeUnavailable)
	}
	w.logWait("a result could not be stored yet", j, j.Transfers, err)
	return w.waitAtLeast(j, err.RetryAfter, causeTransfer)
}

// Of a job that never gets a readable answer, while others do, so many in a row past
// its deadline end it.
const maxUnanswered = 20

// unanswered lets the job wait for a readable answer. While no job gets one, it is
// an outage and ends none.
func (w *Worker) unanswered(s stage, j *job.Job, err *job.Error) decision {
	now := time.Now()
	j.Unanswered = j.Unanswered.Next(now)
	if !w.answers.WellSince(j.ID, j.Unanswered.Since) {
		return w.wait(s, j, err)
	}
	if j.Unanswered.Count >= maxUnanswered && now.After(j.Deadline) {
		reason := job.ReasonDeadlineExceeded
		if err.Problem != nil && err.Problem.Status/100 == 2 {
			reason = job.ReasonResultInvalid
		}
		return w.fail(s, j, &job.Error{Reason: reason, Problem: err.Problem, Err: err})
	}
	w.logWait("the job API answers other jobs, and not this one", j, j.Unanswered.Count, err)
	return w.wait(s, j, err)
}

// A job that the API forbids has failed after so many refusals in a row over so
// long, if it answers other jobs meanwhile.
const (
	minForbidden      = 3
	minForbiddenSince = time.Minute
)

// forbidden lets the job wait until it is known whose refusal it is. A 401 to one
// job may be a matter of time, and ends it at its deadline; a 402 never does.
func (w *Worker) forbidden(s stage, j *job.Job, err *job.Error) decision {
	now := time.Now()
	j.Forbidden = j.Forbidden.Next(now)
	last := j.Forbidden.Lasts(minForbidden, minForbiddenSince, now) && w.answers.OthersSince(j.ID, j.Forbidden.Since)
	switch err.Problem.Status {
	case http.StatusPaymentRequired:
		last = false
	case http.StatusUnauthorized:
		last = last && now.After(j.Deadline)
	}
	if last {
		return w.fail(s, j, err)
	}
	w.logWait("the job API refuses a job", j, j.Forbidden.Count, err)
	return w.waitAtLeast(j, err.RetryAfter, causeUnavailable)
}

// A completed job without a result counts after so many polls over so long.
const (
	minNotReady      = 5
	minNotReadySince = time.Minute
)

// notReady lets the job wait for its result, for a while.
func (w *Worker) notReady(s stage, j *job.Job, err *job.Error) decision {
	now := time.Now()
	j.NotReady = j.NotReady.Next(now)
	switch {
	case !j.NotReady.Lasts(minNotReady, minNotReadySince, now):
		w.logWait("the job API says that a job is completed, and its result is not there", j, j.NotReady.Count, err)
		return w.waitAtLeast(j, err.RetryAfter, causeRunning)
	case err.Answer.Kind == job.KindFiles: // a split or an extraction may well find nothing
		return decision{action: publish, event: job.EventData{Status: job.OutcomeCompleted, Kind: job.KindFiles, Objects: []job.Object{}}}
	default:
		return w.fail(s, j, err)
	}
}

// lastError is what a job's timer says of why it waits: nothing of one that still
// runs, and what was said before of one that this worker only hands back.
func lastError(last job.LastError, next decision, err error) job.LastError {
	switch {
	case next.action != schedule || next.cause == causeDrain:
		return last
	case job.ClassOf(err) == job.ClassNotCompleted:
		return job.LastError{}
	default:
		return last.Next(err, time.Now())
	}
}

// throttled lets the job wait as long as the API asks.
func (w *Worker) throttled(s stage, j *job.Job, err *job.Error) decision {
	withoutAnswer(j)
	return w.wait(s, j, err)
}

// withoutAnswer begins the time without a readable answer, which does not count
// towards the deadline, of a job that was not asked about or came too soon. However
// long that lasts, it counts as one unreadable answer.
func withoutAnswer(j *job.Job) {
	if j.Unanswered.Count == 0 {
		j.Unanswered = j.Unanswered.Next(time.Now())
	}
}

// logWait warns of a job that keeps waiting for the same thing: at the second time
// in a row, and whenever the count has doubled since.
func (w *Worker) logWait(message string, j *job.Job, count int, err error) {
	level := zapcore.DebugLevel
	if count > 1 && count&(count-1) == 0 {
		level = zapcore.WarnLevel
	}
	w.log.Log(level, message, zap.String("job", string(j.ID)), zap.Int("times", count), zap.Time("deadline", j.Deadline), zap.Error(err))
}

// waitForStore gives the store until the job's deadline, and two tries at least.
func (w *Worker) waitForStore(s stage, j *job.Job, err *job.Error) decision {
	if j.StoreFailures > 1 && time.Now().After(j.Deadline) {
		return w.fail(s, j, &job.Error{Reason: job.ReasonStoreFailed, Err: err})
	}
	return w.wait(s, j, err)
}

// waitForSource gives whoever brings the result until the job's deadline, and as
// long as the result is kept.
func (w *Worker) waitForSource(s stage, j *job.Job, err *job.Error) decision {
	if time.Now().After(j.Deadline) && readyFor(j, resultLife) {
		return w.fail(s, j, &job.Error{Reason: job.ReasonDownloadFailed, Problem: job.ProblemOf(err), Err: err})
	}
	return w.wait(s, j, err)
}

// minWrongLengthSince is how long downloads have to disagree with their own length
// before the result counts as invalid.
const minWrongLengthSince = time.Minute

// waitForWholeFile gives the source a few more downloads.
func (w *Worker) waitForWholeFile(s stage, j *job.Job, err *job.Error) decision {
	if j.WrongLengths >= transferAttempts && readyFor(j, minWrongLengthSince) {
		return w.fail(s, j, &job.Error{Reason: job.ReasonResultInvalid, Err: err})
	}
	return w.wait(s, j, err)
}

// readyFor reports whether the result was seen so long ago.
func readyFor(j *job.Job, d time.Duration) bool {
	return !j.ReadyAt.IsZero() && time.Since(j.ReadyAt) >= d
}

// waitForURL gives the file host as long as the result is kept.
func (w *Worker) waitForURL(s stage, j *job.Job, err *job.Error) decision {
	if readyFor(j, resultLife) {
		return w.fail(s, j, err)
	}
	return w.wait(s, j, err)
}

// waitAtLeast is the backoff of the job's next attempt, or what was asked for
// where that is longer.
func (w *Worker) waitAtLeast(j *job.Job, atLeast time.Duration, cause string) decision {
	return decision{action: schedule, delay: max(w.cfg.Backoff.Delay(j.Attempt), atLeast), cause: cause, charge: true}
}

// pausedDelay is how long a job waits that an open circuit breaker sent back,
// unless the longest backoff is shorter.
const pausedDelay = 5 * time.Second

// pause lets the job wait for a dependency that refuses every job.
func (w *Worker) pause(s stage, j *job.Job, _ *job.Error) decision {
	if s != stageTransfer {
		withoutAnswer(j)
	}
	return decision{action: schedule, delay: min(pausedDelay, w.cfg.Backoff.Max), cause: causePaused}
}

// noSlotBackoff is between two tries of a job to get a slot. A result lives for
// many times the longest.
var noSlotBackoff = retry.Policy{Initial: 500 * time.Millisecond, Max: 10 * time.Second, Multiplier: 2}

// noSlot lets a job wait for a slot: at first not at all, for another pod may have
// one. It is the exception: see [limit.Polls].
func (w *Worker) noSlot(_ stage, j *job.Job, _ *job.Error) decision {
	j.SlotWaits++
	if j.SlotWaits == 1 {
		return decision{action: schedule, cause: causeNoSlot}
	}
	return decision{action: schedule, delay: noSlotBackoff.Delay(j.SlotWaits - 2), cause: causeNoSlot}
}
