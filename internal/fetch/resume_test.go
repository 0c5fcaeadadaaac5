package fetch

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/jobferry/jobferry/internal/fetch/fetchtest"
	"github.com/jobferry/jobferry/internal/fetch/watchdog"
	"github.com/jobferry/jobferry/internal/job"
	"github.com/jobferry/jobferry/internal/secret"
)

var errReset = errors.New("connection reset by peer")

const digits = "0123456789"

// A connection of a download is worth its while from minUseful bytes on, and
// after maxSlow slow windows in a row the download is given up.
const (
	minUseful = 64 << 10
	maxSlow   = 3
)

// resume reads a file from a host that a test plays, in a bubble of its own.
func resume(t *testing.T, api fetchtest.Transport, files *steps, check func(t *testing.T, got string, err error, took time.Duration, c *Client)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		client := offline(t, api, files.RoundTrip, func(c *Config) { c.RenewDelay = time.Second })
		began := time.Now()
		got, err := readAll(client.Download(job.Job{ID: fetchtest.ID}, []job.File{signedFile()}).Open(t.Context(), 0))
		if err != nil {
			fetchtest.RequireNoSecret(t, err)
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
		fetchtest.Replies(200, completed(`{"file":{"URL":"https://files.test/out/Report.PDF?fresh=1&X-Amz-Signature=hunter2"}}`), "Content-Type", "application/json"),
		fetchtest.Replies(200, completed(`{"file":{"URL":"https://files.test/out/Report.PDF?fresh=2&X-Amz-Signature=hunter2"}}`), "Content-Type", "application/json"),
		fetchtest.Replies(200, completed(`{"file":{"URL":"https://files.test/out/Report.PDF?fresh=3&X-Amz-Signature=hunter2"}}`), "Content-Type", "application/json"),
	)
}

func TestDownloadIsResumed(t *testing.T) {
	t.Parallel()
	for name, files := range map[string][]fetchtest.Transport{
		"cut short":               {sends(digits, 4, io.ErrUnexpectedEOF), sendsAll(digits)},
		"reset":                   {sends(digits, 4, errReset), sendsAll(digits)},
		"ended early":             {sends(digits, 4, io.EOF), sendsAll(digits)},
		"stalled":                 {sends(digits, 4, errStall), sendsAll(digits)},
		"stalled in the middle":   {sends(digits, 4, errStall), sends(digits, 0, errStall), sendsAll(digits)},
		"broken before a byte":    {sends(digits, 0, errReset), sendsAll(digits)},
		"a byte at a time":        {sends(digits, 1, errReset)},
		"no connection":           {breaks(errReset), breaks(io.EOF), sendsAll(digits)},
		"no connection to resume": {sends(digits, 4, errReset), breaks(errReset), breaks(errReset), sends(digits, 3, errReset), sendsAll(digits)},
		"host in trouble":         {says(503), says(500), says(429), says(408), says(302), sendsAll(digits)},
		"trouble when resuming":   {sends(digits, 4, errReset), says(503), says(429), sendsAll(digits)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			resume(t, nil, script(files...), requireWhole)
		})
	}
}

func TestDownloadIsResumedWhereItBroke(t *testing.T) {
	t.Parallel()
	files := script(sends(digits, 4, errReset), sends(digits, 3, errReset), sendsAll(digits))
	resume(t, nil, files, func(t *testing.T, got string, err error, took time.Duration, c *Client) {
		requireWhole(t, got, err, took, c)
		require.Zero(t, took, "the first try after a byte is made at once")
		require.Equal(t, []string{"", "bytes=4-", "bytes=7-"}, ranges(files))
		require.Equal(t, etag, files.seen()[2].Header.Get("If-Range"))
		require.InDelta(t, 2, testutil.ToFloat64(c.metrics.resumes), 0)
		require.InDelta(t, 0, testutil.ToFloat64(c.metrics.renewals), 0)
	})
}

func ranges(files *steps) []string {
	all := make([]string, 0, len(files.seen()))
	for _, req := range files.seen() {
		all = append(all, req.Header.Get("Range"))
	}
	return all
}

