package fetch

import (
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/jobferry/jobferry/internal/job"
)

// errNoStatus is an answer that says nothing about the job. A proxy's error
// document looks like that; the job must not be judged by it.
var errNoStatus = errors.New("the job API's answer has no status")

// answer reads one JSON answer, its members in whatever order they come. An
// answer that fits into the window is read whole before anything is said about
// it. In a larger one, a result that is itself the payload is left where it
// stands: the reading stops there, the payload streams it, and finish reads
// the rest.
type answer struct {
	body    *body
	lexer   lexer
	limit   int64
	header  http.Header
	which   selection // of the files
	room    *holding  // for the files; given back unless the answer goes out with them
	fits    bool      // the whole answer is in the window
	started bool      // a member has been read

	status     *string
	errorValue []byte
	top        document // the members at the top level that matter
	hasResult  bool
	result     result
}

// result is what the answer's result member is.
type result struct {
	kind    job.Kind
	files   []job.File
	payload job.Payload
	// failure says that the result is of no use. It counts only if the job
	// is completed.
	failure *job.Error
}

// readJSON reads the answer until it is whole or its payload begins. It owns
// the body.
func (c *Client) readJSON(b *body, fits bool, which selection) (job.Answer, error) {
	a := &answer{
		body: b, lexer: lexer{in: b.in, most: c.overhead}, limit: c.cfg.MaxResultBytes,
		header: b.response.Header, which: which, room: &holding{budget: c.lists}, fits: fits,
	}
	answer, err := a.read()
	if len(answer.Files) == 0 {
		a.room.release()
		return answer, err
	}
	answer.Release = a.room.release
	return answer, nil
}

// read is readJSON without the memory of the files.
func (a *answer) read() (job.Answer, error) {
	b := a.body
	if err := a.lexer.expect('{'); err != nil {
		_ = b.Close()
		return job.Answer{}, unreadable(err)
	}
	streaming, err := a.walk()
	if err != nil {
		_ = b.Close()
		return job.Answer{}, unreadable(a.endless(err))
	}
	if streaming {
		return job.Answer{Verdict: job.Completed, Kind: a.result.payload.Kind(), Payload: a.result.payload}, nil
	}
	defer func() { _ = b.Close() }()
	return a.judge()
}

// unreadable is the error of an answer that cannot be read to its end: cut short,
// or not JSON. What it would have said, the next poll asks for.
func unreadable(err error) error { return during("read the job API's answer", err) }

// walk reads member by member, to the end of the answer or to a payload.
func (a *answer) walk() (streaming bool, err error) {
	for {
		name, more, err := a.lexer.member(!a.started)
		if err != nil {
			return false, err
		}
		if !more {
			return false, a.lexer.end()
		}
		a.started = true
		if name != "result" {
			err = a.member(name)
		} else if streaming, err = a.readResult(); streaming {
			return true, nil
		}
		if err != nil {
			return false, err
		}
	}
}

// member reads a member that is not the result. The last of a name counts.
func (a *answer) member(name string) error {
	switch name {
	case "status":
		raw, _, err := a.lexer.capture(memberLimit)
		a.status = nil
		if status, ok := textOf(raw); ok && err == nil {
			a.status = &status
		}
		return err
	case "error":
		return a.keep(&a.errorValue)
	case "type":
		return a.keep((*[]byte)(&a.top.Type))
	case "title":
		return a.keep((*[]byte)(&a.top.Title))
	case "extensions":
		return a.keep((*[]byte)(&a.top.Extensions))
	}
	return a.lexer.skip()
}

// keep holds a small member. One that is too long to be what it should be is
// read over, and counts as absent.
func (a *answer) keep(into *[]byte) (err error) {
	*into, _, err = a.lexer.capture(memberLimit)
	return err
}

// judge says what the whole answer means.
func (a *answer) judge() (job.Answer, error) {
	if a.status == nil {
		return job.Answer{}, &job.Error{By: job.API, Err: errNoStatus}
	}
	answer := job.Answer{
		Verdict:    verdict(*a.status),
		RetryAfter: retryAfter(a.header, a.top.Extensions, time.Now()),
	}
	switch {
	case answer.Verdict == job.Failed:
		answer.Error = failedProblem(a.errorValue, a.top)
	case answer.Verdict != job.Completed:
	case !a.hasResult:
		return job.Answer{}, invalid("the job is completed and the answer has no result")
	case a.result.failure != nil:
		return job.Answer{}, a.result.failure
	default:
		answer.Kind, answer.Files, answer.Payload = a.result.kind, a.result.files, a.result.payload
	}
	return answer, nil
}

// finish reads what comes after a payload that was streamed. It returns nil if
// the answer is valid to its end and says that the job is completed.
func (a *answer) finish() error {
	if _, err := a.walk(); err != nil {
		return unreadable(a.endless(err))
	}
	settled, err := a.judge()
	if err != nil {
		return err
	}
	if settled.Verdict != job.Completed {
		return job.NotCompleted(settled)
	}
	return nil
}

// endless makes an answer without an end a matter of the job, where the job is
// known to be completed: asking again would bring as much again.
func (a *answer) endless(err error) error {
	if errors.Is(err, errOverhead) && a.status != nil && verdict(*a.status) == job.Completed {
		return &job.Error{Class: job.ClassPermanent, Reason: job.ReasonResultTooLarge, Err: err}
	}
	return err
}

// notCompleted reports whether the answer has already said that there is no
// result to look at.
func (a *answer) notCompleted() bool {
	return a.status != nil && verdict(*a.status) != job.Completed
}

// invalid is a completed result of no shape that is understood. Asking again
// would bring the same one.
func invalid(format string, args ...any) *job.Error {
	return &job.Error{Class: job.ClassPermanent, Reason: job.ReasonResultInvalid, Err: fmt.Errorf(format, args...)}
}
