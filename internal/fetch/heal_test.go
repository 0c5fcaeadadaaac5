package fetch

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/jobferry/jobferry/internal/job"
)

var errReset = errors.New("connection reset by peer")

const digits = "0123456789"

// counted is the value of a counter.
func counted(t testing.TB, c prometheus.Counter) float64 {
	t.Helper()
	reg := prometheus.NewRegistry()
	require.NoError(t, reg.Register(c))
	families, err := reg.Gather()
	require.NoError(t, err)
	return families[0].GetMetric()[0].GetCounter().GetValue()
}

// heal reads a file from a host that a test plays, in a bubble of its own.
func heal(t *testing.T, api transport, files *steps, check func(t *testing.T, got string, err error, took time.Duration, c *Client)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		client := offline(t, api, files.RoundTrip, func(c *Config) { c.RenewDelay = time.Second })
		began := time.Now()
		got, err := readAll(client.Open(t.Context(), testID, 0, signedFile()))
		if err != nil {
			requireNoSecret(t, err)
		}
		check(t, got, err, time.Since(began), client)
	})
}

func requireWhole(t *testing.T, got string, err error, _ time.Duration, _ *Client) {
	t.Helper()
	require.NoError(t, err)
	require.Equal(t, digits, got)
}

// withFile is an API whose job has a file at another path each time.
func withFile() *steps {
	return script(
		replies(200, completed(`{"file":{"URL":"https://files.test/fresh1?X-Amz-Signature=hunter2"}}`), "Content-Type", "application/json"),
		replies(200, completed(`{"file":{"URL":"https://files.test/fresh2?X-Amz-Signature=hunter2"}}`), "Content-Type", "application/json"),
		replies(200, completed(`{"file":{"URL":"https://files.test/fresh3?X-Amz-Signature=hunter2"}}`), "Content-Type", "application/json"),
	)
}

func TestDownloadHeals(t *testing.T) {
	t.Parallel()
	for name, files := range map[string][]transport{
		"cut short":               {sends(digits, 4, io.ErrUnexpectedEOF), sendsAll(digits)},
		"reset":                   {sends(digits, 4, errReset), sendsAll(digits)},
		"ended early":             {sends(digits, 4, io.EOF), sendsAll(digits)},
		"stalled":                 {sends(digits, 4, errStall), sendsAll(digits)},
		"stalled before a byte":   {sends(digits, 0, errStall), sendsAll(digits)},
		"broken before a byte":    {sends(digits, 0, errReset), sendsAll(digits)},
		"a byte at a time":        {sends(digits, 1, errReset)},
		"no connection":           {breaks(errReset), breaks(io.EOF), sendsAll(digits)},
		"no connection to resume": {sends(digits, 4, errReset), breaks(errReset), breaks(errReset), sends(digits, 3, errReset), sendsAll(digits)},
		"host in trouble":         {says(503), says(500), says(429), says(408), says(302), sendsAll(digits)},
		"trouble when resuming":   {sends(digits, 4, errReset), says(503), says(429), sendsAll(digits)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			heal(t, nil, script(files...), requireWhole)
		})
	}
}

func TestDownloadIsResumedWhereItBroke(t *testing.T) {
	t.Parallel()
	files := script(sends(digits, 4, errReset), sends(digits, 3, errReset), sendsAll(digits))
	heal(t, nil, files, func(t *testing.T, got string, err error, took time.Duration, c *Client) {
		requireWhole(t, got, err, took, c)
		require.Zero(t, took, "the first try after a byte is made at once")
		require.Equal(t, []string{"", "bytes=4-", "bytes=7-"}, ranges(files))
		require.Equal(t, etag, files.seen()[2].Header.Get("If-Range"))
		require.InDelta(t, 2, counted(t, c.metrics.resumes), 0)
		require.InDelta(t, 0, counted(t, c.metrics.renewals), 0)
	})
}

func ranges(files *steps) []string {
	all := make([]string, 0, len(files.seen()))
	for _, req := range files.seen() {
		all = append(all, req.Header.Get("Range"))
	}
	return all
}

