package jsonstream

import (
	"bufio"
	"errors"
	"fmt"
	"io"
)

// maxName is the longest name of a member that NextMember returns, in bytes as
// it is written in the document, with its quotes.
const maxName = 64 << 10

// ErrLimit ends a document that has too many bytes beside its streamed values.
var ErrLimit = errors.New("the JSON has too many bytes beside its streamed values")

// Reader reads one JSON document. A document that ends too early is the error
// [io.ErrUnexpectedEOF]; one that breaks the grammar is an [ErrSyntax]. After an
// error the Reader is of no further use. It is not safe for concurrent use.
type Reader struct {
	in    *bufio.Reader
	fresh bool  // a container has been entered, and nothing of it has been read
	spent int64 // bytes of white space, names, and values that are not streamed
	limit int64 // of spent; 0: none
}

// NewReader returns a reader of the document that in holds. White space, names
// and values that are not streamed may have limit bytes together, or any number
// of them if limit is 0; one more is an [ErrLimit]. in should have a buffer of at
// least 16 bytes.
func NewReader(in *bufio.Reader, limit int64) *Reader { return &Reader{in: in, limit: limit} }

// Peek returns the next byte that is not white space, without consuming it. It
// tells the type of the next value.
func (r *Reader) Peek() (byte, error) {
	for {
		w, err := r.window(1)
		if err != nil {
			return 0, err
		}
		for i, c := range w {
			if !isSpace(c) {
				return c, r.spend(i)
			}
		}
		if err := r.spend(len(w)); err != nil {
			return 0, err
		}
	}
}

// BeginObject enters the object that comes next. [Reader.NextMember] follows.
func (r *Reader) BeginObject() error {
	r.fresh = true
	return r.expect('{')
}

// BeginArray enters the array that comes next. [Reader.NextElement] follows.
func (r *Reader) BeginArray() error {
	r.fresh = true
	return r.expect('[')
}

// NextMember consumes the name of the next member of an object. The caller then
// consumes its value. When the object has ended, more is false. The name is empty
// if it has more than 64 KiB.
func (r *Reader) NextMember() (name string, more bool, err error) {
	more, err = r.separator('}')
	if err != nil || !more {
		return "", false, err
	}
	c, err := r.Peek()
	if err != nil {
		return "", false, err
	}
	if c != '"' {
		return "", false, unexpected(c, "a member name")
	}
	raw, _, err := r.Capture(maxName)
	if err != nil {
		return "", false, err
	}
	name, _ = Unquote(raw)
	return name, true, r.expect(':')
}

// NextElement reports whether an array has another element. The caller then
// consumes it.
func (r *Reader) NextElement() (more bool, err error) { return r.separator(']') }

// separator consumes the comma before a member or an element, or the closing
// byte.
func (r *Reader) separator(closing byte) (more bool, err error) {
	first := r.fresh
	r.fresh = false
	c, err := r.Peek()
	switch {
	case err != nil:
		return false, err
	case c == closing:
		r.discard(1)
		return false, nil
	case first:
		return true, nil
	case c != ',':
		return false, unexpected(c, fmt.Sprintf("a comma or %q", closing))
	}
	r.discard(1)
	if c, err = r.Peek(); err == nil && c == closing {
		return false, unexpected(c, "another value")
	}
	return true, err
}

// Capture consumes the next value and returns a copy of it as it is written. A
// value of more than limit bytes is consumed and checked all the same; then raw
// is nil and whole is false.
func (r *Reader) Capture(limit int) (raw []byte, whole bool, err error) {
	whole = true
	err = r.consume(func(p []byte) {
		if whole = whole && len(raw)+len(p) <= limit; whole {
			raw = append(raw, p...)
		}
	})
	if !whole {
		raw = nil
	}
	return raw, whole, err
}

// Skip consumes and checks the next value.
func (r *Reader) Skip() error { return r.consume(func([]byte) {}) }

// consume passes the bytes of the next value on, once they are checked.
func (r *Reader) consume(pass func([]byte)) error {
	if _, err := r.Peek(); err != nil {
		return err
	}
	var s scanner
	for s.state != finished {
		checked, err := r.check(&s, r.in.Size())
		if err != nil {
			return err
		}
		pass(checked)
		if err := r.spend(len(checked)); err != nil {
			return err
		}
	}
	return nil
}

// check feeds the scanner with what is buffered, at most so many bytes, and
// returns the bytes that belong to the value. They are not consumed yet.
func (r *Reader) check(s *scanner, most int) ([]byte, error) {
	w, err := r.window(1)
	if err != nil {
		if errors.Is(err, io.ErrUnexpectedEOF) && s.end() {
			err = nil // the document is a number
		}
		return nil, err
	}
	n, err := s.feed(w[:min(len(w), most)])
	return w[:n], err
}

// End checks that nothing but white space is left.
func (r *Reader) End() error {
	c, err := r.Peek()
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return nil
	}
	if err != nil {
		return err
	}
	return unexpected(c, "the end")
}

// expect consumes the next byte, which must be c.
func (r *Reader) expect(c byte) error {
	got, err := r.Peek()
	if err != nil {
		return err
	}
	if got != c {
		return unexpected(got, fmt.Sprintf("%q", c))
	}
	r.discard(1)
	return nil
}

// window returns what is buffered, at least so many bytes of it, without
// consuming it. With an error there may be fewer. The end of the input is
// io.ErrUnexpectedEOF.
func (r *Reader) window(least int) ([]byte, error) {
	w, err := r.in.Peek(max(least, r.in.Buffered()))
	if len(w) >= least {
		return w, nil
	}
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return w, err
}

// spend consumes bytes that are not streamed.
func (r *Reader) spend(n int) error {
	r.discard(n)
	if r.spent += int64(n); r.limit > 0 && r.spent > r.limit {
		return ErrLimit
	}
	return nil
}

// discard consumes bytes that window returned.
func (r *Reader) discard(n int) { _, _ = r.in.Discard(n) }
