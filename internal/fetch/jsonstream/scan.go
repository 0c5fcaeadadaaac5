package jsonstream

import (
	"errors"
	"fmt"
)

// MaxDepth is how deeply values may be nested. encoding/json allows 10,000
// levels; documents that people write have ten.
const MaxDepth = 512

// ErrDepth is the error of a value that is nested too deeply.
var ErrDepth = fmt.Errorf("the JSON is nested more than %d levels deep", MaxDepth)

// ErrSyntax is wrapped by the error of every violation of the grammar.
var ErrSyntax = errors.New("the JSON is not valid")

// state is what the scanner expects next.
type state uint8

// The states, in groups: the numbers stand last so that one comparison finds
// them.
const (
	beforeValue state = iota
	afterOpenArray
	afterOpenObject
	beforeName
	afterName
	afterValue
	finished

	inString
	inEscape
	inHex
	inLiteral

	inMinus
	inZero
	inInteger
	inPoint
	inFraction
	inE
	inSign
	inExponent
)

// scanner checks one JSON value of any size as its bytes come by, strictly by
// RFC 8259 and in constant memory. The zero value is ready for one value.
type scanner struct {
	state   state
	depth   int
	objects [MaxDepth / 64]uint64 // a bit for each open container: set for an object
	naming  bool                  // the string under way is a member's name
	digits  int                   // hex digits that are still due
	literal string                // what is still due of true, false or null

	// onName, unless it is nil, is called with the names of the value's own
	// members.
	onName func(string)
	name   []byte // the name under way, as it is written
}

// feed takes the bytes of p that belong to the value and says how many they
// were; fewer than len(p) means that the value is finished.
func (s *scanner) feed(p []byte) (int, error) {
	n := 0
	for n < len(p) && s.state != finished {
		if s.state == inString {
			run := plainRun(p[n:])
			s.record(p[n : n+run])
			n += run
			if n == len(p) {
				break
			}
		}
		taken, err := s.step(p[n])
		if err != nil {
			return n, err
		}
		if taken {
			n++
		}
	}
	return n, nil
}

// plainRun counts the leading bytes that mean only themselves in a string.
func plainRun(p []byte) int {
	for i, c := range p {
		if c < ' ' || c == '"' || c == '\\' {
			return i
		}
	}
	return len(p)
}

// end says that no more bytes come and reports whether the value is whole: a
// number has no end of its own.
func (s *scanner) end() bool {
	switch s.state {
	case inZero, inInteger, inFraction, inExponent:
		s.closeValue()
	default:
	}
	return s.state == finished
}

// step takes one byte, or does not when it ends a number and belongs to what
// follows.
func (s *scanner) step(c byte) (taken bool, err error) {
	switch {
	case s.state >= inMinus:
		return s.stepNumber(c)
	case s.state == inLiteral:
		return true, s.stepLiteral(c)
	case s.state >= inString:
		return true, s.stepString(c)
	case isSpace(c):
		return true, nil
	}
	return true, s.stepStructure(c)
}

func isSpace(c byte) bool { return c == ' ' || c == '\n' || c == '\r' || c == '\t' }

// stepStructure takes a byte between values.
func (s *scanner) stepStructure(c byte) error {
	switch s.state {
	case beforeValue:
		return s.open(c)
	case afterOpenArray:
		if c == ']' {
			return s.closeContainer(c)
		}
		return s.open(c)
	case afterOpenObject:
		if c == '}' {
			return s.closeContainer(c)
		}
		return s.openName(c)
	case beforeName:
		return s.openName(c)
	case afterName:
		if c != ':' {
			return unexpected(c, "a colon")
		}
		s.state = beforeValue
		return nil
	default:
		return s.stepAfterValue(c)
	}
}

// stepAfterValue takes the comma after a value, or the end of its container.
func (s *scanner) stepAfterValue(c byte) error {
	if c != ',' {
		return s.closeContainer(c)
	}
	s.state = beforeValue
	if s.inObject() {
		s.state = beforeName
	}
	return nil
}

// open begins a value.
func (s *scanner) open(c byte) error {
	switch {
	case c == '{':
		return s.push(true, afterOpenObject)
	case c == '[':
		return s.push(false, afterOpenArray)
	case c == '"':
		s.state = inString
	case c == '-':
		s.state = inMinus
	case c == '0':
		s.state = inZero
	case isDigit(c):
		s.state = inInteger
	default:
		return s.openLiteral(c)
	}
	return nil
}

// openLiteral begins true, false or null.
func (s *scanner) openLiteral(c byte) error {
	s.state = inLiteral
	switch c {
	case 't':
		s.literal = "rue"
	case 'f':
		s.literal = "alse" //nolint:misspell // the f has been read
	case 'n':
		s.literal = "ull"
	default:
		return unexpected(c, "a value")
	}
	return nil
}

// openName begins a member's name.
func (s *scanner) openName(c byte) error {
	if c != '"' {
		return unexpected(c, "a member name")
	}
	s.state, s.naming = inString, true
	s.name = s.name[:0]
	s.record([]byte{'"'})
	return nil
}

// push enters a container. Its kind is one bit, which keeps the scanner at a
// fixed size.
func (s *scanner) push(object bool, next state) error {
	if s.depth == MaxDepth {
		return ErrDepth
	}
	bit := uint64(1) << (s.depth % 64)
	if object {
		s.objects[s.depth/64] |= bit
	} else {
		s.objects[s.depth/64] &^= bit
	}
	s.depth++
	s.state = next
	return nil
}

// inObject tells the kind of the innermost container.
func (s *scanner) inObject() bool {
	top := s.depth - 1
	return s.objects[top/64]&(1<<(top%64)) != 0
}

func (s *scanner) closeContainer(c byte) error {
	want := byte(']')
	if s.inObject() {
		want = '}'
	}
	if c != want {
		return unexpected(c, fmt.Sprintf("a comma or %q", want))
	}
	s.depth--
	s.closeValue()
	return nil
}

// closeValue ends a value; the outermost one ends the scan.
func (s *scanner) closeValue() {
	s.state = afterValue
	if s.depth == 0 {
		s.state = finished
	}
}

func unexpected(c byte, want string) error {
	return fmt.Errorf("%w: %q where %s is due", ErrSyntax, c, want)
}
