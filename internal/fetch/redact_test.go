package fetch

import (
	"errors"
	"net/url"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/jobferry/jobferry/internal/job"
)

func TestCutQueries(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"GET https://h/f?X-Amz-Signature=hunter2: no":    "GET https://h/f no",
		"\"https://h/f?token\" and s3://b/k?versionId=1": "\"https://h/f\" and s3://b/k",
		"https://user:hunter2@h/f":                       "https://h/f",
		"HTTPS://H/F?A=B#c <https://x?y>":                "HTTPS://H/F <https://x>",
		"see /out/f?signature=hunter2&b=c":               "see /out/f",
		"see h.test/f?a%20b":                             "see h.test/f",
		"https://h/errors#400-bad-request":               "https://h/errors#400-bad-request",
		"Is it a PDF? It is not":                         "Is it a PDF? It is not",
		"what?!":                                         "what?!",
		"":                                               "",
	} {
		require.Equal(t, want, cutQueries(in))
	}
}

func TestPrintable(t *testing.T) {
	t.Parallel()
	require.Equal(t, "a b c", printable(" a\nb\x00\x1b\u0085 c\xff\r\n", 100))
	long := printable(strings.Repeat("€", 100), 100)
	require.LessOrEqual(t, len(long), 100)
	require.True(t, utf8.ValidString(long))
	require.True(t, strings.HasSuffix(long, "€…"))
	require.Len(t, printable(strings.Repeat("x", 1<<20), fieldLimit), fieldLimit)
}

func TestCleanError(t *testing.T) {
	t.Parallel()
	inner := errors.New("no route")
	require.Equal(t, inner, cleanError(&url.Error{Op: "Get", URL: "https://h/f?signature=hunter2", Err: inner}))

	err := cleanError(&url.Error{Op: "Get", URL: "x", Err: errors.Join(errors.New(`failed to parse Location header "https://h/f?signature=hunter2"`), inner)})
	require.ErrorIs(t, err, inner)
	requireNoSecret(t, err)
}

func TestProblemDocument(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]*job.Problem{
		`{"type":"about:blank","title":"T","detail":"D","instance":"/i","status":999}`: {Type: "about:blank", Title: "T", Detail: "D", Instance: "/i", Status: 422},
		`{"type":"relative?token","instance":"x?y"}`:                                   {Type: "relative", Instance: "x", Status: 422},
		`{"title":"a\u0000b\nc"}`:                                                      {Title: "ab c", Status: 422},
		`{"title":7,"detail":"D"}`:                                                     {Detail: "D", Status: 422},
		`{}`:                                                                           {Title: "Unprocessable Entity", Status: 422},
		`<html>`:                                                                       {Title: "Unprocessable Entity", Status: 422},
		``:                                                                             {Title: "Unprocessable Entity", Status: 422},
	} {
		require.Equal(t, want, statusProblem(422, []byte(body)), body)
	}
}
