package job

import (
	"errors"
	"fmt"
	"time"

	"github.com/jobferry/jobferry/internal/secret"
)

// Reason says why a job failed. The set is closed: it is the reason of the
// event and the label of the metric.
type Reason string

// The reasons of a failed event.
const (
	ReasonJobFailed        Reason = "job_failed"
	ReasonAPIRejected      Reason = "api_rejected"
	ReasonJobExpired       Reason = "job_expired"
	ReasonJobUnknown       Reason = "job_unknown"
	ReasonDeadlineExceeded Reason = "deadline_exceeded"
	ReasonResultTooLarge   Reason = "result_too_large"
	ReasonResultBlocked    Reason = "result_blocked"
	ReasonDownloadFailed   Reason = "download_failed"
	ReasonResultInvalid    Reason = "result_invalid"
	ReasonStoreRejected    Reason = "store_rejected"
	ReasonStoreFailed      Reason = "store_failed"
	ReasonWorkerCrashed    Reason = "worker_crashed"
)

// Reasons lists them all, for metrics that start at zero.
func Reasons() []Reason {
	return []Reason{
		ReasonJobFailed, ReasonAPIRejected, ReasonJobExpired, ReasonJobUnknown,
		ReasonDeadlineExceeded, ReasonResultTooLarge, ReasonResultBlocked,
		ReasonDownloadFailed, ReasonResultInvalid, ReasonStoreRejected, ReasonStoreFailed, ReasonWorkerCrashed,
	}
}

// Problem is an error as the API told it: the error object of a failed job,
// or a problem document (RFC 9457). Query strings are cut from its URLs.
type Problem struct {
	Type     string `json:"type,omitempty"`
	Title    string `json:"title,omitempty"`
	Status   int    `json:"status,omitempty"`
	Detail   string `json:"detail,omitempty"`
	Instance string `json:"instance,omitempty"`
}

// maxCause is how much of an error a problem carries, in bytes.
const maxCause = 1 << 10

// ProblemOf is the problem of an error that is not the API's.
func ProblemOf(err error) *Problem { return &Problem{Title: secret.Printable(err.Error(), maxCause)} }

// Class is what an error means for its job.
type Class int

// The classes. The zero value is the careful one: the job waits.
const (
	ClassUnavailable  Class = iota // no answer, or none that can be read: the job waits
	ClassThrottled                 // asked to slow down: the job waits, and so does the pod
	ClassNoRoom                    // this pod cannot hold the answer beside others: another one may
	ClassWrongLength               // a download disagrees with its own length: the job waits, a few times
	ClassStalled                   // nothing came for too long: the job waits, and its next download has more time
	ClassURLRefused                // a file host takes no URL of the file: the job waits while its result may live
	ClassRefused                   // By refuses every job alike: all work on it pauses
	ClassNotCompleted              // the API says that the job is not completed: see Answer
	ClassNotReady                  // the API says completed, and the result is not there: the job waits, a few times
	ClassForbidden                 // By refuses this job, or all of them: what else it answers tells
	ClassPermanent                 // trying again changes nothing: the job has failed, with Reason
)

// Dependency is what the worker depends on beside the broker.
type Dependency string

// The dependencies.
const (
	API      Dependency = "api"
	Gateway  Dependency = "gateway" // whoever answers in the API's place: a firewall, a load balancer, a cache
	FileHost Dependency = "file_host"
	Store    Dependency = "store"
)

// Error is the one way in which an answer, or the lack of one, ends or delays a
// job. Who knows the error sets the class; the consumer's table says what
// follows from it. Any other error means what ClassUnavailable means.
type Error struct {
	Class Class
	By    Dependency // that said so, or did not answer; empty if none did

	Reason     Reason        // of ClassPermanent
	Problem    *Problem      // the API's own word, where there is one
	RetryAfter time.Duration // how long By asks to wait at least, 0 if it does not say
	Answer     *Answer       // of ClassNotCompleted
	Err        error         // what happened and what to do about it, free of secrets and signed URLs
}

// Fail returns an error of ClassPermanent with a formatted explanation.
func Fail(reason Reason, format string, args ...any) *Error {
	return &Error{Class: ClassPermanent, Reason: reason, Err: fmt.Errorf(format, args...)}
}

// NotCompleted returns the error of an answer that carries no result.
func NotCompleted(answer Answer) *Error {
	return &Error{Class: ClassNotCompleted, By: API, Answer: &answer, RetryAfter: answer.RetryAfter}
}

// WaitAtLeast is e with a longer RetryAfter, if it has a shorter one.
func (e *Error) WaitAtLeast(d time.Duration) *Error {
	if e.RetryAfter >= d {
		return e
	}
	longer := *e
	longer.RetryAfter = d
	return &longer
}

// IsRunning reports whether the API says that the job still runs.
func (e *Error) IsRunning() bool { return e.Class == ClassNotCompleted && e.Answer.Verdict == Running }

// Error says what happened. A permanent error begins with its reason.
func (e *Error) Error() string {
	switch {
	case e.Class == ClassNotCompleted:
		return "the API says that the job is " + string(e.Answer.Verdict)
	case e.Class == ClassPermanent && e.Err == nil:
		return string(e.Reason)
	case e.Class == ClassPermanent:
		return string(e.Reason) + ": " + e.Err.Error()
	default:
		return e.Err.Error()
	}
}

// Unwrap returns what happened, nil where the API alone said so.
func (e *Error) Unwrap() error { return e.Err }

// AsError returns the [Error] that err is or wraps. An error that nobody has
// classified becomes one that lets the job wait.
func AsError(err error) *Error {
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	return &Error{Err: err}
}

// ClassOf returns the class of err, or of the [Error] that it wraps.
func ClassOf(err error) Class { return AsError(err).Class }

// IsPermanent reports whether err ends its job.
func IsPermanent(err error) bool { return ClassOf(err) == ClassPermanent }

// IsRefused reports whether err is about every job alike.
func IsRefused(err error) bool { return ClassOf(err) == ClassRefused }

// Waits reports whether the job of the error waits, and no more follows from it
// for the job.
func (e *Error) Waits() bool {
	switch e.Class {
	case ClassUnavailable, ClassThrottled, ClassNoRoom, ClassWrongLength, ClassStalled, ClassURLRefused, ClassNotReady, ClassForbidden:
		return true
	default:
		return false
	}
}

// TooLarge is the error of a result of more than limit bytes. It names the
// setting, because the operator may well want the result.
func TooLarge(limit int64) *Error {
	return Fail(ReasonResultTooLarge, "the result has more than %d bytes; raise WORKER_MAX_RESULT_BYTES to take it", limit)
}