// opening is how long a download is tried that has not begun.
const opening = 5 * time.Second

func TestDownloadThatBringsNoByteIsGivenUp(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		files []fetchtest.Transport
		want  string
		after time.Duration
	}{
		"at once":         {[]fetchtest.Transport{breaks(errReset)}, "connection reset", opening},
		"by the host":     {[]fetchtest.Transport{says(503)}, "503", opening},
		"midway":          {[]fetchtest.Transport{sends(digits, 4, errReset), breaks(errReset)}, "broke off at byte 4", defaultIdleLimit},
		"midway, refused": {[]fetchtest.Transport{sends(digits, 4, errReset), says(500)}, "500", defaultIdleLimit},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			resume(t, nil, script(c.files...), func(t *testing.T, _ string, err error, took time.Duration, _ *Client) {
				fetchtest.RequireUnavailable(t, err)
				require.ErrorContains(t, err, c.want)
				require.NotEqual(t, job.ClassWrongLength, job.ClassOf(err))
				require.LessOrEqual(t, took, c.after)
				require.Greater(t, took, c.after-3*time.Second)
			})
		})
	}
}

func TestTimeBetweenReadsIsTheCallersOwn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		files := script(sends(digits, 4, errReset), breaks(errReset), sendsAll(digits))
		source, err := offline(t, nil, files.RoundTrip).Download(job.Job{ID: fetchtest.ID}, []job.File{signedFile()}).Open(t.Context(), 0)
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
	partial := func(contentRange string, header ...string) fetchtest.Transport {
		return func(*http.Request) (*http.Response, error) {
			return fetchtest.Respond(206, strings.NewReader(digits[4:]), append(header, "Content-Range", contentRange, "Content-Length", "6")...), nil
		}
	}
	bare := func(*http.Request) (*http.Response, error) {
		return fetchtest.Respond(200, &part{data: strings.NewReader("0123"), end: io.ErrUnexpectedEOF}), nil
	}
	for name, files := range map[string][]fetchtest.Transport{
		"the host knows no ranges": {start, fetchtest.Replies(200, digits)},
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
			resume(t, nil, script(files...), func(t *testing.T, _ string, err error, took time.Duration, _ *Client) {
				fetchtest.RequireUnavailable(t, err)
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
		return fetchtest.Respond(200, strings.NewReader("0123"), "Content-Length", "10"), nil
	}
	for name, files := range map[string][]fetchtest.Transport{
		"and starts again":    {short, fetchtest.Replies(200, digits)},
		"and has no more":     {short, says(416, "Content-Range", "bytes */4")},
		"and brings no more":  {short, sends(digits, 0, io.ErrUnexpectedEOF)},
		"without any headers": {lying},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			resume(t, nil, script(files...), func(t *testing.T, _ string, err error, _ time.Duration, _ *Client) {
				fetchtest.RequireUnavailable(t, err)
				require.Equal(t, job.ClassWrongLength, job.ClassOf(err))
			})
		})
	}
}

func TestDownloadOfUnknownLengthIsResumed(t *testing.T) {
	t.Parallel()
	start := func(req *http.Request) (*http.Response, error) {
		return fetchtest.Respond(200, &part{ctx: req.Context(), data: strings.NewReader(digits[:4]), end: io.ErrUnexpectedEOF}, "Last-Modified", "yesterday"), nil
	}
	rest := func(req *http.Request) (*http.Response, error) {
		require.Equal(t, "yesterday", req.Header.Get("If-Range"))
		return fetchtest.Respond(206, strings.NewReader(digits[4:]), "Content-Range", "bytes 4-9/*", "Last-Modified", "yesterday"), nil
	}
	resume(t, nil, script(start, rest), requireWhole)
	// A host that closes a new connection before it answers has not said that the
	// file ends where the last one broke.
	resume(t, nil, script(start, breaks(io.EOF), rest), requireWhole)
	resume(t, nil, script(start, breaks(io.EOF)), func(t *testing.T, _ string, err error, _ time.Duration, _ *Client) {
		fetchtest.RequireUnavailable(t, err)
		require.NotErrorIs(t, err, io.EOF)
		require.NotEqual(t, job.ClassWrongLength, job.ClassOf(err))
	})

	// Only the end of the last chunk was missing.
	all := func(req *http.Request) (*http.Response, error) {
		return fetchtest.Respond(200, &part{ctx: req.Context(), data: strings.NewReader(digits), end: io.ErrUnexpectedEOF}, "ETag", etag), nil
	}
	resume(t, nil, script(all, says(416, "Content-Range", "bytes */10")), requireWhole)

	more := func(*http.Request) (*http.Response, error) {
		return fetchtest.Respond(206, strings.NewReader(digits[4:]+"too much"), "Content-Range", "bytes 4-9/10", "Last-Modified", "yesterday"), nil
	}
	resume(t, nil, script(start, more), func(t *testing.T, _ string, err error, _ time.Duration, _ *Client) {
		fetchtest.RequireUnavailable(t, err)
	})
}