func TestDownloadThatBringsNoByteIsGivenUp(t *testing.T) {
	t.Parallel()
	hang := func(req *http.Request) (*http.Response, error) {
		<-req.Context().Done()
		return nil, req.Context().Err()
	}
	for name, c := range map[string]struct {
		files []transport
		want  string
	}{
		"at once":         {[]transport{breaks(errReset)}, "connection reset"},
		"by the host":     {[]transport{says(503)}, "503"},
		"hanging":         {[]transport{hang}, "no answer within"},
		"midway":          {[]transport{sends(digits, 4, errReset), breaks(errReset)}, "broke off at byte 4"},
		"midway, stalled": {[]transport{sends(digits, 4, errStall), sends(digits, 0, errStall)}, "stalled"},
		"midway, hanging": {[]transport{sends(digits, 4, errStall), hang}, "no answer within"},
		"midway, refused": {[]transport{sends(digits, 4, errReset), says(500)}, "500"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			heal(t, nil, script(c.files...), func(t *testing.T, _ string, err error, took time.Duration, _ *Client) {
				requireUnavailable(t, err)
				require.ErrorContains(t, err, c.want)
				require.NotEqual(t, job.ClassWrongLength, job.ClassOf(err))
				require.LessOrEqual(t, took, defaultIdleLimit)
				require.Greater(t, took, defaultIdleLimit-3*time.Second)
			})
		})
	}
}

func TestTimeBetweenReadsIsTheCallersOwn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		files := script(sends(digits, 4, errReset), breaks(errReset), sendsAll(digits))
		source, err := offline(t, nil, files.RoundTrip).Open(t.Context(), testID, 0, signedFile())
		require.NoError(t, err)
		b := make([]byte, 4)
		_, err = io.ReadFull(source, b)
		require.NoError(t, err)
		time.Sleep(time.Hour)
		got, err := readAll(source, nil)
		require.NoError(t, err)
		require.Equal(t, digits[4:], got)
	})
}

func TestDownloadThatCannotGoOn(t *testing.T) {
	t.Parallel()
	start := sends(digits, 4, errReset)
	partial := func(contentRange string, header ...string) transport {
		return func(*http.Request) (*http.Response, error) {
			return respond(206, strings.NewReader(digits[4:]), append(header, "Content-Range", contentRange, "Content-Length", "6")...), nil
		}
	}
	bare := func(*http.Request) (*http.Response, error) {
		return respond(200, &part{data: strings.NewReader("0123"), end: io.ErrUnexpectedEOF}), nil
	}
	for name, files := range map[string][]transport{
		"the host knows no ranges": {start, replies(200, digits)},
		"another start":            {start, partial("bytes 3-9/10")},
		"another total":            {start, partial("bytes 4-9/11")},
		"no range told":            {start, partial("")},
		"a range of nonsense":      {start, partial("bytes 9-4/10")},
		"a total of nonsense":      {start, partial("bytes 4-9/8")},
		"another ETag":             {start, partial("bytes 4-9/10", "ETag", `"v2"`)},
		"nothing there":            {start, says(416, "Content-Range", "bytes */4")},
		"nothing to tell by":       {bare, partial("bytes 4-9/10")},
		"a range at the start":     {partial("bytes 4-9/10")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			heal(t, nil, script(files...), func(t *testing.T, _ string, err error, took time.Duration, _ *Client) {
				requireUnavailable(t, err)
				require.NotEqual(t, job.ClassWrongLength, job.ClassOf(err))
				require.Zero(t, took)
			})
		})
	}
}

// A host that ends in good order before the length it announced, and has no
// more when asked, is not a broken network.
func TestDownloadThatIsShorterThanItsLength(t *testing.T) {
	t.Parallel()
	short := sends(digits, 4, io.ErrUnexpectedEOF)
	lying := func(*http.Request) (*http.Response, error) {
		return respond(200, strings.NewReader("0123"), "Content-Length", "10"), nil
	}
	for name, files := range map[string][]transport{
		"and starts again":    {short, replies(200, digits)},
		"and has no more":     {short, says(416, "Content-Range", "bytes */4")},
		"and brings no more":  {short, sends(digits, 0, io.ErrUnexpectedEOF)},
		"without any headers": {lying},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			heal(t, nil, script(files...), func(t *testing.T, _ string, err error, _ time.Duration, _ *Client) {
				requireUnavailable(t, err)
				require.Equal(t, job.ClassWrongLength, job.ClassOf(err))
			})
		})
	}
}

