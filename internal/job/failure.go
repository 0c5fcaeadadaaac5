package job

import (
	"errors"
	"fmt"
	"time"
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
		ReasonResultInvalid, ReasonStoreRejected, ReasonStoreFailed, ReasonWorkerCrashed,
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

// Failure is an error that settles its job: trying again would not change it.
// It is the one way to say so; every other error means that the job waits.
type Failure struct {
	Reason  Reason
	Problem *Problem // the API's own word, where there is one
	Err     error    // what happened, free of secrets and signed URLs
}

// Fail returns a Failure with a formatted explanation.
func Fail(reason Reason, format string, args ...any) *Failure {
	return &Failure{Reason: reason, Err: fmt.Errorf(format, args...)}
}

// Error is the reason, and what happened where that is known.
func (f *Failure) Error() string {
	if f.Err == nil {
		return string(f.Reason)
	}
	return string(f.Reason) + ": " + f.Err.Error()
}

// Unwrap returns what happened, nil where the API alone said so.
func (f *Failure) Unwrap() error { return f.Err }

// Refused is an error of a dependency that concerns every job alike: bad
// credentials, a bucket that is not there. Work on that dependency pauses and
// no job is charged.
type Refused struct {
	By  Dependency
	Err error // says what is refused and what to do about it
}

// Dependency is what the worker depends on beside the broker.
type Dependency string

// The dependencies.
const (
	API   Dependency = "api"
	Store Dependency = "store"
)

// Error says what is refused and what to do about it.
func (r *Refused) Error() string { return r.Err.Error() }

// Unwrap returns the same as an error.
func (r *Refused) Unwrap() error { return r.Err }

// IsRefused reports whether err is, or wraps, a [Refused].
func IsRefused(err error) bool {
	var refused *Refused
	return errors.As(err, &refused)
}

// Unavailable is an answer that could not be had or could not be read: the
// job waits. Its text carries no secret and no signed URL.
type Unavailable struct {
	Err        error
	RetryAfter time.Duration // how long the API asks to wait at least, zero if it does not say
	Throttled  bool          // 429: the whole pod slows down
	NoRoom     bool          // the API is well, and this pod cannot hold the answer beside others
}

// Error says why there is no answer.
func (u *Unavailable) Error() string { return u.Err.Error() }

// Unwrap returns the same as an error, so that its cause can be found.
func (u *Unavailable) Unwrap() error { return u.Err }

// StoreError is an error of the object store that may pass: the job waits and
// its result is stored later, until its deadline.
type StoreError struct {
	Err error
}

// Error says what the store answered, and to what.
func (s *StoreError) Error() string { return s.Err.Error() }

// Unwrap returns the same as an error, so that its cause can be found.
func (s *StoreError) Unwrap() error { return s.Err }

// ErrLength is the error of a download that ended, in good order, before the
// length that it announced itself, and could not be resumed. Network trouble
// does not look like that; a file host that is wrong about its files does.
var ErrLength = errors.New("the download disagrees with its own length")

// Settled is the error of a payload's Read when the rest of the API's answer
// says that the job is not completed after all. Polling again would bring the
// same answer, so it carries the verdict: Failed, Canceled or Running.
type Settled struct {
	Answer Answer
}

// Error names the verdict.
func (s *Settled) Error() string {
	return "the rest of the answer says that the job is " + string(s.Answer.Verdict)
}