func TestDownloadOfAURLThatExpired(t *testing.T) {
	t.Parallel()
	for _, code := range []int{400, 401, 403, 404, 410} {
		for name, files := range map[string][]fetchtest.Transport{
			"before it began": {says(code), sendsAll(digits)},
			"midway":          {sends(digits, 4, errReset), says(code), sendsAll(digits)},
			"twice":           {says(code), sends(digits, 4, errReset), says(code), sendsAll(digits)},
		} {
			api, host := withFile(), script(files...)
			resume(t, api.RoundTrip, host, func(t *testing.T, got string, err error, took time.Duration, c *Client) {
				requireWhole(t, got, err, took, c)
				require.Zero(t, took, "the first fresh URL is asked for and used at once")
				last := host.seen()[len(host.seen())-1]
				require.Contains(t, last.URL.RawQuery, "fresh", name)
				require.InDelta(t, len(api.seen()), testutil.ToFloat64(c.metrics.renewals), 0)
				require.Empty(t, last.Header.Get("Authorization"))
			})
		}
	}
}

func TestDownloadWhoseFreshURLsAreRefusedToo(t *testing.T) {
	t.Parallel()
	api, files := withFile(), script(says(403))
	resume(t, api.RoundTrip, files, func(t *testing.T, _ string, err error, took time.Duration, _ *Client) {
		require.Equal(t, job.ClassURLRefused, job.ClassOf(err), "the job's result may live a while yet")
		require.Len(t, api.seen(), 3)
		require.Len(t, files.seen(), 4)
		require.Equal(t, 3*time.Second, took, "a second, then two")
	})

	// A byte in between makes the count begin again.
	host := script(says(403), says(403), says(403), sends(digits, 4, errReset), says(403), sendsAll(digits))
	resume(t, withFile().RoundTrip, host, requireWhole)
}

// TestRefusalBeforeABreakIsNotCountedAgain: a download that cannot go on says
// what broke it, and that may have been a refusal, long healed.
func TestRefusalBeforeABreakIsNotCountedAgain(t *testing.T) {
	t.Parallel()
	api, files := withFile(), script(sends(digits, 4, errReset), says(403), fetchtest.Replies(200, digits))
	resume(t, api.RoundTrip, files, func(t *testing.T, _ string, err error, took time.Duration, c *Client) {
		fetchtest.RequireUnavailable(t, err)
		require.ErrorContains(t, err, "starts again from the first byte")
		require.Len(t, api.seen(), 1)
		require.Zero(t, took)
		require.InDelta(t, 1, testutil.ToFloat64(c.metrics.renewals), 0)
	})
}

