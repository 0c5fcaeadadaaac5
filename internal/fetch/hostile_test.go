package fetch

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/jobferry/jobferry/internal/fetch/answer"
	"github.com/jobferry/jobferry/internal/fetch/fetchtest"
	"github.com/jobferry/jobferry/internal/job"
	"github.com/jobferry/jobferry/internal/secret"
)

// heapWatch is a reader that looks at the heap every so often.
type heapWatch struct {
	io.Reader

	peak *atomic.Uint64
	read *atomic.Int64
	left int // bytes to the next look
}

const lookEvery = 2 * fetchtest.Mebibyte

func (h *heapWatch) Read(p []byte) (int, error) {
	n, err := h.Reader.Read(p)
	h.read.Add(int64(n))
	if h.left -= n; h.left <= 0 {
		h.left = lookEvery
		h.peak.Store(max(h.peak.Load(), fetchtest.Heap()))
	}
	return n, err
}

// endless is a body that begins like this and goes on with a pattern for ever:
// a thousand times longer than anything that is taken is as good as that.
func endless(first, pattern string) io.Reader {
	rest, _ := fetchtest.Repeat(pattern, 1<<50)
	return io.MultiReader(strings.NewReader(first), rest)
}

// The limits that the endless bodies of these tests run into. The overhead is
// less than it is for users, so that the tests are fast.
const (
	testMostResult   = 8 * fetchtest.Mebibyte
	testMostOverhead = 8 * fetchtest.Mebibyte
	testMostHeap     = 4 * fetchtest.Mebibyte
)

// hold polls, or downloads, with this body as the answer, reads all there is to
// read, and checks what was held on the way.
func hold(t *testing.T, code int, body io.Reader, contentType string, call func(context.Context, *Client) error) error {
	t.Helper()
	watch := &heapWatch{Reader: body, peak: &atomic.Uint64{}, read: &atomic.Int64{}}
	host := func(*http.Request) (*http.Response, error) {
		return fetchtest.Respond(code, watch, "Content-Type", contentType, "ETag", etag), nil
	}
	client := offline(t, host, host, func(c *Config) {
		c.MaxResultBytes = testMostResult
		c.IdleLimit = 200 * time.Millisecond
	})
	client.answers = answer.NewReader(answer.Limits{Result: testMostResult, Overhead: testMostOverhead})
	before := fetchtest.Heap()
	err := call(t.Context(), client)
	require.Error(t, err)
	fetchtest.RequireNoSecret(t, err)
	require.Less(t, max(watch.peak.Load(), fetchtest.Heap()), before+testMostHeap)
	require.Less(t, watch.read.Load(), int64(7*testMostResult), "an escape has up to six bytes for one")
	return err
}

func pollAll(ctx context.Context, c *Client) error {
	answer, err := c.Poll(ctx, fetchtest.ID)
	if err != nil || answer.Payload == nil {
		return err
	}
	_, err = io.Copy(io.Discard, fetchtest.OnlyReader{Reader: answer.Payload})
	return firstOf(err, answer.Close())
}

func firstOf(first, second error) error {
	if first != nil {
		return first
	}
	return second
}

func statusOf(ctx context.Context, c *Client) error { return second(c.Status(ctx, fetchtest.ID)) }

func openAll(ctx context.Context, c *Client) error {
	source, err := c.Download(job.Job{ID: fetchtest.ID}, []job.File{signedFile()}).Open(ctx, 0)
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, fetchtest.OnlyReader{Reader: source})
	return firstOf(err, source.Close())
}

// The tests of this file look at the whole process and do not run in parallel.

