package jsonstream_test

import (
	"bufio"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"

	"github.com/jobferry/jobferry/internal/fetch/jsonstream"
)

func newReader(document string) *jsonstream.Reader {
	return jsonstream.NewReader(bufio.NewReaderSize(iotest.HalfReader(strings.NewReader(document)), 16), 0)
}

// members walks an object and returns its names with their captured values.
func members(document string, limit int) (map[string]string, error) {
	r := newReader(document)
	if err := r.BeginObject(); err != nil {
		return nil, err
	}
	found := map[string]string{}
	for {
		name, more, err := r.NextMember()
		if err != nil {
			return nil, err
		}
		if !more {
			return found, r.End()
		}
		raw, _, err := r.Capture(limit)
		if err != nil {
			return nil, err
		}
		found[name] = string(raw)
	}
}

func TestReaderWalksMembers(t *testing.T) {
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

func TestReaderDoesNotHoldWhatIsTooLong(t *testing.T) {
	t.Parallel()
	got, err := members(`{"a":"`+strings.Repeat("x", 100)+`","b":[12345]}`, 7)
	require.NoError(t, err)
	require.Equal(t, map[string]string{"a": "", "b": "[12345]"}, got)
}

func TestReaderRefuses(t *testing.T) {
	t.Parallel()
	for _, document := range []string{
		`[]`, `{,}`, `{"a"}`, `{"a":}`, `{"a":1,}`, `{"a":1 "b":2}`, `{a:1}`, `{"a":1}}`, `{"a":1} x`, `{"a\x":1}`, `{"a":tru}`, `{"a":1]`,
	} {
		_, err := members(document, 64)
		require.ErrorIs(t, err, jsonstream.ErrSyntax, document)
	}
}

func TestReaderTellsWhereItIsCutShort(t *testing.T) {
	t.Parallel()
	const document = `{"a": [1, "x\n"], "b": {"c": true}}`
	for n := range len(document) {
		_, err := members(document[:n], 64)
		require.ErrorIs(t, err, io.ErrUnexpectedEOF, document[:n])
	}
}

func TestReaderPassesOnWhatTheReaderSays(t *testing.T) {
	t.Parallel()
	r := jsonstream.NewReader(bufio.NewReader(iotest.TimeoutReader(iotest.OneByteReader(strings.NewReader(`{"a"`)))), 0)
	require.NoError(t, r.BeginObject())
	_, _, err := r.NextMember()
	require.ErrorIs(t, err, iotest.ErrTimeout)
}

func TestReaderEndsADocumentThatIsTooLong(t *testing.T) {
	t.Parallel()
	const document = `{"a": [1, 2], "b": "streamed and not counted"}`
	beside := int64(len(document) - len(`"streamed and not counted"`) - len(`{::,}`))
	for limit, want := range map[int64]error{0: nil, beside: nil, beside - 1: jsonstream.ErrLimit} {
		r := jsonstream.NewReader(bufio.NewReader(strings.NewReader(document)), limit)
		require.NoError(t, r.BeginObject())
		_, _, err := r.NextMember()
		require.NoError(t, err)
		require.NoError(t, r.Skip())
		_, _, err = r.NextMember()
		if err == nil {
			_, err = r.Peek()
		}
		require.ErrorIs(t, err, want, limit)
	}
}
