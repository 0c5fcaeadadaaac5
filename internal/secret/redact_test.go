package secret_test

import (
	"errors"
	"net/url"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/jobferry/jobferry/internal/secret"
)

func TestRedact(t *testing.T) {
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
		t.Run(in, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, want, secret.Redact(in))
		})
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
		t.Run(in, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, want, secret.Redact(in))
		})
	}
}

func TestPrintable(t *testing.T) {
	t.Parallel()
	require.Equal(t, "a b c", secret.Printable(" a\nb\x00\x1b\u0085 c\xff\r\n", 100))
	long := secret.Printable(strings.Repeat("€", 100), 100)
	require.LessOrEqual(t, len(long), 100)
	require.True(t, utf8.ValidString(long))
	require.True(t, strings.HasSuffix(long, "€…"))
	require.Len(t, secret.Printable(strings.Repeat("x", 1<<20), 1024), 1024)
}

func TestRedactError(t *testing.T) {
	t.Parallel()
	inner := errors.New("no route")
	require.Equal(t, inner, secret.RedactError(&url.Error{Op: "Get", URL: "https://h/f?signature=hunter2", Err: inner}))

	err := secret.RedactError(&url.Error{Op: "Get", URL: "x", Err: errors.Join(errors.New(`failed to parse Location header "https://h/f?signature=hunter2"`), inner)})
	require.ErrorIs(t, err, inner)
	require.NotContains(t, err.Error(), "signature")
}

// shownLimit is the limit that these tests give Printable, in bytes.
const shownLimit = 1024

// shown checks a text that goes into logs and events.
func shown(t *testing.T, text string) {
	t.Helper()
	require.LessOrEqual(t, len(text), shownLimit)
	require.True(t, utf8.ValidString(text))
	require.False(t, strings.ContainsFunc(text, unicode.IsControl), "%q", text)
}

// FuzzRedaction: in whatever text a signed URL or a token turns up, and whatever
// stands in the URL's query, no signature survives.
func FuzzRedaction(f *testing.F) {
	for _, around := range [][3]string{
		{"", "", ""}, {"GET ", ": no route", "x"}, {`Get "`, `": EOF`, "'"}, {"see <", ">", "UTF-8''a.pdf"}, {"a?b=", "", `"a b"`}, {"x://y?", "?", "<b>"}, {"'", "'", "x://y@"}, {"(", ")", "{[(%"}, {"https://", "", "%3F"},
		{"https://u:p@", "@", "sig="}, {"\x00", "\xff", "\n\x00"}, {"é", "€", "ſ"}, {"h?", "%", "?"}, {strings.Repeat("x", 1010), "", " Bearer "}, {"Bearer ", "", "token='"}, {"token=", "&", "&amp;"},
	} {
		f.Add(around[0], around[1], around[2])
	}
	// Words of this length do not come about by chance.
	const signature, password = "5f3c9ae1b2d47086", "e0f1d2c3b4a59687"
	f.Fuzz(func(t *testing.T, before, after, within string) {
		noise := before + after + within
		if len(noise) > 2*shownLimit { // longer ones are only slower
			return
		}
		if strings.Contains(noise, signature[:6]) || strings.Contains(noise, password[:6]) {
			return
		}
		for _, signed := range []string{
			"https://files.test/out/f.pdf?X-Amz-Signature=" + signature, "https://files.test?X-Amz-Signature=" + signature + "&x=%20", "s3://b/k?sig=" + signature,
			"HTTPS://files.test:8443/a/b?" + "a=1&token=" + signature, "https://user:" + password + "@files.test/f?sig=" + signature,
			"https://files.test/f?a=" + within + "&X-Amz-Signature=" + signature, "https://files.test/f?X-Amz-Signature=" + signature + "&a=" + within,
			"/out/f?a=" + within + "&sig=" + signature, "?access_token=" + signature + within, "https://user:" + password + "@files.test/f?" + within + "&x-amz-credential=" + signature,
			"https%3A%2F%2Ffiles.test%2Ff%3Fa%3D" + within + "%26X-Amz-Signature%3D" + signature, "%2Ff%3FSignature%3d" + signature + within, within + " Bearer " + signature,
		} {
			for _, text := range []string{before + signed + after, before + " " + signed + " " + after, before + `"` + signed + `"` + after} {
				for _, got := range []string{secret.Printable(text, shownLimit), secret.RedactError(&url.Error{Op: "Get", URL: text, Err: errors.New(text)}).Error()} {
					require.NotContains(t, got, signature, "%q", text)
					require.NotContains(t, got, password, "%q", text)
				}
				shown(t, secret.Printable(text, shownLimit))
			}
		}
	})
}