func TestRenewalThatBringsNoURL(t *testing.T) {
	t.Parallel()
	asJSON := func(body string) fetchtest.Transport {
		return fetchtest.Replies(200, body, "Content-Type", "application/json")
	}
	for name, api := range map[string]fetchtest.Transport{
		"running":      fetchtest.Replies(404, "{}"),
		"canceled":     asJSON(`{"jobID":"the-job","status":"canceled"}`),
		"text":         asJSON(completed(`"x"`)),
		"delivered":    asJSON(completed(`{"file":{"URL":null}}`)),
		"no files":     asJSON(completed(`{"files":[]}`)),
		"throttled":    fetchtest.Replies(429, ""),
		"told to wait": fetchtest.Replies(503, "", "Retry-After", "60"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			resume(t, api, script(says(403)), func(t *testing.T, _ string, err error, took time.Duration, _ *Client) {
				require.Equal(t, name == "throttled", fetchtest.RequireUnavailable(t, err).Class == job.ClassThrottled, name)
				require.Zero(t, took, name)
			})
		})
	}
	for reason, api := range map[job.Reason]fetchtest.Transport{
		job.ReasonJobExpired:    fetchtest.Replies(410, `{"title":"Gone","status":410}`),
		job.ReasonAPIRejected:   fetchtest.Replies(422, `{"title":"No","status":422}`),
		job.ReasonResultInvalid: asJSON(completed(`{"file":7}`)),
		job.ReasonResultBlocked: asJSON(completed(`{"file":{"URL":"https://evil.test/out/Report.PDF?signature=1"}}`)),
	} {
		t.Run(string(reason), func(t *testing.T) {
			t.Parallel()
			resume(t, api, script(says(403)), func(t *testing.T, _ string, err error, _ time.Duration, _ *Client) {
				fetchtest.RequireReason(t, err, reason)
			})
		})
	}
	resume(t, fetchtest.Replies(401, ""), script(says(403)), func(t *testing.T, _ string, err error, _ time.Duration, _ *Client) {
		require.True(t, job.IsRefused(err))
	})
}

func TestRenewalIsTriedAgainWhileThereIsTime(t *testing.T) {
	t.Parallel()
	api := script(fetchtest.Replies(503, ""), breaks(errReset), withFile().RoundTrip)
	files := func(req *http.Request) (*http.Response, error) {
		if strings.Contains(req.URL.RawQuery, "fresh") {
			return sendsAll(digits)(req)
		}
		return says(403)(req)
	}
	resume(t, api.RoundTrip, script(files), requireWhole)

	hang := func(req *http.Request) (*http.Response, error) {
		<-req.Context().Done()
		return nil, req.Context().Err()
	}
	resume(t, hang, script(says(403)), func(t *testing.T, _ string, err error, took time.Duration, _ *Client) {
		fetchtest.RequireUnavailable(t, err)
		require.ErrorContains(t, err, "refuses the URL with 403")
		require.Equal(t, opening, took)
	})
}

func TestResumingEndsWithItsContext(t *testing.T) {
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
			_, err := offline(t, hang, files.RoundTrip).Download(job.Job{ID: fetchtest.ID}, []job.File{signedFile()}).Open(ctx, 0)
			require.ErrorIs(t, err, stop, name)
			require.ErrorIs(t, err, context.Canceled, name)
			require.Equal(t, 3*time.Second, time.Since(began), name)
		})
	}
}

// filesAt is a list of files at these paths, as an answer of the API and as that was
// read.
func filesAt(query string, paths ...string) (string, []job.File) {
	var list []string
	var files []job.File
	for _, path := range paths {
		url := "https://files.test/" + path + "?" + query
		list = append(list, `{"URL":"`+url+`"}`)
		files = append(files, job.File{URL: secret.New(url)})
	}
	return completed(`{"files":[` + strings.Join(list, ",") + `]}`), files
}

func TestRenewalTakesTheSameFileOfMany(t *testing.T) {
	t.Parallel()
	answer, before := filesAt("v=1", "a", "b", "c")
	api := fetchtest.Replies(200, answer, "Content-Type", "application/json")
	host := script(says(404), sendsAll(digits))
	got, err := readAll(offline(t, api, host.RoundTrip).Download(job.Job{ID: fetchtest.ID}, before).Open(t.Context(), 1))
	require.NoError(t, err)
	require.Equal(t, digits, got)
	require.Equal(t, "/b", host.seen()[1].URL.Path)
}

