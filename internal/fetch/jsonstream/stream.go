package jsonstream

import (
	"encoding/json"
	"errors"
	"io"
	"unicode/utf8"
)

// RawReader returns a reader of the next value as it is written in the document.
// It returns io.EOF after the last byte of the value; the Reader then goes on
// behind it. name, unless it is nil, is called with each name of the value's own
// members, as [ScanNames] does, before Read returns the bytes that follow it.
func (r *Reader) RawReader(name func(string)) io.Reader {
	return &rawReader{in: r, scanner: scanner{onName: name}}
}

type rawReader struct {
	in      *Reader
	begun   bool
	scanner scanner
}

func (v *rawReader) Read(b []byte) (int, error) {
	if len(b) == 0 {
		return 0, nil
	}
	if !v.begun {
		if _, err := v.in.Peek(); err != nil {
			return 0, err
		}
		v.begun = true
	}
	if v.scanner.state == finished {
		return 0, io.EOF
	}
	checked, err := v.in.check(&v.scanner, len(b))
	if err != nil {
		return 0, err
	}
	if len(checked) == 0 {
		return 0, io.EOF // it was a number, which ends with what follows
	}
	n := copy(b, checked)
	v.in.discard(n)
	return n, nil
}

// StringReader returns a reader of the text of the next value, which must be a
// string. It returns io.EOF after the last byte of the text; the Reader then goes
// on behind the string.
func (r *Reader) StringReader() io.Reader { return &stringReader{in: r} }

type stringReader struct {
	in     *Reader
	begun  bool
	closed bool
	small  [utf8.UTFMax]byte // for a caller that has no room for a rune
	left   []byte            // of small
}

func (v *stringReader) Read(b []byte) (int, error) {
	switch {
	case len(b) == 0:
		return 0, nil
	case len(v.left) == 0 && len(b) >= utf8.UTFMax:
		return v.decode(b)
	case len(v.left) == 0:
		n, err := v.decode(v.small[:])
		if err != nil {
			return 0, err
		}
		v.left = v.small[:n]
	}
	n := copy(b, v.left)
	v.left = v.left[n:]
	return n, nil
}

// decode puts more of the string into b, which has room for a rune at least.
func (v *stringReader) decode(b []byte) (int, error) {
	if !v.begun {
		if err := v.in.expect('"'); err != nil {
			return 0, err
		}
		v.begun = true
	}
	for least := 1; !v.closed; {
		w, err := v.in.window(least)
		if err != nil {
			return 0, err
		}
		n, took, closed, err := decode(b, w)
		switch {
		case took > 0:
			v.in.discard(took) // an error comes again, with nothing before it
			return n, nil
		case closed:
			v.in.discard(1)
			v.closed = true
		case !errors.Is(err, errMore):
			return 0, err
		}
		least = len(w) + 1
	}
	return 0, io.EOF
}

// ScanNames calls name with each name of an object's own members, as far as p
// reaches; p may end anywhere after it. Names of more than 128 bytes are left
// out. The error is that of the grammar.
func ScanNames(p []byte, name func(string)) error {
	s := scanner{onName: name}
	_, err := s.feed(p)
	return err
}

// Unquote returns the text of a JSON string, or false if raw is another value.
// raw must be a valid value, such as [Reader.Capture] returns.
func Unquote(raw []byte) (text string, ok bool) {
	if len(raw) < 2 || raw[0] != '"' {
		return "", false
	}
	if inner := raw[1 : len(raw)-1]; plainRun(inner) == len(inner) && utf8.Valid(inner) {
		return string(inner), true // most strings need no decoder
	}
	err := json.Unmarshal(raw, &text)
	return text, err == nil
}
