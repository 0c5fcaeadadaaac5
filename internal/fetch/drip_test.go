package fetch

import (
	"context"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/jobferry/jobferry/internal/fetch/fetchtest"
	"github.com/jobferry/jobferry/internal/fetch/watchdog"
	"github.com/jobferry/jobferry/internal/job"
	"github.com/jobferry/jobferry/internal/secret"
)

// drip is a body without an end that brings so many bytes every so often, after
// what it has at once.
type drip struct {
	ctx   context.Context // the request's
	first io.Reader
	bytes int
	every time.Duration
	left  int // of the bytes that have come
}

func (d *drip) Read(b []byte) (int, error) {
	if n, err := d.first.Read(b); n > 0 || err == nil {
		return n, nil
	}
	if d.left == 0 {
		select {
		case <-time.After(d.every):
			d.left = d.bytes
		case <-d.ctx.Done():
			return 0, d.ctx.Err()
		}
	}
	n := min(len(b), d.left)
	d.left -= n
	return copy(b, strings.Repeat("x", n)), nil
}

// drips is a host that answers so, to a request for a range as well.
func drips(code int, first string, bytes int, every time.Duration, header ...string) fetchtest.Transport {
	return func(req *http.Request) (*http.Response, error) {
		code, header := code, header
		if r := req.Header.Get("Range"); r != "" && code == http.StatusOK {
			from := strings.TrimSuffix(strings.TrimPrefix(r, "bytes="), "-")
			code, header = http.StatusPartialContent, append(header, "ETag", etag, "Content-Range", "bytes "+from+"-5368709119/5368709120")
		}
		return fetchtest.Respond(code, &drip{ctx: req.Context(), first: strings.NewReader(first), bytes: bytes, every: every}, header...), nil
	}
}

var fiveGiB = []string{"ETag", etag, "Content-Length", strconv.Itoa(5 << 30)}

// Each of these never stalls, and would hold its slot for years.
func TestASourceThatDripsIsGivenUp(t *testing.T) {
	t.Parallel()
	hangsUp := func(req *http.Request) (*http.Response, error) {
		r, err := drips(200, "x", 1, time.Hour, fiveGiB...)(req)
		r.Body = io.NopCloser(io.LimitReader(r.Body, 1))
		return r, err
	}
	for name, c := range map[string]struct {
		host     []fetchtest.Transport
		requests int
	}{
		"a byte a second":             {[]fetchtest.Transport{drips(200, "", 1, time.Second, fiveGiB...)}, maxSlow},
		"a byte before each stall":    {[]fetchtest.Transport{drips(200, "", 1, defaultStallLimit-time.Millisecond, fiveGiB...)}, maxSlow},
		"1,023 bytes a second":        {[]fetchtest.Transport{drips(200, "", 1023, time.Second, fiveGiB...)}, maxSlow},
		"after a good start":          {[]fetchtest.Transport{drips(200, strings.Repeat("x", 1<<20), 1, time.Second, fiveGiB...), drips(200, "", 1, time.Second)}, 1 + maxSlow},
		"one byte on each connection": {[]fetchtest.Transport{hangsUp}, 150},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			files := script(c.host...)
			resume(t, nil, files, func(t *testing.T, _ string, err error, took time.Duration, _ *Client) {
				fetchtest.RequireUnavailable(t, err)
				require.ErrorIs(t, err, watchdog.ErrSlow)
				require.LessOrEqual(t, took, 2*maxSlow*(defaultRateWindow+defaultStallLimit))
				require.LessOrEqual(t, len(files.seen()), c.requests)
				require.Greater(t, len(files.seen()), 1, "another connection is tried")
			})
		})
	}
}

func TestASourceThatDripsWithoutLengthOrRanges(t *testing.T) {
	t.Parallel()
	files := script(drips(200, "", 1, time.Second))
	resume(t, nil, files, func(t *testing.T, _ string, err error, took time.Duration, _ *Client) {
		fetchtest.RequireUnavailable(t, err)
		require.ErrorIs(t, err, watchdog.ErrSlow)
		require.LessOrEqual(t, took, defaultRateWindow+defaultStallLimit)
	})
}

func TestASlowWindowIsResumed(t *testing.T) {
	t.Parallel()
	slow := func(req *http.Request) (*http.Response, error) {
		return drips(200, "", 1, time.Second, "ETag", etag, "Content-Length", "1000")(req)
	}
	content := strings.Repeat("x", 1000)
	files := script(slow, sendsAll(content))
	resume(t, nil, files, func(t *testing.T, got string, err error, took time.Duration, _ *Client) {
		require.NoError(t, err)
		require.Equal(t, content, got)
		require.Equal(t, []string{"", "bytes=60-"}, ranges(files))
		require.Equal(t, defaultRateWindow, took)
	})
}

