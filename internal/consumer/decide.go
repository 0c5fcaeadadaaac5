package consumer

import (
	"errors"
	"net/http"
	"slices"
	"time"

	"go.uber.org/zap/zapcore"

	"github.com/jobferry/jobferry/internal/consumer/limit"
	"github.com/jobferry/jobferry/internal/job"
	"github.com/jobferry/jobferry/internal/retry"
	"go.uber.org/zap"
)

// decision is what becomes of a message in flight. Every delivery ends in exactly
// one.
type decision struct {
	action action
	cause  string // why the job waits, or why the message is dropped

	delay  time.Duration // of a wait
	charge bool          // the wait counts as an attempt

	event job.EventData // of publish and reject
	bytes int64         // of the event's objects, for the log
	err   error         // of a failure, for the log; of leave
}

// action is what is done at the broker.
type action int

const (
	leave    action = iota // nothing: the message is not ours any more
	schedule               // a timer, then an acknowledgement
	publish                // an event, then an acknowledgement
	reject                 // an event, then a termination
	drop                   // an acknowledgement alone: the job is scheduled or settled already
)

// String is the action in a trace.
func (a action) String() string {
	return [...]string{"abandoned", "waiting", "settled", "rejected", "dropped"}[a]
}

// What a job waits for, as the metrics name it.
const (
	causeRunning     = "running"     // the API is not done
	causeUnavailable = "unavailable" // the API could not be asked
	causeTransfer    = "transfer"    // its result could not be stored yet
	causePaused      = "paused"      // the API or the store refuses us
	causeNoSlot      = "no_slot"     // its result is there, a transfer slot is not
	causeDrain       = "drain"       // this worker stops
)

// Errors of the stages that say nothing of the job itself.
var (
	errAlreadySettled   = errors.New("the job has its terminal event")
	errAlreadyScheduled = errors.New("the job has a timer or is due")
	errBreakerOpen      = errors.New("the API or the store refuses the worker")
)

// leftError is an error after which the message is left to its next delivery: it
// may be another worker's by now, or the broker could not be asked about it.
type leftError struct{ error }

func (e leftError) Unwrap() error { return e.error }

func left(err error) error { return leftError{err} }

// stage is how far a job has come.
type stage int

const (
	stageIntake stage = iota
	stagePoll
	stageStatus
	stageTransfer
	anyStage
)

// subject is what an error is about, beside its own job.
type subject int

const (
	aboutJob     subject = iota // nothing else
	apiIsWell                   // nothing else; the API has answered
	aboutAPI                    // every job: the API's circuit breaker counts a failure
	aboutStore                  // every job: the store's circuit breaker counts a failure
	aboutRate                   // perhaps every job: the pod slows down when several are throttled
	aboutAccount                // perhaps every job: the API's circuit breaker opens when several are refused
)

// rule is what one kind of error means.
type rule struct {
	stage stage
	class job.Class
	by    job.Dependency // whose word it is; empty for anybody's
	about subject        // one job, or all
	then  func(w *Worker, s stage, j *job.Job, err *job.Error) decision
	poll  string // the answer in polls_total
}

// rules say what every error means for its job and for the others. The first that
// fits counts.
var rules = []rule{
	{stagePoll, job.ClassPermanent, "", apiIsWell, (*Worker).fail, "rejected"},
	{stagePoll, job.ClassNoRoom, "", apiIsWell, (*Worker).noTransferSlot, "unavailable"},
	{stagePoll, job.ClassNotReady, "", apiIsWell, (*Worker).notReady, "running"},
	{stagePoll, job.ClassUnavailable, "", aboutAPI, (*Worker).unanswered, "unavailable"},
	{stagePoll, job.ClassForbidden, "", aboutAccount, (*Worker).forbidden, "refused"},
	{stagePoll, job.ClassThrottled, "", aboutRate, (*Worker).wait, "throttled"},
	{stagePoll, job.ClassRefused, "", aboutAPI, (*Worker).pause, "refused"},

	{anyStage, job.ClassNotCompleted, "", aboutJob, (*Worker).onVerdict, ""},
	{anyStage, job.ClassPermanent, "", aboutJob, (*Worker).fail, ""},
	{anyStage, job.ClassRefused, job.API, aboutAPI, (*Worker).pause, ""},
	{anyStage, job.ClassRefused, "", aboutStore, (*Worker).pause, ""},
	{anyStage, job.ClassThrottled, "", aboutRate, (*Worker).wait, ""},
	{anyStage, job.ClassUnavailable, job.Store, aboutStore, (*Worker).waitForStore, ""},
	{anyStage, job.ClassUnavailable, "", aboutJob, (*Worker).wait, ""},
	{anyStage, job.ClassNoRoom, "", aboutJob, (*Worker).wait, ""},
	{anyStage, job.ClassNotReady, "", aboutJob, (*Worker).wait, ""},
	{anyStage, job.ClassForbidden, "", aboutJob, (*Worker).wait, ""},
	{anyStage, job.ClassWrongLength, "", aboutJob, (*Worker).waitForWholeFile, ""},
	{anyStage, job.ClassURLRefused, "", aboutJob, (*Worker).waitForURL, ""},
}

