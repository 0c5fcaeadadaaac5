package fetch

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/jobferry/jobferry/internal/job"
	"github.com/jobferry/jobferry/internal/secret"
)

// shown checks a text that goes into logs and events.
func shown(t *testing.T, text string) {
	t.Helper()
	require.LessOrEqual(t, len(text), fieldLimit)
	require.True(t, utf8.ValidString(text))
	require.False(t, strings.ContainsFunc(text, unicode.IsControl), "%q", text)
}

// FuzzProblem: whatever the API sends as an error, what is kept of it is short,
// fit to be shown, and has no query string of a URL.
func FuzzProblem(f *testing.F) {
	for _, seed := range []string{
		`{"type":"about:blank","title":"T","detail":"D","instance":"/i"}`, `{"title":7,"detail":{"a":[]},"type":null}`, `<html>`, ``, `"text"`, `null`, `[]`,
		`{"title":"see https://h/f?X-Amz-Signature=hunter2"}`, `{"type":"/p?x"}`, `{"title":"\u0000\u001b[31m\u202e"}`, `{"TITLE":"a","title":"b"}`, `{"extensions":{"retry_after":5}}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		for _, p := range []*job.Problem{statusProblem(422, raw), failedProblem(raw, document{}), failedProblem(nil, parseDocument(raw))} {
			if p == nil {
				continue
			}
			for _, text := range []string{p.Type, p.Title, p.Detail, p.Instance} {
				shown(t, text)
			}
			require.NotContains(t, p.Type+p.Instance, "?")
			_, err := json.Marshal(p)
			require.NoError(t, err)
		}
		d := bodyDelay(parseDocument(raw).Extensions)
		require.True(t, d >= 0 && d <= maxRetryAfter)
	})
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
		if noise := before + after + within; strings.Contains(noise, signature[:6]) || strings.Contains(noise, password[:6]) {
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
				for _, got := range []string{printable(text, fieldLimit), cleanError(&url.Error{Op: "Get", URL: text, Err: errors.New(text)}).Error()} {
					require.NotContains(t, got, signature, "%q", text)
					require.NotContains(t, got, password, "%q", text)
				}
				shown(t, printable(text, fieldLimit))
			}
		}
	})
}

// FuzzGrant: a token that is taken can stand in a header, and is good for some
// time; a refusal does not repeat the client's secret.
func FuzzGrant(f *testing.F) {
	for _, seed := range []string{
		`{"accessToken":"T1","tokenType":"Bearer","expiresIn":86400}`, `{"access_token":"T","expires_in":"3600"}`, `{"accessToken":"a\r\nX: y"}`, `{"accessToken":"","access_token":"x","expiresIn":-1}`, `{"expiresIn":1e400}`,
		`{"error":"invalid_client","error_description":"no hunter2hunter2"}`, `{"title":"hunter2hunter2"}`, `{"error":{"a":1}}`, ``, `[]`, `{"accessToken":"x","expiresIn":0.0000000001}`, `{"ACCESSTOKEN":"x"}`,
	} {
		f.Add([]byte(seed), 200)
		f.Add([]byte(seed), 401)
	}
	credential := secret.New("hunter2hunter2")
	f.Fuzz(func(t *testing.T, raw []byte, code int) {
		code = 100 + int(uint(code)%500)
		api := tokenAPI(replies(code, string(raw)), replies(404, ""))
		client := offline(t, api, nil, clientCredentials, func(c *Config) { c.ClientSecret = FixedCredential(credential) })
		token, life, err := client.fetchToken(t.Context())
		if err != nil {
			require.True(t, token.IsZero())
			require.NotContains(t, err.Error(), credential.Reveal())
			require.Less(t, len(err.Error()), fieldLimit+300)
			return
		}
		require.Equal(t, 2, code/100)
		require.Regexp(t, `^[ -~]+$`, token.Reveal())
		require.LessOrEqual(t, life, longestLifeSeconds*time.Second)
		require.GreaterOrEqual(t, life-margin(life), time.Duration(0))
	})
}

// FuzzContentRange: a range that is read is one, and says what was read.
func FuzzContentRange(f *testing.F) {
	for _, seed := range []string{"bytes 5-9/10", "bytes 5-9/*", "bytes 9-5/10", "bytes 5-9/9", "bytes */10", "5-9/10", "bytes -1-9/10", "bytes 0-9223372036854775807/*", "bytes 5-99999999999999999999/*", "bytes=5-9/10", "", "/", "bytes +5-+9/+10"} {
		f.Add(seed, int64(5))
	}
	f.Fuzz(func(t *testing.T, value string, at int64) {
		start, total, ok := parseContentRange(value)
		if ok {
			require.GreaterOrEqual(t, start, int64(0))
			require.True(t, total == -1 || total > start)
		}
		if at < 0 || at > 1<<60 {
			return
		}
		start, total, ok = parseContentRange(fmt.Sprintf("bytes %d-%d/%d", at, at+9, at+10))
		require.True(t, ok && start == at && total == at+10)
		start, total, ok = parseContentRange(fmt.Sprintf("bytes %d-%d/*", at, at))
		require.True(t, ok && start == at && total == -1)
	})
}

// FuzzURL: a URL that may be fetched without any host being named has a public
// address or a name in ASCII, https, and no user; named hosts are exactly
// those that are reached.
func FuzzURL(f *testing.F) {
	for _, seed := range []string{
		"https://h.test/f?sig", "https://127.0.0.1/", "https://2130706433/", "https://[::ffff:127.0.0.1]/", "https://[fe80::1%25eth0]/", "https://u@h.test", "http://h.test", "https://h.test\\@evil.test/", "https://127。0。0。1/",
		"https://h.test.:443", "//h", "https:h", "https://0x7f.1", "https://h.test:99999", "https://%68.test/", "HTTPS://H", "https://[64:ff9b::a00:1]:8443", "https://a..b",
	} {
		f.Add(seed)
	}
	open, _ := newGuard(nil)
	named, _ := newGuard([]string{"h.test:443", "*.files.test", "10.0.0.7"})
	name := regexp.MustCompile(`^[A-Za-z0-9_.-]+$`)
	f.Fuzz(func(t *testing.T, raw string) {
		u, err := url.Parse(raw)
		if err != nil {
			return
		}
		err = open.check(u)
		if err == nil {
			require.Equal(t, "https", u.Scheme)
			require.Nil(t, u.User)
			if addr, err := netip.ParseAddr(u.Hostname()); err == nil {
				require.Equal(t, public, reachOf(addr))
				require.True(t, addr.Unmap().IsGlobalUnicast() && !addr.Unmap().IsPrivate() && !addr.Unmap().IsLoopback())
			} else {
				require.Regexp(t, name, u.Hostname())
			}
		} else {
			require.Less(t, len(err.Error()), 1024)
			require.True(t, utf8.ValidString(err.Error()))
		}
		if named.check(u) == nil {
			host := normalHost(u.Hostname())
			require.True(t, host == "h.test" || strings.HasSuffix(host, ".files.test") || strings.HasSuffix(host, "10.0.0.7") || netip.MustParseAddr(host).Unmap().String() == "10.0.0.7")
		}
	})
}

// FuzzHostPattern: an entry of WORKER_RESULT_HOSTS that is taken names itself,
// unless it is a glob; one address never names another.
func FuzzHostPattern(f *testing.F) {
	for _, seed := range []string{"files.test", "*.s3.amazonaws.com", "minio:9000", "10.0.0.7", "[::1]:9000", "fd00::1", "b?.test", "[", "a:b", "[a-c].test", "\\*", "::ffff:10.0.0.1", "10.*", " H.test. "} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		p, err := parseHostPattern(raw)
		if err != nil {
			return
		}
		port := p.port
		if port == "" {
			port = "443"
		}
		if !p.glob {
			require.True(t, p.names(p.host, port), "%q", raw)
		}
		require.False(t, p.port != "" && p.names(p.host, "1"+p.port))
		g := &guard{named: []hostPattern{p}}
		metadata := netip.MustParseAddrPort("169.254.169.254:80")
		require.Equal(t, p.addr == metadata.Addr() && (p.port == "" || p.port == "80"), g.mayReach("any.test", metadata))
	})
}

// FuzzMediaType: what is passed on of a content type is one, in one line of
// printable ASCII; what is taken from a URL's path is an extension.
func FuzzMediaType(f *testing.F) {
	for _, seed := range []string{"application/pdf", "text/html; charset=utf-8", "a/b; c", "APPLICATION/JSON", "x", "", "a/b\r\nc: d", "text/plain; a=\"", "é/é", strings.Repeat("a", 300) + "/b", "application/problem+json"} {
		f.Add(seed, "/out/Report.PDF")
	}
	f.Add("", "/a/b.../../x.p%20f")
	f.Fuzz(func(t *testing.T, declared, path string) {
		got := mediaType(declared)
		require.Regexp(t, `^[ -~]+$`, got)
		require.LessOrEqual(t, len(got), maxMediaType)
		require.Contains(t, got, "/")
		require.Equal(t, got, mediaType(got), "it stays what it is")
		require.Equal(t, typeUnknown, mediaType("", "nonsense\n", " "))
		require.Regexp(t, `^(\.[a-z0-9]{1,10})?$`, extOf(&url.URL{Path: path}))
		kind := contentOf(declared, []byte("{}"))
		require.Equal(t, kind, contentOf(strings.ToUpper(declared), []byte("{}")), "case does not matter")
	})
}

// FuzzStatus: an answer of the status endpoint is one of four verdicts, or the
// job waits.
func FuzzStatus(f *testing.F) {
	for _, seed := range []string{`{"status":"completed"}`, `{"status":"Completed"}`, `{"status":null}`, `{"status":7}`, `{}`, ``, `[]`, `{"STATUS":"failed"}`} {
		f.Add([]byte(seed), 200)
		f.Add([]byte(seed), 404)
	}
	f.Fuzz(func(t *testing.T, raw []byte, code int) {
		code = 200 + int(uint(code)%400)
		verdict, err := offline(t, replies(code, string(raw)), nil).Status(t.Context(), testID)
		switch {
		case err != nil:
			known, ok := errors.AsType[*job.Error](err)
			require.True(t, ok && waits(known) || job.IsRefused(err))
		case code == http.StatusNotFound:
			require.Equal(t, job.Unknown, verdict)
		default:
			require.Equal(t, http.StatusOK, code)
			require.Contains(t, []job.Verdict{job.Running, job.Completed, job.Failed, job.Canceled}, verdict)
		}
	})
}