// A source that is slow and good enough is read to its end, however long that
// takes; so is one whose caller is slow.
func TestWhatIsNotTooSlow(t *testing.T) {
	t.Parallel()
	content := strings.Repeat("x", 1<<20)
	synctest.Test(t, func(t *testing.T) {
		slow := func(req *http.Request) (*http.Response, error) {
			body := &drip{ctx: req.Context(), first: strings.NewReader(""), bytes: 1 << 10, every: time.Second}
			return fetchtest.Respond(200, io.LimitReader(body, 1<<20), "ETag", etag, "Content-Length", strconv.Itoa(1<<20)), nil
		}
		files := script(slow)
		got, err := readAll(offline(t, nil, files.RoundTrip).Download(job.Job{ID: fetchtest.ID}, []job.File{signedFile()}).Open(t.Context(), 0))
		require.NoError(t, err)
		require.Equal(t, content, got)
		require.Len(t, files.seen(), 1)
	})
	synctest.Test(t, func(t *testing.T) {
		files := script(sendsAll(content))
		source, err := offline(t, nil, files.RoundTrip).Download(job.Job{ID: fetchtest.ID}, []job.File{signedFile()}).Open(t.Context(), 0)
		require.NoError(t, err)
		for range 10 {
			time.Sleep(time.Hour)
			_, err := io.ReadFull(source, make([]byte, 10))
			require.NoError(t, err)
		}
		require.Len(t, files.seen(), 1)
		require.NoError(t, source.Close())
	})
}

// The job API may drip as well: while a payload is streamed, and in every
// answer of which only the beginning is wanted.
func TestAnAPIThatDripsIsGivenUp(t *testing.T) {
	t.Parallel()
	wide := strings.Repeat("x", 2*windowBytes)
	for name, c := range map[string]struct {
		api  fetchtest.Transport
		most time.Duration
	}{
		"text":               {drips(200, `{"jobID":"the-job","status":"completed","result":"`+wide, 1, time.Second, "Content-Type", "application/json"), 2 * defaultRateWindow},
		"object":             {drips(200, `{"jobID":"the-job","status":"completed","result":{"text":"`+wide, 1, time.Second, "Content-Type", "application/json"), 2 * defaultRateWindow},
		"binary":             {drips(200, wide, 1, time.Second, "Content-Type", "application/pdf"), 2 * defaultRateWindow},
		"a foreign member":   {drips(200, `{"x":"`+wide, 1, time.Second, "Content-Type", "application/json"), 2 * defaultRateWindow},
		"the first bytes":    {drips(200, `{"jobID":"the-job","status":"`, 1, time.Second, "Content-Type", "application/json"), defaultRequestTimeout},
		"a problem document": {drips(422, `{"title":"`, 1, time.Second), defaultRequestTimeout},
		"not found":          {drips(404, `{"title":"`, 1, time.Second), defaultRequestTimeout},
		"an error":           {drips(503, `{"title":"`, 1, time.Second), defaultRequestTimeout},
		"a refusal":          {drips(401, ``, 1, time.Second), 2 * defaultRequestTimeout},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				client := offline(t, c.api, nil)
				answer, err := client.Poll(t.Context(), fetchtest.ID)
				if err == nil && answer.Payload != nil {
					_, err = io.Copy(io.Discard, answer.Payload)
					require.ErrorIs(t, err, watchdog.ErrSlow)
					fetchtest.RequireUnavailable(t, err)
					require.NoError(t, answer.Close())
				}
				require.LessOrEqual(t, time.Since(began), c.most)
				began = time.Now()
				_, _ = client.Status(t.Context(), fetchtest.ID)
				require.LessOrEqual(t, time.Since(began), 2*defaultRequestTimeout)
			})
		})
	}
}

func TestATokenEndpointThatDripsIsGivenUp(t *testing.T) {
	t.Parallel()
	for _, code := range []int{200, 400, 401, 503} {
		synctest.Test(t, func(t *testing.T) {
			began := time.Now()
			api := tokenAPI(drips(code, `{"accessToken":"`, 1, time.Second), nil)
			require.Error(t, second(offline(t, api, nil, clientCredentials).Poll(t.Context(), fetchtest.ID)))
			require.LessOrEqual(t, time.Since(began), defaultRequestTimeout)
		})
	}
}

// The body of an answer that is of no use is not waited for.
func TestAFileHostWhoseErrorsDrip(t *testing.T) {
	t.Parallel()
	for _, code := range []int{403, 404, 416, 500, 206} {
		synctest.Test(t, func(t *testing.T) {
			began := time.Now()
			client := offline(t, withFile().RoundTrip, drips(code, "", 1, time.Second))
			_, err := client.Download(job.Job{ID: fetchtest.ID}, []job.File{{URL: secret.New(signedURL)}}).Open(t.Context(), 0)
			require.Error(t, err)
			require.LessOrEqual(t, time.Since(began), 4*defaultStallLimit+defaultIdleLimit, "%d", code)
		})
	}
}
