package answer

import (
	"bufio"
	"bytes"
	"errors"

	"github.com/jobferry/jobferry/internal/fetch/jsonstream"
	"github.com/jobferry/jobferry/internal/job"
)

// result is what the answer's result member is.
type result struct {
	kind    job.Kind
	files   []job.File
	payload job.Payload
	// failure says that the result is of no use. It counts only if the job
	// is completed.
	failure error
}

// readResult reads the result member, or reports that it is a payload that is
// yet to be streamed.
func (p *parser) readResult() (streaming bool, err error) {
	again := p.hasResult
	p.hasResult = true
	if p.notCompleted() {
		return false, p.in.Skip()
	}
	if again {
		p.result = result{failure: invalid("the answer has more than one result")}
		return false, p.in.Skip()
	}
	first, err := p.in.Peek()
	switch {
	case err != nil:
		return false, err
	case first == 'n':
		p.result.failure = notReady(job.Answer{}, "the job is completed and its result is null")
		return false, p.in.Skip()
	case first != '"' && first != '{':
		p.result.failure = invalid("the result is neither an object nor a string")
		return false, p.in.Skip()
	case p.fits:
		return false, tooDeep(p.holdResult())
	case first == '"':
		p.result.payload = p.textPayload()
		return true, nil
	}
	seen, err := p.lookAhead()
	if err != nil {
		return false, tooDeep(err)
	}
	if seen.isFiles() {
		p.result, err = readFiles(p.in, p.memory)
		return false, tooDeep(err)
	}
	p.result.payload = p.objectPayload(seen)
	return true, nil
}

// notCompleted reports whether the answer has already said that there is no
// result to look at.
func (p *parser) notCompleted() bool {
	return p.status != nil && verdict(*p.status) != job.Completed
}

// tooDeep makes a result that is nested too deeply a matter of the job.
func tooDeep(err error) error {
	if errors.Is(err, jsonstream.ErrDepth) {
		return &job.Error{Class: job.ClassPermanent, Reason: job.ReasonResultInvalid, Err: err}
	}
	return err
}

// lookAhead notes the result's member names as far as the window shows them.
func (p *parser) lookAhead() (memberSet, error) {
	window, err := p.body.in.Peek(windowBytes)
	if len(window) == 0 {
		return 0, err
	}
	var seen memberSet
	err = jsonstream.ScanNames(window, seen.add)
	return seen, err
}

// holdResult reads a result that fits into the window.
func (p *parser) holdResult() error {
	raw, _, err := p.in.Capture(windowBytes)
	if err != nil {
		return err
	}
	if raw[0] == '"' {
		text, _ := jsonstream.Unquote(raw)
		p.hold([]byte(text), typeText, job.KindText)
		return nil
	}
	var seen memberSet
	if err := jsonstream.ScanNames(raw, seen.add); err != nil {
		return err
	}
	if seen.isFiles() {
		held := jsonstream.NewReader(bufio.NewReaderSize(bytes.NewReader(raw), len(raw)), 0)
		p.result, err = readFiles(held, p.memory)
		return err
	}
	p.hold(raw, typeJSON, seen.payloadKind())
	return nil
}

// hold makes bytes in memory the payload.
func (p *parser) hold(content []byte, contentType string, kind job.Kind) {
	if int64(len(content)) > p.limit {
		p.result.failure = job.TooLarge(p.limit)
		return
	}
	p.result.kind = kind
	p.result.payload = &heldPayload{
		description: description{size: int64(len(content)), kind: kind, contentType: contentType},
		reader:      bytes.NewReader(content),
	}
}