func TestDownloadOfUnknownLengthIsResumed(t *testing.T) {
	t.Parallel()
	start := func(req *http.Request) (*http.Response, error) {
		return respond(200, &part{ctx: req.Context(), data: strings.NewReader(digits[:4]), end: io.ErrUnexpectedEOF}, "Last-Modified", "yesterday"), nil
	}
	rest := func(req *http.Request) (*http.Response, error) {
		require.Equal(t, "yesterday", req.Header.Get("If-Range"))
		return respond(206, strings.NewReader(digits[4:]), "Content-Range", "bytes 4-9/*", "Last-Modified", "yesterday"), nil
	}
	heal(t, nil, script(start, rest), requireWhole)
	// A host that closes a new connection before it answers has not said that the
	// file ends where the last one broke.
	heal(t, nil, script(start, breaks(io.EOF), rest), requireWhole)
	heal(t, nil, script(start, breaks(io.EOF)), func(t *testing.T, _ string, err error, _ time.Duration, _ *Client) {
		requireUnavailable(t, err)
		require.NotErrorIs(t, err, io.EOF)
		require.NotEqual(t, job.ClassWrongLength, job.ClassOf(err))
	})

	// Only the end of the last chunk was missing.
	all := func(req *http.Request) (*http.Response, error) {
		return respond(200, &part{ctx: req.Context(), data: strings.NewReader(digits), end: io.ErrUnexpectedEOF}, "ETag", etag), nil
	}
	heal(t, nil, script(all, says(416, "Content-Range", "bytes */10")), requireWhole)

	more := func(*http.Request) (*http.Response, error) {
		return respond(206, strings.NewReader(digits[4:]+"too much"), "Content-Range", "bytes 4-9/10", "Last-Modified", "yesterday"), nil
	}
	heal(t, nil, script(start, more), func(t *testing.T, _ string, err error, _ time.Duration, _ *Client) {
		requireUnavailable(t, err)
	})
}

func TestDownloadOfAURLThatExpired(t *testing.T) {
	t.Parallel()
	for _, code := range []int{400, 401, 403, 404, 410} {
		for name, files := range map[string][]transport{
			"before it began": {says(code), sendsAll(digits)},
			"midway":          {sends(digits, 4, errReset), says(code), sendsAll(digits)},
			"twice":           {says(code), sends(digits, 4, errReset), says(code), sendsAll(digits)},
		} {
			api, host := withFile(), script(files...)
			heal(t, api.RoundTrip, host, func(t *testing.T, got string, err error, took time.Duration, c *Client) {
				requireWhole(t, got, err, took, c)
				require.Zero(t, took, "the first fresh URL is asked for and used at once")
				last := host.seen()[len(host.seen())-1]
				require.True(t, strings.HasPrefix(last.URL.Path, "/fresh"), name)
				require.InDelta(t, len(api.seen()), counted(t, c.metrics.renewals), 0)
				require.Empty(t, last.Header.Get("Authorization"))
			})
		}
	}
}

func TestDownloadWhoseFreshURLsAreRefusedToo(t *testing.T) {
	t.Parallel()
	api, files := withFile(), script(says(403))
	heal(t, api.RoundTrip, files, func(t *testing.T, _ string, err error, took time.Duration, _ *Client) {
		requireReason(t, err, job.ReasonJobExpired)
		require.Len(t, api.seen(), 3)
		require.Len(t, files.seen(), 4)
		require.Equal(t, 3*time.Second, took, "a second, then two")
	})

	// A byte in between makes the count begin again.
	host := script(says(403), says(403), says(403), sends(digits, 4, errReset), says(403), says(403), says(403), sendsAll(digits))
	heal(t, withFile().RoundTrip, host, requireWhole)
}

// TestRefusalBeforeABreakIsNotCountedAgain: a download that cannot go on says
// what broke it, and that may have been a refusal, long healed.
func TestRefusalBeforeABreakIsNotCountedAgain(t *testing.T) {
	t.Parallel()
	api, files := withFile(), script(sends(digits, 4, errReset), says(403), replies(200, digits))
	heal(t, api.RoundTrip, files, func(t *testing.T, _ string, err error, took time.Duration, c *Client) {
		requireUnavailable(t, err)
		require.ErrorContains(t, err, "starts again from the first byte")
		require.Len(t, api.seen(), 1)
		require.Zero(t, took)
		require.InDelta(t, 1, counted(t, c.metrics.renewals), 0)
	})
}

