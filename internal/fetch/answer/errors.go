package answer

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/jobferry/jobferry/internal/fetch/watchdog"
	"github.com/jobferry/jobferry/internal/job"
)

// Classify returns err as what it means for the job. An error without a meaning
// of its own says that the job API is not available.
func Classify(err error) error {
	if ended, ok := errors.AsType[*watchdog.Interrupted](err); ok {
		return ended
	}
	if known, ok := errors.AsType[*job.Error](err); ok {
		return known
	}
	if errors.Is(err, watchdog.ErrNoAnswer) || errors.Is(err, watchdog.ErrStalled) {
		return &job.Error{Class: job.ClassStalled, By: job.API, Err: err}
	}
	return &job.Error{By: job.API, Err: err}
}

// During is Classify of an error that happened while something was done. An error
// that makes its job wait says what that was.
func During(what string, err error) error {
	err = Classify(err)
	known, ok := errors.AsType[*job.Error](err)
	if !ok || !known.Waits() {
		return err
	}
	prefixed := *known
	prefixed.Err = fmt.Errorf("%s: %w", what, known.Err)
	return &prefixed
}

// NotTheAPI is the error of an answer that somebody else gives in the API's place:
// a firewall, a load balancer, a maintenance page. It says nothing about the job.
func NotTheAPI(resp *watchdog.Response, what string) error {
	return &job.Error{
		By: job.Gateway, RetryAfter: RetryAfter(resp.Header, nil), Problem: statusProblem(resp.StatusCode, nil),
		Err: fmt.Errorf("the job API's address answers %d %s, which is not the API's own answer; see what stands between", resp.StatusCode, what),
	}
}

// Unavailable is the error of a status code that says something about the API and
// nothing about the job. A redirect most likely means a wrong base URL; it is not
// followed because the token would go with it.
func Unavailable(resp *watchdog.Response, body []byte) error {
	err := fmt.Errorf("the job API answers %d", resp.StatusCode)
	if resp.StatusCode/100 == 3 {
		err = fmt.Errorf("%w, a redirect, which is not followed; check NITRO_API_URL", err)
	}
	return &job.Error{
		Class: ClassOf(resp.StatusCode), By: job.API, Err: err,
		Problem: statusProblem(resp.StatusCode, body), RetryAfter: RetryAfter(resp.Header, body),
	}
}

// ClassOf is the class of a status code that says nothing about the job.
func ClassOf(status int) job.Class {
	if status == http.StatusTooManyRequests {
		return job.ClassThrottled
	}
	return job.ClassUnavailable
}

// Forbidden is the error of a status code by which the API refuses a job, or all of
// them.
func Forbidden(resp *watchdog.Response, body []byte) error {
	return &job.Error{
		Class: job.ClassForbidden, By: job.API, Reason: job.ReasonAPIRejected,
		Problem: statusProblem(resp.StatusCode, body), RetryAfter: RetryAfter(resp.Header, body),
		Err: fmt.Errorf("the job API answers %d", resp.StatusCode),
	}
}

// Unauthorized is the error of a job that the API refuses with 401, though it takes
// the token for others: the job may belong to another account.
func Unauthorized() error {
	return &job.Error{
		Class: job.ClassForbidden, By: job.API, Reason: job.ReasonAPIRejected,
		Problem: &job.Problem{Title: http.StatusText(http.StatusUnauthorized), Status: http.StatusUnauthorized},
		Err:     errors.New("the job API answers 401 to this job alone; does it belong to another account"),
	}
}

// Rejected is the error of a status code that ends the job.
func Rejected(resp *watchdog.Response, reason job.Reason, body []byte) error {
	return &job.Error{
		Class:   job.ClassPermanent,
		By:      job.API,
		Reason:  reason,
		Problem: statusProblem(resp.StatusCode, body),
		Err:     fmt.Errorf("the job API answers %d", resp.StatusCode),
	}
}

// unreadable is the error of an answer that cannot be read to its end: cut short,
// or not JSON. The next poll asks for it again.
func unreadable(err error) error { return During("read the job API's answer", err) }

// notReady is the error of a completed job whose result is not there yet. answer is
// what the job comes to if it stays so: without a kind, the result is invalid.
func notReady(answer job.Answer, format string, args ...any) *job.Error {
	return &job.Error{Class: job.ClassNotReady, By: job.API, Reason: job.ReasonResultInvalid, Answer: &answer, Err: fmt.Errorf(format, args...)}
}

// invalid is the error of a completed result that has no known shape. The next
// poll would bring the same one.
func invalid(format string, args ...any) *job.Error {
	return job.Fail(job.ReasonResultInvalid, format, args...)
}
