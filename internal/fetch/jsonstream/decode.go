package jsonstream

import (
	"errors"
	"fmt"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// errMore says that the bytes at hand end within an escape or a rune.
var errMore = errors.New("more bytes are needed")

// unitBytes is the length of \u and its four digits.
const unitBytes = 6

// decode decodes the inside of a JSON string from src into dst, which has
// room for a rune at least, as far as both reach. It says how much it took and
// gave; closed means that src goes on with the closing quote. With nothing
// taken and errMore, src must be longer: at most 12 bytes decide.
//
// It decodes as encoding/json does: bytes that are not UTF-8, and half of a
// surrogate pair, become U+FFFD.
func decode(dst, src []byte) (gave, took int, closed bool, err error) {
	for took < len(src) {
		run := min(asciiRun(src[took:]), len(dst)-gave)
		copy(dst[gave:], src[took:took+run])
		gave, took = gave+run, took+run
		if took == len(src) || len(dst)-gave < utf8.UTFMax {
			return gave, took, false, nil
		}
		if src[took] == '"' {
			return gave, took, true, nil
		}
		r, size, err := decodeRune(src[took:])
		if err != nil {
			return gave, took, false, err
		}
		gave += utf8.EncodeRune(dst[gave:], r)
		took += size
	}
	return gave, took, false, nil
}

// asciiRun counts the leading bytes that can be copied as they are.
func asciiRun(p []byte) int {
	for i, c := range p {
		if c < ' ' || c == '"' || c == '\\' || c >= utf8.RuneSelf {
			return i
		}
	}
	return len(p)
}

// decodeRune decodes the escape or the rune at the start of src.
func decodeRune(src []byte) (r rune, size int, err error) {
	switch {
	case src[0] == '\\':
		return decodeEscape(src)
	case src[0] < ' ':
		return 0, 0, fmt.Errorf("%w: the control character %q in a string", ErrSyntax, src[0])
	case !utf8.FullRune(src):
		return 0, 0, errMore
	}
	r, size = utf8.DecodeRune(src)
	return r, size, nil
}

// decodeEscape decodes one escape. Its backslash is there.
func decodeEscape(src []byte) (r rune, size int, err error) {
	if len(src) < 2 {
		return 0, 0, errMore
	}
	switch c := src[1]; c {
	case '"', '\\', '/':
		return rune(c), 2, nil
	case 'b':
		return '\b', 2, nil
	case 'f':
		return '\f', 2, nil
	case 'n':
		return '\n', 2, nil
	case 'r':
		return '\r', 2, nil
	case 't':
		return '\t', 2, nil
	case 'u':
		return decodeUnits(src)
	default:
		return 0, 0, unexpected(c, "an escape")
	}
}

// decodeUnits decodes one \u escape, or two that make a surrogate pair.
func decodeUnits(src []byte) (r rune, size int, err error) {
	r, err = decodeUnit(src)
	if err != nil || !utf16.IsSurrogate(r) {
		return r, unitBytes, err
	}
	rest := src[unitBytes:]
	if len(rest) == 0 || len(rest) == 1 && rest[0] == '\\' {
		return 0, 0, errMore
	}
	if rest[0] != '\\' || rest[1] != 'u' {
		return utf8.RuneError, unitBytes, nil
	}
	second, err := decodeUnit(rest)
	if err != nil {
		return 0, 0, err
	}
	if pair := utf16.DecodeRune(r, second); pair != utf8.RuneError {
		return pair, 2 * unitBytes, nil
	}
	return utf8.RuneError, unitBytes, nil
}

// decodeUnit decodes \u and four digits. A wrong digit shows before the last one
// is there.
func decodeUnit(src []byte) (rune, error) {
	for _, c := range src[2:min(unitBytes, len(src))] {
		if !isHex(c) {
			return 0, unexpected(c, "a hex digit")
		}
	}
	if len(src) < unitBytes {
		return 0, errMore
	}
	unit, err := strconv.ParseUint(string(src[2:unitBytes]), 16, 16)
	return rune(unit), err
}
