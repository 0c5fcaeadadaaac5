package jsonstream

import "fmt"

// maxScannedName is the longest name that onName gets, in bytes as it is written,
// with its quotes.
const maxScannedName = 128 + len(`""`)

// record keeps the bytes of a name of the value's own members.
func (s *scanner) record(p []byte) {
	if s.onName == nil || !s.naming || s.depth != 1 {
		return
	}
	// A name that is too long fills all the room, the closing quote's too.
	s.name = append(s.name, p[:min(len(p), maxScannedName-len(s.name))]...)
}

// stepString takes a byte of a string that plainRun does not: its end, an
// escape, or an error.
func (s *scanner) stepString(c byte) error {
	if s.state == inString && c == '"' {
		s.closeString()
		return nil
	}
	s.record([]byte{c})
	switch s.state {
	case inEscape:
		return s.stepEscape(c)
	case inHex:
		if !isHex(c) {
			return unexpected(c, "a hex digit")
		}
		if s.digits--; s.digits == 0 {
			s.state = inString
		}
	default:
		if c != '\\' {
			return fmt.Errorf("%w: the control character %q in a string", ErrSyntax, c)
		}
		s.state = inEscape
	}
	return nil
}

// stepEscape takes the byte after a backslash.
func (s *scanner) stepEscape(c byte) error {
	switch c {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		s.state = inString
	case 'u':
		s.state, s.digits = inHex, 4
	default:
		return unexpected(c, "an escape")
	}
	return nil
}

// closeString ends a string, which was a value or a name.
func (s *scanner) closeString() {
	if !s.naming {
		s.closeValue()
		return
	}
	if s.onName != nil && s.depth == 1 && len(s.name) < maxScannedName {
		name, _ := Unquote(append(s.name, '"'))
		s.onName(name)
	}
	s.naming, s.state = false, afterName
}

// stepLiteral takes the next byte of true, false or null.
func (s *scanner) stepLiteral(c byte) error {
	if c != s.literal[0] {
		return unexpected(c, fmt.Sprintf("%q", s.literal[0]))
	}
	if s.literal = s.literal[1:]; s.literal == "" {
		s.closeValue()
	}
	return nil
}

// stepNumber takes a byte of a number. A byte that cannot belong to it ends it
// and is not taken.
func (s *scanner) stepNumber(c byte) (taken bool, err error) {
	next, ok := nextInNumber(s.state, c)
	switch {
	case ok:
		s.state = next
		return true, nil
	case s.state == inZero, s.state == inInteger, s.state == inFraction, s.state == inExponent:
		s.closeValue()
		return false, nil
	}
	return false, unexpected(c, "a digit")
}

// nextInNumber is the grammar of RFC 8259, section 6.
func nextInNumber(at state, c byte) (next state, ok bool) {
	switch at {
	case inMinus:
		if c == '0' {
			return inZero, true
		}
		return inInteger, isDigit(c)
	case inZero, inInteger:
		switch c {
		case '.':
			return inPoint, true
		case 'e', 'E':
			return inE, true
		}
		return inInteger, at == inInteger && isDigit(c)
	case inPoint:
		return inFraction, isDigit(c)
	case inFraction:
		if c == 'e' || c == 'E' {
			return inE, true
		}
		return inFraction, isDigit(c)
	case inE:
		if c == '+' || c == '-' {
			return inSign, true
		}
		return inExponent, isDigit(c)
	default:
		return inExponent, isDigit(c)
	}
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func isHex(c byte) bool {
	return isDigit(c) || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
}