func TestRenewalThatBringsNoURL(t *testing.T) {
	t.Parallel()
	asJSON := func(body string) transport { return replies(200, body, "Content-Type", "application/json") }
	for name, api := range map[string]transport{
		"running":      replies(404, ""),
		"canceled":     asJSON(`{"status":"canceled"}`),
		"text":         asJSON(completed(`"x"`)),
		"delivered":    asJSON(completed(`{"file":{"URL":null}}`)),
		"no files":     asJSON(completed(`{"files":[]}`)),
		"throttled":    replies(429, ""),
		"told to wait": replies(503, "", "Retry-After", "60"),
	} {
		heal(t, api, script(says(403)), func(t *testing.T, _ string, err error, took time.Duration, _ *Client) {
			require.Equal(t, name == "throttled", requireUnavailable(t, err).Class == job.ClassThrottled, name)
			require.Zero(t, took, name)
		})
	}
	for reason, api := range map[job.Reason]transport{
		job.ReasonJobExpired:    replies(410, ""),
		job.ReasonAPIRejected:   replies(403, ""),
		job.ReasonResultInvalid: asJSON(completed(`{"file":{}}`)),
		job.ReasonResultBlocked: asJSON(completed(`{"file":{"URL":"https://evil.test/?signature=1"}}`)),
	} {
		heal(t, api, script(says(403)), func(t *testing.T, _ string, err error, _ time.Duration, _ *Client) {
			requireReason(t, err, reason)
		})
	}
	heal(t, replies(401, ""), script(says(403)), func(t *testing.T, _ string, err error, _ time.Duration, _ *Client) {
		require.True(t, job.IsRefused(err))
	})
}

func TestRenewalIsTriedAgainWhileThereIsTime(t *testing.T) {
	t.Parallel()
	api := script(replies(503, ""), breaks(errReset), withFile().RoundTrip)
	files := func(req *http.Request) (*http.Response, error) {
		if strings.HasPrefix(req.URL.Path, "/fresh") {
			return sendsAll(digits)(req)
		}
		return says(403)(req)
	}
	heal(t, api.RoundTrip, script(files), requireWhole)

	hang := func(req *http.Request) (*http.Response, error) {
		<-req.Context().Done()
		return nil, req.Context().Err()
	}
	heal(t, hang, script(says(403)), func(t *testing.T, _ string, err error, took time.Duration, _ *Client) {
		requireUnavailable(t, err)
		require.ErrorContains(t, err, "refuses the URL with 403")
		require.Equal(t, defaultIdleLimit, took)
	})
}

func TestHealingEndsWithItsContext(t *testing.T) {
	t.Parallel()
	stop := errors.New("the worker stops")
	for name, files := range map[string]*steps{"while waiting": script(breaks(errReset)), "while renewing": script(says(403))} {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithCancelCause(t.Context())
			hang := func(req *http.Request) (*http.Response, error) {
				<-req.Context().Done()
				return nil, req.Context().Err()
			}
			time.AfterFunc(3*time.Second, func() { cancel(stop) })
			began := time.Now()
			_, err := offline(t, hang, files.RoundTrip).Open(ctx, testID, 0, signedFile())
			require.ErrorIs(t, err, stop, name)
			require.ErrorIs(t, err, context.Canceled, name)
			require.Equal(t, 3*time.Second, time.Since(began), name)
		})
	}
}

func TestRenewalTakesTheSameFileOfMany(t *testing.T) {
	t.Parallel()
	api := replies(200, completed(`{"files":[{"URL":"https://files.test/a"},{"URL":"https://files.test/b"},{"URL":"https://files.test/c"}]}`), "Content-Type", "application/json")
	files := script(says(404), sendsAll(digits))
	got, err := readAll(offline(t, api, files.RoundTrip).Open(t.Context(), testID, 1, signedFile()))
	require.NoError(t, err)
	require.Equal(t, digits, got)
	require.Equal(t, "/b", files.seen()[1].URL.Path)

	_, err = offline(t, api, script(says(404)).RoundTrip).Open(t.Context(), testID, 3, signedFile())
	requireUnavailable(t, err)
}

