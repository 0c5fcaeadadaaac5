package fetch

import (
	"bufio"
	"errors"
	"fmt"
	"io"
)

// windowBytes is how much of an answer is in view at a time, and how much of it
// a poll holds at most.
const windowBytes = 64 << 10

// memberLimit is how much of a small member is kept.
const memberLimit = 64 << 10

// maxOverhead is how much of an answer may be something else than a payload that
// is streamed, in bytes. A result of maxFiles files, two KiB each, has 200 MiB.
const maxOverhead = 512 << 20

// errOverhead ends an answer that goes on and on beside its payload.
var errOverhead = errors.New("the answer has too many bytes beside its payload")

// lexer walks through JSON member by member. It never holds more than its
// reader's window, and it can be left and taken up between any two calls.
type lexer struct {
	in    *bufio.Reader
	spent int64 // bytes of white space, names, and values that are not streamed
	most  int64 // that may be spent; 0: any number
}

// spend consumes bytes that are not the payload's.
func (l *lexer) spend(n int) error {
	l.discard(n)
	if l.spent += int64(n); l.most > 0 && l.spent > l.most {
		return errOverhead
	}
	return nil
}

// window returns what is buffered, at least so many bytes of it, without
// consuming it. On an error fewer are returned; the end of the input is an
// error like any other: io.ErrUnexpectedEOF.
func (l *lexer) window(least int) ([]byte, error) {
	w, err := l.in.Peek(max(least, l.in.Buffered()))
	if len(w) >= least {
		return w, nil
	}
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return w, err
}

// discard consumes bytes that window returned.
func (l *lexer) discard(n int) { _, _ = l.in.Discard(n) }

// peek returns the next byte that is not white space, without consuming it.
func (l *lexer) peek() (byte, error) {
	for {
		w, err := l.window(1)
		if err != nil {
			return 0, err
		}
		for i, c := range w {
			if !isSpace(c) {
				return c, l.spend(i)
			}
		}
		if err := l.spend(len(w)); err != nil {
			return 0, err
		}
	}
}

// expect consumes the next byte, which must be c.
func (l *lexer) expect(c byte) error {
	got, err := l.peek()
	if err != nil {
		return err
	}
	if got != c {
		return unexpected(got, fmt.Sprintf("%q", c))
	}
	l.discard(1)
	return nil
}

// separator stands before each member or element: it consumes the comma, or
// the closing byte and reports that there is no more.
func (l *lexer) separator(first bool, closing byte) (more bool, err error) {
	c, err := l.peek()
	switch {
	case err != nil:
		return false, err
	case c == closing:
		l.discard(1)
		return false, nil
	case first:
		return true, nil
	case c != ',':
		return false, unexpected(c, fmt.Sprintf("a comma or %q", closing))
	}
	l.discard(1)
	if c, err = l.peek(); err == nil && c == closing {
		return false, unexpected(c, "another value")
	}
	return true, err
}

// member consumes the name of an object's next member and its colon. The
// opening brace must have been consumed.
func (l *lexer) member(first bool) (name string, more bool, err error) {
	more, err = l.separator(first, '}')
	if err != nil || !more {
		return "", false, err
	}
	c, err := l.peek()
	if err != nil {
		return "", false, err
	}
	if c != '"' {
		return "", false, unexpected(c, "a member name")
	}
	raw, whole, err := l.capture(memberLimit)
	if err != nil {
		return "", false, err
	}
	if whole {
		name = text(raw)
	}
	return name, true, l.expect(':')
}

// capture consumes the next value and returns a copy of it. A value of more
// than limit bytes is consumed and checked all the same, but not held: whole
// is false then.
func (l *lexer) capture(limit int) (raw []byte, whole bool, err error) {
	whole = true
	err = l.consume(func(p []byte) {
		if whole = whole && len(raw)+len(p) <= limit; whole {
			raw = append(raw, p...)
		}
	})
	if !whole {
		raw = nil
	}
	return raw, whole, err
}

// skip consumes the next value.
func (l *lexer) skip() error { return l.consume(func([]byte) {}) }

// consume passes the bytes of the next value, once they are checked.
func (l *lexer) consume(pass func([]byte)) error {
	if _, err := l.peek(); err != nil {
		return err
	}
	var s scanner
	for s.state != finished {
		w, err := l.window(1)
		if err != nil {
			return err
		}
		n, err := s.feed(w)
		if err != nil {
			return err
		}
		pass(w[:n])
		if err := l.spend(n); err != nil {
			return err
		}
	}
	return nil
}

// end checks that nothing but white space is left.
func (l *lexer) end() error {
	c, err := l.peek()
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return nil
	}
	if err != nil {
		return err
	}
	return unexpected(c, "the end")
}

// scan feeds the scanner with as much as there is and b has room for, and
// copies it to b.
func (l *lexer) scan(s *scanner, b []byte) (int, error) {
	w, err := l.window(1)
	if err != nil {
		return 0, err
	}
	n, err := s.feed(w[:min(len(w), len(b))])
	if err != nil {
		return 0, err
	}
	copy(b, w[:n])
	l.discard(n)
	return n, nil
}

// unquote decodes more of a string into b, and consumes its closing quote:
// done says so.
func (l *lexer) unquote(b []byte) (n int, done bool, err error) {
	for least := 1; ; {
		w, err := l.window(least)
		if err != nil {
			return 0, false, err
		}
		n, took, closed, err := unquote(b, w)
		if took > 0 {
			l.discard(took) // an error comes again, with nothing before it
			return n, false, nil
		}
		if closed {
			l.discard(1)
			return 0, true, nil
		}
		if !errors.Is(err, errMore) {
			return 0, false, err
		}
		least = len(w) + 1
	}
}