// The files of a job share a renewal.
func TestOneRenewalForAllFiles(t *testing.T) {
	t.Parallel()
	answer, before := filesAt("v=1", "a", "b", "c")
	fresh, _ := filesAt("v=2", "a", "b", "c")
	require.NotEqual(t, answer, fresh)
	api := script(fetchtest.Replies(200, fresh, "Content-Type", "application/json"))
	host := func(req *http.Request) (*http.Response, error) {
		if req.URL.RawQuery == "v=1" {
			return says(403)(req)
		}
		return sendsAll(digits)(req)
	}
	downloads := offline(t, api.RoundTrip, host).Download(job.Job{ID: fetchtest.ID}, before)
	defer downloads.Close()
	var group errgroup.Group
	for index := range before {
		group.Go(func() error {
			got, err := readAll(downloads.Open(t.Context(), index))
			if err == nil && got != digits {
				err = errors.New(got)
			}
			return err
		})
	}
	require.NoError(t, group.Wait())
	require.Equal(t, 1, downloads.Renewals())
	require.Len(t, api.seen(), 1)
}

// A renewal that fails is asked for again: the old URL is not taken for a fresh one.
func TestRenewalThatFailsOnce(t *testing.T) {
	t.Parallel()
	api := script(fetchtest.Replies(503, ""), withFile().RoundTrip)
	host := script(says(403), says(403), sendsAll(digits))
	resume(t, api.RoundTrip, host, func(t *testing.T, got string, err error, took time.Duration, c *Client) {
		requireWhole(t, got, err, took, c)
		require.Len(t, api.seen(), 2)
		require.Contains(t, host.seen()[2].URL.RawQuery, "fresh")
	})
}

// An answer that names other files, or the same ones in another order, ends all
// downloads of the job: what was stored of the earlier ones must not be mixed in.
func TestRenewalWithOtherFiles(t *testing.T) {
	t.Parallel()
	for name, paths := range map[string][]string{
		"another order": {"b", "a", "c"}, "fewer": {"a", "b"}, "more": {"a", "b", "c", "d"}, "another one": {"a", "b", "x"},
	} {
		_, before := filesAt("v=1", "a", "b", "c")
		fresh, _ := filesAt("v=2", paths...)
		client := offline(t, fetchtest.Replies(200, fresh, "Content-Type", "application/json"), says(403))
		downloads := client.Download(job.Job{ID: fetchtest.ID}, before)
		for index := range before {
			_, err := downloads.Open(t.Context(), index)
			fetchtest.RequireUnavailable(t, err)
			require.ErrorContains(t, err, "names other files", name)
		}
		require.Equal(t, 1, downloads.Renewals(), name)
		downloads.Close()
	}
}

func TestSameFiles(t *testing.T) {
	t.Parallel()
	size := func(n int64) *int64 { return &n }
	file := func(path string, size *int64) job.File {
		return job.File{URL: secret.New("https://files.test/" + path), ContentType: "image/png", DeclaredSize: size}
	}
	require.True(t, sameFiles([]job.File{file("a?1", nil)}, []job.File{file("a?2", nil)}))
	require.True(t, sameFiles([]job.File{file("a", size(1))}, []job.File{file("b", size(1))}), "at another place, with the same type and size")
	require.False(t, sameFiles([]job.File{file("a", size(1))}, []job.File{file("b", size(2))}))
	require.False(t, sameFiles([]job.File{file("a", nil)}, []job.File{file("b", nil)}), "nothing tells")
	require.False(t, sameFiles([]job.File{file("a", size(1)), file("b", size(1))}, []job.File{file("b", size(1)), file("a", size(1))}), "the order tells them apart")
	require.False(t, sameFiles([]job.File{file("a", size(1))}, []job.File{{ContentType: "image/png", DeclaredSize: size(1)}}), "delivered elsewhere by now")
}

