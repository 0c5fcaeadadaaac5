package fetch

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"
)

// drainLimit is how much of an answer nobody wants is read so that its
// connection can be used again.
const drainLimit = 64 << 10

// errStalled ends a request whose body brings no byte for too long.
var errStalled = errors.New("the connection stalled")

// errNoAnswer is a connection that ended before the answer began.
var errNoAnswer = errors.New("the connection was closed before an answer came")

// request is one HTTP request. Limits are how long it may take to be opened,
// how long its body may then bring no byte, and how few bytes on average.
type request struct {
	method    string
	url       *url.URL
	header    http.Header
	body      []byte
	openLimit time.Duration
	idleLimit time.Duration
	pace      pace
}

// response is an HTTP response with a stall watchdog on its body. The caller's
// context governs it until it is closed, and Close must be called.
type response struct {
	*http.Response

	parent  context.Context // the caller's: tells whose end it was
	ctx     context.Context // of the request, ended by its limits too
	cancel  context.CancelCauseFunc
	opening *time.Timer
	idle    *time.Timer
	limit   time.Duration // how long one Read may take
	pace    pace
}

// send does the request. Its error is the end of the caller's context, or says
// what went wrong without the URL.
func send(ctx context.Context, client *http.Client, r request) (*response, error) {
	watched, cancel := context.WithCancelCause(ctx)
	opening := time.AfterFunc(r.openLimit, func() {
		cancel(fmt.Errorf("no answer within %v", r.openLimit))
	})
	abandon := func(err error) error {
		opening.Stop()
		err = interpret(ctx, watched, err)
		cancel(nil)
		return err
	}
	req, err := http.NewRequestWithContext(watched, r.method, r.url.String(), bytes.NewReader(r.body))
	if err != nil {
		return nil, abandon(errors.New("the URL cannot be put into a request"))
	}
	req.Header = r.header
	resp, err := client.Do(req) //nolint:bodyclose // the response closes it
	if errors.Is(err, io.EOF) {
		err = errNoAnswer // net/http's io.EOF must not pass for the end of a body
	}
	if err != nil {
		return nil, abandon(err)
	}
	idle := time.AfterFunc(r.idleLimit, func() { cancel(errStalled) })
	idle.Stop()
	return &response{
		Response: resp, parent: ctx, ctx: watched, cancel: cancel,
		opening: opening, idle: idle, limit: r.idleLimit, pace: r.pace,
	}, nil
}

// opened ends the time limit for opening; from then on only stalls are
// watched for.
func (r *response) opened() { r.opening.Stop() }

// Read reads the body. The time between two reads is the caller's own and does
// not count as a stall.
func (r *response) Read(p []byte) (int, error) {
	r.idle.Reset(r.limit)
	began := time.Now()
	n, err := r.Body.Read(p)
	r.idle.Stop()
	switch slow := r.pace.add(n, time.Since(began)); {
	case err == nil:
		err = slow
	case !errors.Is(err, io.EOF):
		err = interpret(r.parent, r.ctx, err)
	}
	return n, err
}

// Close lets go of the response, whatever is left of it.
func (r *response) Close() error {
	err := r.Body.Close()
	r.opening.Stop()
	r.idle.Stop()
	r.cancel(nil)
	return err
}

// drain closes the response so that its connection can be used again if little
// is left of it. The limit for opening still holds: a host must not keep us by
// dripping what nobody wants.
func (r *response) drain() {
	_, _ = io.CopyN(io.Discard, r, drainLimit)
	_ = r.Close()
}

// head reads the body of a small answer, as much of it as is of interest.
func (r *response) head(limit int64) ([]byte, error) { return io.ReadAll(io.LimitReader(r, limit)) }

// interpret says why a request ended: the caller's context, a limit of ours,
// or what the network said.
func interpret(parent, watched context.Context, err error) error {
	if parent.Err() != nil {
		return interruption(parent)
	}
	if watched.Err() != nil {
		return context.Cause(watched)
	}
	return cleanError(err)
}
