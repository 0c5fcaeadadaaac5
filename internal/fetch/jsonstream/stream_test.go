package jsonstream_test

import (
	"bufio"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"

	"github.com/jobferry/jobferry/internal/fetch/jsonstream"
)

// unquoteAll decodes a document that is a string, with room for so many bytes at
// a time.
func unquoteAll(in io.Reader, room int) (string, error) {
	text := jsonstream.NewReader(bufio.NewReaderSize(in, 16), 0).StringReader()
	var out strings.Builder
	for {
		b := make([]byte, room)
		n, err := text.Read(b)
		out.Write(b[:n])
		if errors.Is(err, io.EOF) {
			return out.String(), nil
		}
		if err != nil {
			return "", err
		}
	}
}

var quoted = []string{
	`""`, `"plain"`, `"a\nb\tc\"d\\e\/f\b\f\r"`, `"é€uro😀"`, `"\u00e9\u20ac"`, `"\ud83d\ude00"`, `"\uD83D\uDE00!"`,
	`"\ud83d"`, `"\ude00"`, `"\ud83dx"`, `"\ud83d\n"`, `"\ud83d\u0041"`, `"\ud83d\ud83d\ude00"`, `"\ude00\ud83d\ude00"`, `"\ud83d\ud83d"`,
	`"\u0000"`, `"\ufffd"`, `"\uffff"`, "\"\xff\"", "\"\xc3\"", "\"\xe2\x82\"", "\"\xf0\x9f\x98\"", "\"\xf0\x9f\x98x\"", "\"\xed\xa0\x80\"",
	`"` + strings.Repeat("long ", 100) + `"`, `"` + strings.Repeat(`\u20ac`, 50) + `"`, `"` + strings.Repeat("€", 50) + `"`,
}

func TestUnquoteAgreesWithTheStandardLibrary(t *testing.T) {
	t.Parallel()
	for _, in := range quoted {
		var want string
		require.NoError(t, json.Unmarshal([]byte(in), &want))
		for _, room := range []int{1, 3, 4, 5, 7, 64} {
			got, err := unquoteAll(strings.NewReader(in), room)
			require.NoError(t, err, "%q", in)
			require.Equal(t, want, got, "%q", in)

			got, err = unquoteAll(iotest.OneByteReader(strings.NewReader(in)), room)
			require.NoError(t, err, "%q", in)
			require.Equal(t, want, got, "%q byte by byte", in)
		}
	}
}

func TestUnquoteRefuses(t *testing.T) {
	t.Parallel()
	for _, in := range []string{`"\x"`, `"\u12"`, `"\u12g4"`, `"\ud83d\u12"`, `"\ud83d\x"`, "\"a\nb\"", "\"\x01\""} {
		_, err := unquoteAll(iotest.OneByteReader(strings.NewReader(in)), 8)
		require.ErrorIs(t, err, jsonstream.ErrSyntax, "%q", in)
	}
	for _, in := range []string{`"`, `"a`, `"\`, `"\u`, `"\u00`, `"\ud83d`, `"\ud83d\`, `"\ud83d\ude`, "\"\xe6"} {
		_, err := unquoteAll(strings.NewReader(in), 8)
		require.ErrorIs(t, err, io.ErrUnexpectedEOF, "%q", in)
	}
}

// What a RawReader passes on is the value, whatever it is and whatever follows.
func TestRawReaderTakesOnlyItsValue(t *testing.T) {
	t.Parallel()
	for _, value := range []string{`{"a":[1,{"b":null}],"c":"}"}`, `[1 , 2]`, `"x\""`, `-1.5e3`, `0`, `true`} {
		for _, end := range []string{`]`, `  , 7]`} {
			r := jsonstream.NewReader(bufio.NewReaderSize(iotest.HalfReader(strings.NewReader(`[`+"\n"+value+end)), 16), 0)
			require.NoError(t, r.BeginArray())
			_, err := r.NextElement()
			require.NoError(t, err)
			got, err := io.ReadAll(r.RawReader(nil))
			require.NoError(t, err)
			require.Equal(t, value, string(got))
			more, err := r.NextElement()
			require.NoError(t, err)
			require.Equal(t, end != `]`, more)
		}
	}
	whole, err := io.ReadAll(jsonstream.NewReader(bufio.NewReader(strings.NewReader(" 12")), 0).RawReader(nil))
	require.NoError(t, err)
	require.Equal(t, "12", string(whole))
}

func FuzzUnquote(f *testing.F) {
	for _, in := range quoted {
		f.Add(in, 4)
	}
	f.Fuzz(func(t *testing.T, in string, room int) {
		in = strings.TrimLeft(in, " \t\r\n")
		if !strings.HasPrefix(in, `"`) {
			in = `"` + in + `"`
		}
		var want string
		decoder := json.NewDecoder(strings.NewReader(in))
		wantErr := decoder.Decode(&want)
		got, err := unquoteAll(strings.NewReader(in), min(max(1, room), 1024))
		require.Equal(t, wantErr == nil, err == nil, "%q: %v, %v", in, wantErr, err)
		if err == nil {
			require.Equal(t, want, got, "%q", in)
		}
	})
}