func TestParseContentRange(t *testing.T) {
	t.Parallel()
	for value, want := range map[string][2]int64{"bytes 0-9/10": {0, 10}, "bytes 5-5/10": {5, 10}, "bytes 5-9/*": {5, -1}} {
		start, total, ok := parseContentRange(value)
		require.True(t, ok, value)
		require.Equal(t, want, [2]int64{start, total}, value)
	}
	for _, value := range []string{"", "bytes */10", "bytes 5/10", "bytes -5/10", "bytes a-9/10", "bytes 5-b/10", "bytes 5-9/c", "bytes 9-5/10", "bytes 5-10/10", "bytes 5-9", "items 5-9/10"} {
		_, _, ok := parseContentRange(value)
		require.False(t, ok, value)
	}
}

func TestVersion(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		first, later version
		validator    string
		differs      bool
	}{
		{version{`"a"`, "x"}, version{`"a"`, "y"}, `"a"`, false},
		{version{`"a"`, "x"}, version{`"b"`, "x"}, `"a"`, true},
		{version{`"a"`, "x"}, version{"", "y"}, `"a"`, true},
		{version{`"a"`, "x"}, version{}, `"a"`, false},
		{version{"unquoted", "x"}, version{"unquoted", "x"}, "unquoted", false},
		{version{`W/"a"`, "x"}, version{"", "x"}, "x", false},
		{version{`W/"a"`, ""}, version{`W/"b"`, ""}, "", true},
		{version{`W/"a"`, ""}, version{`W/"a"`, ""}, "", false},
		{version{"", "x"}, version{`"a"`, "x"}, "x", false},
		{version{"", "x"}, version{"", "y"}, "x", true},
		{version{}, version{}, "", false},
	} {
		require.Equal(t, c.validator, c.first.validator(), "%v", c)
		require.Equal(t, c.differs, c.first.differs(c.later), "%v", c)
	}
}

// A host that never says which file it has is trusted by its length, and one
// that says so only when it is asked to go on is not: that may be another file
// of the same length.
func TestDownloadFromAHostWithoutValidators(t *testing.T) {
	t.Parallel()
	start := func(header ...string) transport {
		return func(*http.Request) (*http.Response, error) {
			return respond(200, &part{data: strings.NewReader(digits[:4]), end: errReset}, append(header, "Content-Length", "10")...), nil
		}
	}
	rest := func(header ...string) transport {
		return func(req *http.Request) (*http.Response, error) {
			require.Empty(t, req.Header.Get("If-Range"))
			return respond(206, strings.NewReader(digits[4:]), append(header, "Content-Range", "bytes 4-9/10")...), nil
		}
	}
	const weak, modified = `W/"v1"`, "Fri, 20 Nov 2026 12:00:00 GMT"
	for name, files := range map[string]*steps{
		"never":                script(start(), rest()),
		"an ETag that is weak": script(start("ETag", weak), rest("ETag", weak)),
		"only at first":        script(start("ETag", weak), rest()),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			heal(t, nil, files, requireWhole)
		})
	}
	for name, files := range map[string]*steps{
		"an ETag later":             script(start(), rest("ETag", etag)),
		"a weak ETag later":         script(start(), rest("ETag", weak)),
		"a time of change later":    script(start(), rest("Last-Modified", modified)),
		"another ETag that is weak": script(start("ETag", weak), rest("ETag", `W/"v2"`)),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			heal(t, nil, files, func(t *testing.T, _ string, err error, took time.Duration, _ *Client) {
				requireUnavailable(t, err)
				require.NotEqual(t, job.ClassWrongLength, job.ClassOf(err))
				require.Zero(t, took)
			})
		})
	}
}

// slow brings a byte every three seconds.
type slow struct {
	ctx  context.Context // the request's
	data *strings.Reader
}

func (s slow) Read(b []byte) (int, error) {
	select {
	case <-time.After(3 * time.Second):
		return s.data.Read(b[:1])
	case <-s.ctx.Done():
		return 0, s.ctx.Err()
	}
}

func TestDownloadMayTakeItsTime(t *testing.T) {
	t.Parallel()
	files := script(func(req *http.Request) (*http.Response, error) {
		return respond(200, slow{req.Context(), strings.NewReader(digits)}, "Content-Length", "10", "ETag", etag), nil
	}, breaks(errReset))
	heal(t, nil, files, func(t *testing.T, got string, err error, took time.Duration, c *Client) {
		requireWhole(t, got, err, took, c)
		require.Greater(t, took, defaultIdleLimit)
	})
}
