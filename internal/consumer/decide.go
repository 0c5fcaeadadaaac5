package consumer

import (
	"errors"
	"slices"
	"time"

	"github.com/jobferry/jobferry/internal/consumer/limit"
	"github.com/jobferry/jobferry/internal/job"
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
	errThrottled        = errors.New("the API has asked the worker to slow down")
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
	aboutBucket                 // perhaps every job: the store's circuit breaker opens when a second one is refused
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
	{stagePoll, job.ClassNoRoom, "", apiIsWell, (*Worker).noSlot, "unavailable"},
	{stagePoll, job.ClassNotReady, "", apiIsWell, (*Worker).notReady, "running"},
	{stagePoll, job.ClassUnavailable, "", aboutAPI, (*Worker).unanswered, "unavailable"},
	{stagePoll, job.ClassStalled, "", aboutAPI, (*Worker).unanswered, "unavailable"},
	{stagePoll, job.ClassForbidden, "", aboutAccount, (*Worker).forbidden, "refused"},
	{stagePoll, job.ClassThrottled, "", aboutRate, (*Worker).throttled, "throttled"},
	{stagePoll, job.ClassRefused, "", aboutAPI, (*Worker).pause, "refused"},

	{anyStage, job.ClassNotCompleted, "", aboutJob, (*Worker).onVerdict, ""},
	{anyStage, job.ClassPermanent, "", aboutJob, (*Worker).fail, ""},
	{anyStage, job.ClassRefused, job.API, aboutAPI, (*Worker).pause, ""},
	{anyStage, job.ClassRefused, "", aboutStore, (*Worker).pause, ""},
	{anyStage, job.ClassThrottled, "", aboutRate, (*Worker).wait, ""},
	{anyStage, job.ClassUnavailable, job.Store, aboutStore, (*Worker).waitForStore, ""},
	{anyStage, job.ClassForbidden, job.Store, aboutBucket, (*Worker).waitForStore, ""},
	{stageTransfer, job.ClassUnavailable, "", aboutJob, (*Worker).waitForSource, ""},
	{stageTransfer, job.ClassStalled, "", aboutJob, (*Worker).waitForSource, ""},
	{anyStage, job.ClassUnavailable, "", aboutJob, (*Worker).wait, ""},
	{anyStage, job.ClassStalled, "", aboutJob, (*Worker).wait, ""},
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
	case errors.Is(err, errThrottled):
		withoutAnswer(j)
		return decision{action: schedule, delay: w.throttle.Left(), cause: causePaused}
	case errors.Is(err, limit.ErrNoSlot):
		return w.noSlot(s, j, nil)
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
			w.apiBreaker.Failure(j.ID, &job.Error{Class: job.ClassRefused, By: job.API, Err: err.Err})
		}
	case aboutAPI:
		w.apiBreaker.Failure(j.ID, err)
	case aboutStore:
		w.storeBreaker.Failure(j.ID, err)
	case aboutBucket:
		if w.stored.Refused(j.ID) > 1 { // one alone may be at fault itself
			w.storeBreaker.Failure(j.ID, &job.Error{Class: job.ClassRefused, By: job.Store, Err: err.Err})
		}
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
