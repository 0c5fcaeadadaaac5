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

// A query may be torn, encoded, or without a URL; what is secret by its name
// goes all the same.
func TestSecretsAreCutWhereverTheyStand(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"https://h/f?filename*=UTF-8''a.pdf&X-Amz-Signature=hunter2":        "https://h/f",
		"/f?filename*=UTF-8''a.pdf&X-Amz-Signature=hunter2 no":              "/f no",
		`https://h/f?name="a b.pdf"&X-Amz-Signature=hunter2: no`:            `https://h/f"a b.pdf"&…=… no`,
		"https://h/f?n=a b&x-amz-security-token=hunter2&x=y":                "https://h/f b&…=…&x=y",
		"https://h/f?n=<a>&X-Amz-Credential=hunter2":                        "https://h/f<a>&…=…",
		`https://h/f?X-Amz-Signature="hunter2"`:                             "https://h/f",
		"/f?n=a b&sig=hunter2":                                              "/f b&…=…",
		"https%3A%2F%2Fh%2Ff%3FX-Amz-Signature%3Dhunter2%26x%3Dy":           "https%3A%2F%2Fh%2Ff",
		"https%3A%2F%2Fh%2Ff%3Fa%3Da b%26Signature%3dhunter2":               "https%3A%2F%2Fh%2Ff b%26…=…",
		"https%253A%252F%252Fh%252Ff%253Fopaque%253Dhunter2":                "https%253A%252F%252Fh%252Ff",
		"the parameter access_token=hunter2 is wrong":                       "the parameter access_…=… is wrong",
		`{"detail":"no","access_token": "hunter2"}`:                         `{"detail":"no","access_…=…`,
		"AWSAccessKeyId=hunter2&Expires=1&Signature=hunter2":                "AWS…=…&Expires=1&…=…",
		"https://user:hun'ter2@h/f and https://user:hunt@er2@h/f":           "https://h/f and https://h/f",
		"Bearer abcdefghijk1234 was refused":                                "Bearer … was refused",
		"authorization: bearer  eyJhbGciOi.eyJzdWIi.c2ln":                   "authorization: bearer  …",
		"Authorization=Bearer%20abcdefghijk1234":                            "Authorization=Bearer%20…",
		"Bearer authentication is required. A bearer token must not be old": "Bearer authentication is required. A bearer token must not be old",
		"Is this a PDF? 100% = yes":                                         "Is this a PDF? 100% = yes",
		"the design=good, two tokens = 5, a signature is missing":           "the design=good, two tokens = 5, a signature is missing",
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