// What has come of a file is worth another connection, with more time.
func TestStallsMidway(t *testing.T) {
	t.Parallel()
	hang := func(req *http.Request) (*http.Response, error) {
		<-req.Context().Done()
		return nil, req.Context().Err()
	}
	for want, host := range map[string]*steps{
		"stalled":          script(sends(digits, 4, errStall), sends(digits, 0, errStall)),
		"no answer within": script(sends(digits, 4, errStall), hang),
	} {
		resume(t, nil, host, func(t *testing.T, _ string, err error, took time.Duration, _ *Client) {
			require.Equal(t, job.ClassStalled, job.ClassOf(err))
			require.ErrorContains(t, err, want)
			require.Len(t, host.seen(), 3)
			require.InDelta(t, 7*defaultStallLimit, took, float64(time.Second), "once, twice, four times the limit")
		})
	}
}

// A job whose downloads have stalled gives the next one more time.
func TestStallsDouble(t *testing.T) {
	t.Parallel()
	hang := func(req *http.Request) (*http.Response, error) {
		<-req.Context().Done()
		return nil, req.Context().Err()
	}
	for stalls, want := range []time.Duration{2 * defaultStallLimit, 2 * time.Minute, 2 * time.Minute} {
		synctest.Test(t, func(t *testing.T) {
			began := time.Now()
			host := script(hang)
			_, err := offline(t, nil, host.RoundTrip).Download(job.Job{ID: fetchtest.ID, Stalls: stalls}, []job.File{signedFile()}).Open(t.Context(), 0)
			require.Equal(t, job.ClassStalled, job.ClassOf(err))
			require.Equal(t, want, time.Since(began))
			require.Len(t, host.seen(), 1, "the job waits by a timer")
		})
	}
}

// A host that asks for a wait gets it: in hand if it is short, else by the job's timer.
func TestRetryAfterOfAFileHost(t *testing.T) {
	t.Parallel()
	resume(t, nil, script(says(429, "Retry-After", "3"), sendsAll(digits)), func(t *testing.T, got string, err error, took time.Duration, c *Client) {
		requireWhole(t, got, err, took, c)
		require.GreaterOrEqual(t, took, 3*time.Second)
		require.Less(t, took, 4*time.Second)
	})
	host := script(says(429, "Retry-After", "60"))
	resume(t, nil, host, func(t *testing.T, _ string, err error, _ time.Duration, _ *Client) {
		require.Equal(t, time.Minute, job.AsError(err).RetryAfter)
		require.Len(t, host.seen(), 1)
	})
}

// A renewal that the API puts off for a moment does not throw the download away.
func TestRenewalThatIsPutOff(t *testing.T) {
	t.Parallel()
	api := script(
		fetchtest.Replies(429, `{"title":"slow down"}`, "Retry-After", "1"),
		fetchtest.Replies(200, completed(`{"file":{"URL":"https://files.test/out/Report.PDF?v=2"}}`), "Content-Type", "application/json"),
	)
	host := script(sends(digits, 4, errReset), says(403), says(403), sendsAll(digits))
	resume(t, api.RoundTrip, host, func(t *testing.T, got string, err error, took time.Duration, c *Client) {
		requireWhole(t, got, err, took, c)
		require.Equal(t, "bytes=4-", host.seen()[3].Header.Get("Range"))
	})
}

// A host that takes no request with a range, though the URL is fresh.
func TestRangeThatIsRefused(t *testing.T) {
	t.Parallel()
	api := fetchtest.Replies(200, completed(`{"file":{"URL":"https://files.test/out/Report.PDF?v=2"}}`), "Content-Type", "application/json")
	host := script(sends(digits, 4, errReset), says(403))
	resume(t, api, host, func(t *testing.T, _ string, err error, _ time.Duration, _ *Client) {
		fetchtest.RequireUnavailable(t, err)
		require.Len(t, host.seen(), 3, "the next download begins without a range")
	})
}

