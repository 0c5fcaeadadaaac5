package fetch

import (
	"bufio"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"
)

func lex(document string) *lexer {
	return &lexer{in: bufio.NewReaderSize(iotest.HalfReader(strings.NewReader(document)), 16)}
}

// members walks an object and returns its names with their captured values.
func members(document string, limit int) (map[string]string, error) {
	l := lex(document)
	if err := l.expect('{'); err != nil {
		return nil, err
	}
	found := map[string]string{}
	for first := true; ; first = false {
		name, more, err := l.member(first)
		if err != nil {
			return nil, err
		}
		if !more {
			return found, l.end()
		}
		raw, _, err := l.capture(limit)
		if err != nil {
			return nil, err
		}
		found[name] = string(raw)
	}
}

func TestLexerWalksMembers(t *testing.T) {
	t.Parallel()
	got, err := members("\n { \"a\" : 1 , \"\\u0062\":{\"x\":[1, 2]},\"c\":\"long, longer than the window of this test\" }\t", 64)
	require.NoError(t, err)
	require.Equal(t, map[string]string{
		"a": "1", "b": `{"x":[1, 2]}`, "c": `"long, longer than the window of this test"`,
	}, got)

	got, err = members(`{}`, 64)
	require.NoError(t, err)
	require.Empty(t, got)
}

func TestLexerDoesNotHoldWhatIsTooLong(t *testing.T) {
	t.Parallel()
	got, err := members(`{"a":"`+strings.Repeat("x", 100)+`","b":[12345]}`, 7)
	require.NoError(t, err)
	require.Equal(t, map[string]string{"a": "", "b": "[12345]"}, got)
}

func TestLexerRefuses(t *testing.T) {
	t.Parallel()
	for _, document := range []string{
		`[]`, `{,}`, `{"a"}`, `{"a":}`, `{"a":1,}`, `{"a":1 "b":2}`, `{a:1}`, `{"a":1}}`, `{"a":1} x`, `{"a\x":1}`, `{"a":tru}`, `{"a":1]`,
	} {
		_, err := members(document, 64)
		require.ErrorIs(t, err, errSyntax, document)
	}
}

func TestLexerTellsWhereItIsCutShort(t *testing.T) {
	t.Parallel()
	const document = `{"a": [1, "x\n"], "b": {"c": true}}`
	for n := range len(document) {
		_, err := members(document[:n], 64)
		require.ErrorIs(t, err, io.ErrUnexpectedEOF, document[:n])
	}
}

func TestLexerPassesOnWhatTheReaderSays(t *testing.T) {
	t.Parallel()
	l := &lexer{in: bufio.NewReader(iotest.TimeoutReader(iotest.OneByteReader(strings.NewReader(`{"a"`))))}
	require.NoError(t, l.expect('{'))
	_, _, err := l.member(true)
	require.ErrorIs(t, err, iotest.ErrTimeout)
}