func (r rule) fits(s stage, err *job.Error) bool {
	return (r.stage == s || r.stage == anyStage) && r.class == err.Class && (r.by == err.By || r.by == "")
}

// decide says what becomes of a job: its result is stored, or the error of the
// stage where it stopped says why not.
func (w *Worker) decide(s stage, j *job.Job, stored result, err error) decision {
	if _, ok := errors.AsType[leftError](err); ok {
		return decision{action: leave, err: err}
	}
	switch {
	case err == nil:
		return decision{action: publish, event: stored.event, bytes: stored.bytes}
	case errors.Is(err, errAlreadySettled):
		return decision{action: drop, cause: "settled"}
	case errors.Is(err, errAlreadyScheduled):
		return decision{action: drop, cause: "waiting"}
	case errors.Is(err, errDraining):
		return decision{action: schedule, cause: causeDrain}
	case errors.Is(err, errBreakerOpen):
		return w.pause(s, j, nil)
	case errors.Is(err, limit.ErrNoSlot):
		return w.noTransferSlot(s, j, nil)
	}
	if r, ok := errors.AsType[*rejection](err); ok {
		return decision{action: reject, event: r.event}
	}
	known := job.AsError(err)
	i := slices.IndexFunc(rules, func(r rule) bool { return r.fits(s, known) })
	w.observe(rules[i], j, known)
	return rules[i].then(w, s, j, known)
}

// manyRefused different jobs in a row, and none answered between, mean that the API
// refuses all of them.
const manyRefused = 3

// observe notes what the error says of more than its job.
func (w *Worker) observe(r rule, j *job.Job, err *job.Error) {
	switch r.about {
	case apiIsWell:
		w.answered(j)
	case aboutAccount:
		if w.answers.Refused(j.ID) >= manyRefused {
			w.apiBreaker.Failure(&job.Error{Class: job.ClassRefused, By: job.API, Err: err.Err})
		}
	case aboutAPI:
		w.apiBreaker.Failure(err)
	case aboutStore:
		w.storeBreaker.Failure(err)
	case aboutRate:
		w.metrics.throttled.Inc()
		if w.answers.Throttled(j.ID) > 1 { // one alone has only its own wait
			w.throttle.Throttled(err.RetryAfter)
		}
	case aboutJob:
	}
	if r.poll != "" {
		w.metrics.polls.WithLabelValues(r.poll).Inc()
	}
}

// fail ends the job.
func (w *Worker) fail(_ stage, _ *job.Job, err *job.Error) decision {
	return decision{action: publish, err: err.Err, event: job.EventData{
		Status: job.OutcomeFailed, Reason: string(err.Reason), Error: err.Problem,
	}}
}

// onVerdict is for a job that the API has answered about, without a result.
func (w *Worker) onVerdict(s stage, j *job.Job, err *job.Error) decision {
	switch err.Answer.Verdict {
	case job.Running:
		return w.waitAtLeast(j, err.RetryAfter, causeRunning)
	case job.Canceled:
		return decision{action: publish, event: job.EventData{Status: job.OutcomeCanceled}}
	default:
		return w.fail(s, j, &job.Error{Reason: job.ReasonJobFailed, Problem: err.Answer.Error})
	}
}

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
	if !w.answers.OthersSince(j.ID, j.Unanswered.Since) {
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

// waitForWholeFile gives the source a few more downloads.
func (w *Worker) waitForWholeFile(s stage, j *job.Job, err *job.Error) decision {
	if j.WrongLengths >= transferAttempts {
		return w.fail(s, j, &job.Error{Reason: job.ReasonResultInvalid, Err: err})
	}
	return w.wait(s, j, err)
}

// waitForURL gives the file host as long as the result is kept.
func (w *Worker) waitForURL(s stage, j *job.Job, err *job.Error) decision {
	if !j.ReadyAt.IsZero() && time.Since(j.ReadyAt) >= resultLife {
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
func (w *Worker) pause(stage, *job.Job, *job.Error) decision {
	return decision{action: schedule, delay: min(pausedDelay, w.cfg.Backoff.Max), cause: causePaused}
}

// noSlotBackoff is between two tries of a finished job to get a transfer slot.
// Its result lives for many times the longest.
var noSlotBackoff = retry.Policy{Initial: 500 * time.Millisecond, Max: 10 * time.Second, Multiplier: 2}

// noTransferSlot lets a finished job wait for a transfer slot: at first not at
// all, for another pod may have one. It is the exception: see [limit.Polls].
func (w *Worker) noTransferSlot(_ stage, j *job.Job, _ *job.Error) decision {
	j.SlotWaits++
	if j.SlotWaits == 1 {
		return decision{action: schedule, cause: causeNoSlot}
	}
	return decision{action: schedule, delay: noSlotBackoff.Delay(j.SlotWaits - 2), cause: causeNoSlot}
}
