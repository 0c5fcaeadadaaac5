package watchdog

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/jobferry/jobferry/internal/secret"
)

// drainLimit is how much of an unwanted body is read so that its connection can
// be used again, in bytes.
const drainLimit = 64 << 10

// drainTime is how long that may take.
const drainTime = time.Second

// ErrStalled ends a request whose body brings no byte for too long.
var ErrStalled = errors.New("the connection stalled")

// ErrNoAnswer ends a request that is not answered in time.
var ErrNoAnswer = errors.New("no answer")

// errClosedEarly is a connection that ended before the answer began.
var errClosedEarly = errors.New("the connection was closed before an answer came")

// Request is one HTTP request with its limits.
type Request struct {
	Method string
	URL    *url.URL
	Header http.Header // is taken over
	Body   []byte

	OpenLimit time.Duration // until Response.StopOpenTimer is called
	IdleLimit time.Duration // in which one Read of the body has to bring a byte
	MinRate   MinRate       // of the body
}

// Response is an HTTP response whose body is watched. The context of its request
// governs it until it is closed. The caller must call Close or Drain.
type Response struct {
	*http.Response

	caller  context.Context // tells whether the caller gave up
	watched context.Context // of the request: ended by its limits too
	cancel  context.CancelCauseFunc
	opening *time.Timer
	idle    *time.Timer
	limit   time.Duration // how long one Read may take
	minRate MinRate
}

// Send makes the request. Its error is an [Interrupted] if ctx has ended; if not,
// it says what went wrong, without the URL and its query.
func Send(ctx context.Context, client *http.Client, r Request) (*Response, error) {
	watched, cancel := context.WithCancelCause(ctx)
	opening := time.AfterFunc(r.OpenLimit, func() {
		cancel(fmt.Errorf("%w within %v", ErrNoAnswer, r.OpenLimit))
	})
	abandon := func(err error) error {
		opening.Stop()
		err = causeOf(ctx, watched, err)
		cancel(nil)
		return err
	}
	req, err := http.NewRequestWithContext(watched, r.Method, r.URL.String(), bytes.NewReader(r.Body))
	if err != nil {
		return nil, abandon(errors.New("the URL cannot be put into a request"))
	}
	req.Header = r.Header
	resp, err := client.Do(req) //nolint:bodyclose // the response closes it
	if errors.Is(err, io.EOF) {
		err = errClosedEarly // net/http's io.EOF must not pass for the end of a body
	}
	if err != nil {
		return nil, abandon(err)
	}
	idle := time.AfterFunc(r.IdleLimit, func() { cancel(ErrStalled) })
	idle.Stop()
	return &Response{
		Response: resp, caller: ctx, watched: watched, cancel: cancel,
		opening: opening, idle: idle, limit: r.IdleLimit, minRate: r.MinRate,
	}, nil
}

// StopOpenTimer ends the limit for opening. From then on the limits of the body
// are enough.
func (r *Response) StopOpenTimer() { r.opening.Stop() }

// SetIdleLimit changes how long one Read may take to bring a byte.
func (r *Response) SetIdleLimit(limit time.Duration) { r.limit = limit }

// Interrupted reports whether the caller's context has ended.
func (r *Response) Interrupted() bool { return r.caller.Err() != nil }

// Read reads the body. The time between two reads is the caller's own and does
// not count.
func (r *Response) Read(p []byte) (int, error) {
	r.idle.Reset(r.limit)
	began := time.Now()
	n, err := r.Body.Read(p)
	r.idle.Stop()
	switch slow := r.minRate.Add(n, time.Since(began)); {
	case err == nil:
		err = slow
	case !errors.Is(err, io.EOF):
		err = causeOf(r.caller, r.watched, err)
	}
	return n, err
}

// Close closes the response, whatever is left of its body.
func (r *Response) Close() error {
	err := r.Body.Close()
	r.opening.Stop()
	r.idle.Stop()
	r.cancel(nil)
	return err
}

// Drain closes the response so that its connection can be used again, if little
// is left of it and that comes at once.
func (r *Response) Drain() {
	r.opening.Reset(drainTime)
	_, _ = io.CopyN(io.Discard, r, drainLimit)
	_ = r.Close()
}

// ReadPrefix reads a small body, and no more than limit bytes of it.
func (r *Response) ReadPrefix(limit int64) ([]byte, error) {
	return io.ReadAll(io.LimitReader(r, limit))
}

// causeOf says why a request ended: the caller's context, a limit of ours, or
// the error of the network.
func causeOf(caller, watched context.Context, err error) error {
	if caller.Err() != nil {
		return Interruption(caller)
	}
	if watched.Err() != nil {
		return context.Cause(watched)
	}
	return secret.RedactError(err)
}