// A host that never says which file it has is trusted by its length, and one
// that says so only when it is asked to go on is not: that may be another file
// of the same length.
func TestDownloadFromAHostWithoutValidators(t *testing.T) {
	t.Parallel()
	start := func(header ...string) fetchtest.Transport {
		return func(*http.Request) (*http.Response, error) {
			return fetchtest.Respond(200, &part{data: strings.NewReader(digits[:4]), end: errReset}, append(header, "Content-Length", "10")...), nil
		}
	}
	rest := func(header ...string) fetchtest.Transport {
		return func(req *http.Request) (*http.Response, error) {
			require.Empty(t, req.Header.Get("If-Range"))
			return fetchtest.Respond(206, strings.NewReader(digits[4:]), append(header, "Content-Range", "bytes 4-9/10")...), nil
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
			resume(t, nil, files, requireWhole)
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
			resume(t, nil, files, func(t *testing.T, _ string, err error, took time.Duration, _ *Client) {
				fetchtest.RequireUnavailable(t, err)
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
		return fetchtest.Respond(200, slow{req.Context(), strings.NewReader(digits)}, "Content-Length", "10", "ETag", etag), nil
	}, breaks(errReset))
	resume(t, nil, files, func(t *testing.T, got string, err error, took time.Duration, c *Client) {
		requireWhole(t, got, err, took, c)
		require.Greater(t, took, defaultIdleLimit)
	})
}

// A host that hangs up every so often, and brings something each time, is
// resumed without a pause; one that hangs up after each byte is not.
func TestPausesBetweenShortConnections(t *testing.T) {
	t.Parallel()
	content := strings.Repeat("x", 40*minUseful)
	resume(t, nil, script(sends(content, minUseful, errReset)), func(t *testing.T, got string, err error, took time.Duration, _ *Client) {
		require.NoError(t, err)
		require.Len(t, got, len(content))
		require.Zero(t, took)
	})
	files := script(sends(content, minUseful, errReset), sends(content, 1, errReset))
	resume(t, nil, files, func(t *testing.T, _ string, err error, took time.Duration, _ *Client) {
		fetchtest.RequireUnavailable(t, err)
		require.ErrorIs(t, err, watchdog.ErrSlow)
		require.Less(t, len(files.seen()), 200)
		require.Less(t, took, 2*maxSlow*defaultRateWindow)
	})
}

// However many pieces a small file comes in, it comes.
func TestManyShortConnectionsBringASmallFile(t *testing.T) {
	t.Parallel()
	var asked []*http.Request
	one := sends(digits, 1, io.ErrUnexpectedEOF)
	files := script(func(req *http.Request) (*http.Response, error) {
		asked = append(asked, req)
		return one(req)
	})
	resume(t, nil, files, func(t *testing.T, got string, err error, took time.Duration, _ *Client) {
		require.NoError(t, err)
		require.Equal(t, digits, got)
		require.Len(t, asked, len(digits))
		require.Less(t, took, 30*time.Second)
		require.Greater(t, took, time.Second)
	})
}

// A body without a length of its own ends where its connection does, which may be
// too early: the API's size tells.
func TestABodyWithoutALengthIsCutShort(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		ranges   bool
		declared int64
		size     int
		want     int
		requests int64
	}{
		"resumed":                    {true, 1000, 1000, 1000, 2},
		"the API is wrong":           {true, 1001, 1000, 1000, 2},
		"it knows no ranges":         {false, 1000, 1000, 600, 2},
		"the API says no size":       {true, -1, 1000, 600, 1},
		"it is longer than declared": {true, 100, 1000, 600, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			content := strings.Repeat("0123456789", row.size/10)
			var requests atomic.Int64
			host := serve(t, func(w http.ResponseWriter, r *http.Request) {
				requests.Add(1)
				w.Header().Set("ETag", `"v1"`)
				if row.ranges && r.Header.Get("Range") != "" {
					http.ServeContent(w, r, "", time.Time{}, strings.NewReader(content))
					return
				}
				w.Header().Set("Transfer-Encoding", "identity") // the connection's end marks the body's
				_, _ = io.WriteString(w, content[:600])
			})
			file := fileAt(host, "/f")
			if row.declared >= 0 {
				file.DeclaredSize = &row.declared
			}
			got, err := readAll(newClient(t, "https://api.test").Download(job.Job{ID: fetchtest.ID}, []job.File{file}).Open(t.Context(), 0))
			require.NoError(t, err)
			require.Equal(t, content[:row.want], got)
			require.Equal(t, row.requests, requests.Load())
		})
	}
}
