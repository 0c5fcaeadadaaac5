package fetch

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"unicode/utf8"

	"github.com/jobferry/jobferry/internal/job"
)

// heldPayload is a result that came whole with its answer.
type heldPayload struct {
	description

	reader *bytes.Reader
}

func (p *heldPayload) Read(b []byte) (int, error) { return p.reader.Read(b) }
func (p *heldPayload) Close() error               { return nil }

// binaryPayload is an answer that is itself the result.
type binaryPayload struct {
	description

	body  *body
	limit int64
	count int64
	err   error // what every further Read returns
}

func (p *binaryPayload) Read(b []byte) (int, error) {
	if p.err != nil {
		return 0, p.err
	}
	n, err := p.body.in.Read(b)
	p.count += int64(n)
	switch {
	case p.count > p.limit:
		p.err = tooLarge(p.limit)
		return 0, p.err
	case errors.Is(err, io.EOF):
		p.err = io.EOF
	case p.size >= 0 && errors.Is(err, io.ErrUnexpectedEOF):
		p.err = &job.Error{Class: job.ClassWrongLength, By: job.API, Err: fmt.Errorf("the download disagrees with its own length: it ended at byte %d of %d", p.count, p.size)}
	case err != nil:
		p.err = during("read the binary result", err)
	}
	return n, p.err
}

func (p *binaryPayload) Close() error {
	p.err = closedError(p.err)
	return p.body.Close()
}

// closedError keeps the first error of a stream over its closing.
func closedError(err error) error {
	if err == nil {
		return os.ErrClosed
	}
	return err
}

// streamedPayload is a result that is read from the answer while it is still
// being received. After its last byte it reads the rest of the answer.
type streamedPayload struct {
	description

	answer *answer
	// next puts decoded bytes of the value into b, which has room for a rune
	// at least. done comes with the last of them.
	next  func(b []byte) (n int, done bool, err error)
	count int64
	done  bool
	err   error
	small [utf8.UTFMax]byte // for a b that is smaller than a rune
	left  []byte            // of small
}

func (p *streamedPayload) Read(b []byte) (int, error) {
	if len(b) == 0 {
		return 0, nil
	}
	if len(p.left) > 0 {
		n := copy(b, p.left)
		p.left = p.left[n:]
		return n, nil
	}
	for p.err == nil {
		if p.done {
			p.err = p.finish()
			break
		}
		n, err := p.advance(b)
		if err != nil {
			p.err = unreadable(tooDeep(err))
			break
		}
		if n > 0 {
			return n, nil
		}
	}
	return 0, p.err
}

// finish reads the rest of the answer, which may take the payload back.
func (p *streamedPayload) finish() error {
	if err := p.answer.finish(); err != nil {
		return err
	}
	return io.EOF
}

// advance decodes into b, by way of small if b has no room for a rune.
func (p *streamedPayload) advance(b []byte) (n int, err error) {
	into := b
	if len(b) < len(p.small) {
		into = p.small[:]
	}
	n, p.done, err = p.next(into)
	p.count += int64(n)
	if p.count > p.answer.limit {
		return 0, tooLarge(p.answer.limit)
	}
	if len(b) < len(p.small) {
		p.left = p.small[:n]
		n = copy(b, p.left)
		p.left = p.left[n:]
	}
	return n, err
}

func (p *streamedPayload) Close() error {
	p.err = closedError(p.err)
	return p.answer.body.Close()
}

// newTextPayload streams a string, whose opening quote is next.
func newTextPayload(a *answer) *streamedPayload {
	opened := false
	next := func(b []byte) (int, bool, error) {
		if !opened {
			a.lexer.discard(1)
			opened = true
		}
		return a.lexer.unquote(b)
	}
	return &streamedPayload{
		description: description{size: -1, kind: job.KindText, contentType: typeText},
		answer:      a, next: next,
	}
}

// newJSONPayload streams an object byte for byte. What has been seen of its
// names tells its kind for the time being.
func newJSONPayload(a *answer, seen names) *streamedPayload {
	p := &streamedPayload{
		description: description{size: -1, kind: seen.payloadKind(), contentType: typeJSON},
		answer:      a,
	}
	s := scanner{names: &seen}
	p.next = func(b []byte) (int, bool, error) {
		n, err := a.lexer.scan(&s, b)
		p.kind = seen.payloadKind()
		return n, s.state == finished, err
	}
	return p
}