func TestEndlessAnswersAreNotHeld(t *testing.T) { //nolint:paralleltest // it measures the process
	const done, json = `{"jobID":"the-job","status":"completed",`, "application/json"
	for name, c := range map[string]struct {
		first, pattern, contentType string
		want                        job.Reason // empty: the job waits
	}{
		"text":                       {done + `"result":"`, "x", json, job.ReasonResultTooLarge},
		"escaped text":               {done + `"result":"`, `\u0041`, json, job.ReasonResultTooLarge},
		"an object":                  {done + `"result":{"a":"`, "x", json, job.ReasonResultTooLarge},
		"an object of white space":   {done + `"result":{`, " ", json, job.ReasonResultTooLarge},
		"members of an object":       {done + `"result":{"a":1`, `,"a":1`, json, job.ReasonResultTooLarge},
		"binary":                     {"", "x", "application/pdf", job.ReasonResultTooLarge},
		"a file of a long URL":       {done + `"result":{"file":{"URL":"https://h/`, "x", json, job.ReasonResultTooLarge},
		"no result, and white space": {done, " ", json, job.ReasonResultTooLarge},
		"a foreign member":           {done + `"x":"`, "x", json, job.ReasonResultTooLarge},
		"foreign members":            {done + `"x":1`, `,"x":{"y":[]}`, json, job.ReasonResultTooLarge},
		"a member name":              {done + `"`, "x", json, job.ReasonResultTooLarge},
		"a number":                   {done + `"x":1`, "0", json, job.ReasonResultTooLarge},
		"white space at the start":   {"", " \n", json, ""},
		"white space after the end":  {`{"jobID":"the-job","status":"running"}`, " ", json, ""},
		"a status":                   {`{"jobID":"the-job","status":"`, "x", json, ""},
		"an error object":            {`{"jobID":"the-job","status":"failed","error":{"title":"`, "x", json, ""},
		"lists in lists":             {done + `"x":`, "[", json, ""},
		"lists in lists of a result": {done + `"result":{"a":`, "[", json, job.ReasonResultInvalid},
		"HTML":                       {"<html>", "x", "text/html", ""},
	} {
		t.Run(name, func(t *testing.T) {
			err := hold(t, http.StatusOK, endless(c.first, c.pattern), c.contentType, pollAll)
			if c.want != "" {
				fetchtest.RequireReason(t, err, c.want)
			} else {
				fetchtest.RequireUnavailable(t, err)
			}
		})
	}
}

// manyFiles is a list of files, each at a URL of its own, that does not end.
type manyFiles struct {
	n    int
	left []byte
}

func (m *manyFiles) Read(b []byte) (int, error) {
	if len(m.left) == 0 {
		m.left = fmt.Appendf(nil, `{"URL":"https://files.test/%d?X-Amz-Signature=hunter2"},`, m.n)
		m.n++
	}
	n := copy(b, m.left)
	m.left = m.left[n:]
	return n, nil
}

// Files without end are held as far as the 100,000th, and then released: 100,000 URLs
// of 50 bytes, with what is known of each.
func TestFilesWithoutEndAreNotHeld(t *testing.T) { //nolint:paralleltest // it measures the process
	const mostFiles = 40 * fetchtest.Mebibyte
	files := &manyFiles{}
	body := io.MultiReader(strings.NewReader(`{"jobID":"the-job","status":"completed","result":{"files":[`), files)
	watch := &heapWatch{Reader: body, peak: &atomic.Uint64{}, read: &atomic.Int64{}}
	client := offline(t, func(*http.Request) (*http.Response, error) {
		return fetchtest.Respond(http.StatusOK, watch, "Content-Type", "application/json"), nil
	}, nil)
	client.answers = answer.NewReader(answer.Limits{Result: client.cfg.MaxResultBytes, Overhead: 30 * fetchtest.Mebibyte})
	before := fetchtest.Heap()
	_, err := client.Poll(t.Context(), fetchtest.ID)
	fetchtest.RequireReason(t, err, job.ReasonResultTooLarge)
	fetchtest.RequireNoSecret(t, err)
	require.Greater(t, files.n, 400_000)
	require.Less(t, watch.peak.Load(), before+mostFiles)
	require.Greater(t, watch.peak.Load(), before+mostFiles/8, "or nothing has been measured")
	require.Less(t, fetchtest.Heap(), before+testMostHeap)
}

func TestEndlessErrorsAreNotHeld(t *testing.T) { //nolint:paralleltest // it measures the process
	for _, code := range []int{400, 401, 403, 410, 422, 429, 500, 302, 299} {
		for _, call := range []func(context.Context, *Client) error{pollAll, statusOf, openAll} {
			_ = hold(t, code, endless(`{"title":"`, "x"), "application/problem+json", call)
		}
	}
	err := hold(t, http.StatusOK, endless(`{"jobID":"the-job","status":"`, "x"), "application/json", statusOf)
	fetchtest.RequireUnavailable(t, err)
	for _, code := range []int{200, 400, 500} {
		_ = hold(t, code, endless(`{"accessToken":"`, "x"), "application/json", func(ctx context.Context, c *Client) error {
			return second(offline(t, c.api.Transport.RoundTrip, nil, clientCredentials).Poll(ctx, fetchtest.ID))
		})
	}
}

func TestEndlessDownloadsAreNotHeld(t *testing.T) { //nolint:paralleltest // it measures the process
	err := hold(t, http.StatusOK, endless("", "x"), "application/pdf", openAll)
	fetchtest.RequireReason(t, err, job.ReasonResultTooLarge)
}

