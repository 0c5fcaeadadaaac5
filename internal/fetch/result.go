package fetch

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"

	"github.com/jobferry/jobferry/internal/job"
)

// readResult reads the result member, or reports that it is a payload that is
// yet to be streamed.
func (a *answer) readResult() (streaming bool, err error) {
	again := a.hasResult
	a.hasResult = true
	if a.notCompleted() {
		return false, a.lexer.skip()
	}
	if again {
		a.result = result{failure: invalid("the answer has more than one result")}
		return false, a.lexer.skip()
	}
	first, err := a.lexer.peek()
	switch {
	case err != nil:
		return false, err
	case first != '"' && first != '{':
		a.result.failure = invalid("the result is neither an object nor a string")
		return false, a.lexer.skip()
	case a.fits:
		return false, tooDeep(a.holdResult())
	case first == '"':
		a.result.payload = newTextPayload(a)
		return true, nil
	}
	seen, err := a.lookAhead()
	if err != nil {
		return false, tooDeep(err)
	}
	if seen.isFiles() {
		a.result, err = readFiles(&a.lexer, a.which, a.room)
		return false, tooDeep(err)
	}
	a.result.payload = newJSONPayload(a, seen)
	return true, nil
}

// tooDeep makes a result that is nested too deeply a matter of the job.
func tooDeep(err error) error {
	if errors.Is(err, errDepth) {
		return &job.Error{Class: job.ClassPermanent, Reason: job.ReasonResultInvalid, Err: err}
	}
	return err
}

// lookAhead notes the result's member names as far as the window shows them.
func (a *answer) lookAhead() (names, error) {
	window, err := a.lexer.in.Peek(windowBytes)
	if len(window) == 0 {
		return 0, err
	}
	var seen names
	s := scanner{names: &seen}
	_, err = s.feed(window)
	return seen, err
}

// holdResult reads a result that fits into the window.
func (a *answer) holdResult() error {
	raw, _, err := a.lexer.capture(windowBytes)
	if err != nil {
		return err
	}
	if raw[0] == '"' {
		var s string
		if err := json.Unmarshal(raw, &s); err != nil {
			return err
		}
		a.hold([]byte(s), typeText, job.KindText)
		return nil
	}
	var seen names
	s := scanner{names: &seen}
	if _, err := s.feed(raw); err != nil {
		return err
	}
	if seen.isFiles() {
		held := lexer{in: bufio.NewReaderSize(bytes.NewReader(raw), len(raw))}
		a.result, err = readFiles(&held, a.which, a.room)
		return err
	}
	a.hold(raw, typeJSON, seen.payloadKind())
	return nil
}

// hold makes bytes in memory the payload.
func (a *answer) hold(content []byte, contentType string, kind job.Kind) {
	if int64(len(content)) > a.limit {
		a.result.failure = tooLarge(a.limit)
		return
	}
	a.result.kind = kind
	a.result.payload = &heldPayload{
		description: description{size: int64(len(content)), kind: kind, contentType: contentType},
		reader:      bytes.NewReader(content),
	}
}
