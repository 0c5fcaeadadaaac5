package fetch

import (
	"context"
	"errors"
	"fmt"

	"github.com/jobferry/jobferry/internal/job"
)

// interrupted is the end of the caller's context. It matches both the
// context's error and its cause.
type interrupted struct {
	err, cause error
}

// interruption is the end of ctx, which must have ended.
func interruption(ctx context.Context) error {
	return &interrupted{err: ctx.Err(), cause: context.Cause(ctx)}
}

func (i *interrupted) Error() string   { return i.cause.Error() }
func (i *interrupted) Unwrap() []error { return []error{i.err, i.cause} }

// unavailable makes an error that means nothing else yet into one that lets
// the job wait. Errors with a meaning of their own pass.
func unavailable(err error) error {
	if ended, ok := errors.AsType[*interrupted](err); ok {
		return ended
	}
	if known, ok := errors.AsType[*job.Error](err); ok {
		return known
	}
	return &job.Error{By: job.API, Err: err}
}

// during says what was under way when err happened, and that the job waits for
// better times unless err says otherwise.
func during(what string, err error) error {
	known, ok := errors.AsType[*job.Error](unavailable(err))
	if !ok {
		return unavailable(err)
	}
	if !waits(known) {
		return known
	}
	prefixed := *known
	prefixed.Err = fmt.Errorf("%s: %w", what, known.Err)
	return &prefixed
}

// waits reports whether the job of an error has to wait and no more.
func waits(err *job.Error) bool {
	switch err.Class {
	case job.ClassUnavailable, job.ClassThrottled, job.ClassNoRoom, job.ClassWrongLength:
		return true
	default:
		return false
	}
}

// tooLarge names the setting, because the operator may well want the result.
func tooLarge(limit int64) *job.Error {
	return job.Fail(job.ReasonResultTooLarge, "the result has more than %d bytes; raise WORKER_MAX_RESULT_BYTES to take it", limit)
}