// compressed is a body of zeros, a thousandth of its size.
func compressed(t *testing.T, first string, size int64) []byte {
	t.Helper()
	var small bytes.Buffer
	z := gzip.NewWriter(&small)
	zeros, _ := fetchtest.Repeat("0", size)
	_, err := io.Copy(z, io.MultiReader(strings.NewReader(first), zeros))
	require.NoError(t, err)
	require.NoError(t, z.Close())
	return small.Bytes()
}

// A download is stored as it is sent: nothing was asked to be encoded, so
// nothing is decoded. The API's answers may be encoded, and their limits are
// those of what comes out.
func TestACompressedBombIsNotHeld(t *testing.T) { //nolint:paralleltest // it measures the process
	bomb := compressed(t, `{"jobID":"the-job","status":"completed","result":"`, 3*testMostResult)
	host := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(bomb)
	})
	client := newClient(t, host.URL, func(c *Config) { c.MaxResultBytes = testMostResult })

	content, err := readAll(client.Download(job.Job{ID: fetchtest.ID}, []job.File{fileAt(host, "/f")}).Open(t.Context(), 0))
	require.NoError(t, err)
	require.Len(t, content, len(bomb))

	before := fetchtest.Heap()
	answer, err := client.Poll(t.Context(), fetchtest.ID)
	require.NoError(t, err)
	watch := &heapWatch{Reader: answer.Payload, peak: &atomic.Uint64{}, read: &atomic.Int64{}}
	_, err = io.Copy(io.Discard, watch)
	fetchtest.RequireReason(t, err, job.ReasonResultTooLarge)
	require.LessOrEqual(t, watch.read.Load(), int64(testMostResult))
	require.NotZero(t, watch.peak.Load())
	require.Less(t, watch.peak.Load(), before+testMostHeap)
	require.NoError(t, answer.Close())
}

// rawServer answers each connection with what write does, and counts.
func rawServer(t *testing.T, write func(io.Writer) error) (address string, written *atomic.Int64) {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	done := make(chan struct{})
	written = &atomic.Int64{}
	go func() {
		defer close(done)
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			if _, err := http.ReadRequest(bufio.NewReader(conn)); err == nil {
				_ = write(&counting{conn, written})
			}
			_ = conn.Close()
		}
	}()
	t.Cleanup(func() {
		_ = listener.Close()
		<-done
	})
	return "http://" + listener.Addr().String(), written
}

// counting counts what the other side took, its socket's buffer included.
type counting struct {
	io.Writer

	n *atomic.Int64
}

func (c *counting) Write(b []byte) (int, error) {
	n, err := c.Writer.Write(b)
	c.n.Add(int64(n))
	return n, err
}

func TestHeadersWithoutEndAreNotHeld(t *testing.T) { //nolint:paralleltest // it measures the process
	const buffers = 16 * fetchtest.Mebibyte // of sockets, at most
	for name, line := range map[string]string{
		"many lines": "X-Header: value\r\n", "many cookies": "Set-Cookie: a=b\r\n", "one line": "x",
	} {
		address, written := rawServer(t, func(w io.Writer) error {
			if _, err := io.WriteString(w, "HTTP/1.1 200 OK\r\nX: "); err != nil {
				return err
			}
			body, _ := fetchtest.Repeat(line, 1<<50)
			_, err := io.Copy(w, fetchtest.OnlyReader{Reader: body})
			return err
		})
		client := newClient(t, address)
		before := fetchtest.Heap()
		fetchtest.RequireUnavailable(t, second(client.Poll(t.Context(), fetchtest.ID)))
		require.Less(t, written.Load(), int64(buffers), name)
		require.Less(t, fetchtest.Heap(), before+testMostHeap)

		client = newClient(t, address, func(c *Config) { c.IdleLimit = 300 * time.Millisecond })
		_, err := client.Download(job.Job{ID: fetchtest.ID}, []job.File{{URL: secret.New(address + "/f")}}).Open(t.Context(), 0)
		fetchtest.RequireUnavailable(t, err)
		require.Less(t, fetchtest.Heap(), before+testMostHeap)
	}
}

func TestRedirectsWithoutEnd(t *testing.T) {
	t.Parallel()
	var asked atomic.Int32
	var hop string
	host := serve(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, fmt.Sprintf("%s/%d", hop, asked.Add(1)), http.StatusFound)
	})
	hop = host.URL
	_, err := newClient(t, "https://api.test").Download(job.Job{ID: fetchtest.ID}, []job.File{fileAt(host, "/")}).Open(t.Context(), 0)
	fetchtest.RequireUnavailable(t, err)
	require.EqualValues(t, 1+10, asked.Load())
}
