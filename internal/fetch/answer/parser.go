package answer

import (
	"errors"
	"time"

	"github.com/jobferry/jobferry/internal/fetch/jsonstream"
	"github.com/jobferry/jobferry/internal/job"
)

// maxMember is how much of a small member is kept, in bytes.
const maxMember = 64 << 10

// errOverhead ends an answer that goes on and on beside its payload.
var errOverhead = errors.New("the answer has too many bytes beside its payload")

// parser reads one JSON answer, its members in whatever order they come. An
// answer that fits into the window is read whole. In a larger one, reading stops
// before a result that is the payload itself: the payload streams it, and finish
// reads the rest.
type parser struct {
	body   *body
	in     *jsonstream.Reader
	limit  int64        // of a payload, in bytes
	id     job.ID       // of the job that the answer has to be about
	memory *reservation // for the files; released unless the answer goes out with them
	fits   bool         // the whole answer is in the window

	jobID      *string
	status     *string
	errorValue []byte
	top        problemDocument // the members at the top level that matter
	hasResult  bool
	result     result
}

// read reads the whole answer, or as far as its payload. It takes the body over.
func (p *parser) read() (job.Answer, error) {
	streaming := false
	err := p.in.BeginObject()
	if err == nil {
		streaming, err = p.walk()
	}
	if err != nil {
		_ = p.body.Close()
		return job.Answer{}, unreadable(p.limited(err))
	}
	if streaming {
		return job.Answer{Verdict: job.Completed, Kind: p.result.payload.Kind(), Payload: p.result.payload}, nil
	}
	defer func() { _ = p.body.Close() }()
	return p.judge()
}

// walk reads member by member, to the end of the answer or to a payload.
func (p *parser) walk() (streaming bool, err error) {
	for {
		name, more, err := p.in.NextMember()
		if err != nil {
			return false, err
		}
		if !more {
			err := p.in.End()
			if errors.Is(err, jsonstream.ErrSyntax) { // a gateway may put something behind a document that is whole
				err = nil
			}
			return false, err
		}
		if name != "result" {
			err = p.member(name)
		} else if streaming, err = p.readResult(); streaming {
			return true, nil
		}
		if err != nil {
			return false, err
		}
	}
}

// member reads a member that is not the result. The last of a name counts.
func (p *parser) member(name string) error {
	switch name {
	case "status":
		raw, _, err := p.in.Capture(maxMember)
		p.status = nil
		if status, ok := jsonstream.Unquote(raw); ok && err == nil {
			p.status = &status
		}
		return err
	case "jobID":
		raw, _, err := p.in.Capture(maxMember)
		p.jobID = nil
		if id, ok := jsonstream.Unquote(raw); ok && err == nil {
			p.jobID = &id
		}
		return err
	case "error":
		return p.keep(&p.errorValue)
	case "type":
		return p.keep((*[]byte)(&p.top.Type))
	case "title":
		return p.keep((*[]byte)(&p.top.Title))
	case "extensions":
		return p.keep((*[]byte)(&p.top.Extensions))
	}
	return p.in.Skip()
}

// keep holds a small member. One that is too long to be what it should be is
// read over, and counts as absent.
func (p *parser) keep(into *[]byte) (err error) {
	*into, _, err = p.in.Capture(maxMember)
	return err
}

// judge says what the whole answer means.
func (p *parser) judge() (job.Answer, error) {
	switch {
	case p.status == nil || p.jobID == nil:
		return job.Answer{}, &job.Error{By: job.Gateway, Err: errNoStatus}
	case *p.jobID != string(p.id):
		return job.Answer{}, &job.Error{By: job.Gateway, Err: errOtherJob}
	}
	answer := job.Answer{
		Verdict:    verdict(*p.status),
		RetryAfter: retryAfter(p.body.response.Header, p.top.Extensions, time.Now()),
	}
	switch {
	case answer.Verdict == job.Failed:
		answer.Error = failedProblem(p.errorValue, p.top)
	case answer.Verdict != job.Completed:
	case !p.hasResult:
		return job.Answer{}, notReady(job.Answer{}, "the job is completed and the answer has no result")
	case p.result.failure != nil:
		return job.Answer{}, p.result.failure
	case p.result.kind == job.KindFiles && len(p.result.files) == 0:
		return job.Answer{}, notReady(job.Answer{Verdict: job.Completed, Kind: job.KindFiles}, "the job is completed and its list of files is empty")
	default:
		answer.Kind, answer.Files, answer.Payload = p.result.kind, p.result.files, p.result.payload
	}
	return answer, nil
}

// finish reads what comes after a payload that was streamed. It returns nil if
// the answer is valid to its end and says that the job is completed.
func (p *parser) finish() error {
	if _, err := p.walk(); err != nil {
		return unreadable(p.limited(err))
	}
	settled, err := p.judge()
	if err != nil {
		return err
	}
	if settled.Verdict != job.Completed {
		return job.NotCompleted(settled)
	}
	return nil
}

// limited names an answer without an end. Of a job that is known to be completed,
// asking again would bring as much again.
func (p *parser) limited(err error) error {
	switch {
	case !errors.Is(err, jsonstream.ErrLimit):
		return err
	case p.status != nil && verdict(*p.status) == job.Completed:
		return &job.Error{Class: job.ClassPermanent, Reason: job.ReasonResultTooLarge, Err: errOverhead}
	default:
		return errOverhead
	}
}
