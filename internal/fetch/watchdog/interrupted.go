package watchdog

import "context"

// Interrupted is the end of the caller's context. It matches both the context's
// error and its cause.
type Interrupted struct {
	err, cause error
}

// Interruption is the end of ctx, which must have ended.
func Interruption(ctx context.Context) error {
	return &Interrupted{err: ctx.Err(), cause: context.Cause(ctx)}
}

// Error is the text of the cause.
func (i *Interrupted) Error() string { return i.cause.Error() }

// Unwrap returns the context's error and its cause.
func (i *Interrupted) Unwrap() []error { return []error{i.err, i.cause} }
