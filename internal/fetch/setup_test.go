package fetch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"go.uber.org/zap"

	"github.com/jobferry/jobferry/internal/fetch/auth"
	"github.com/jobferry/jobferry/internal/fetch/fetchtest"
	"github.com/jobferry/jobferry/internal/fetch/ssrf"
	"github.com/jobferry/jobferry/internal/job"
	"github.com/jobferry/jobferry/internal/secret"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// newClient returns a client of the API at base, with limits that are short
// where a test has to wait for them.
func newClient(t testing.TB, base string, change ...func(*Config)) *Client {
	t.Helper()
	cfg := Config{
		BaseURL: base, Token: auth.FixedCredential(secret.New(fetchtest.Token)),
		ResultHosts: []string{"127.0.0.1"},
		RenewDelay:  time.Millisecond,
	}
	for _, f := range change {
		f(&cfg)
	}
	c, err := New(cfg, zap.NewNop(), prometheus.NewRegistry())
	require.NoError(t, err)
	t.Cleanup(c.Close)
	return c
}

// serve starts a server that is closed after the clients of the test.
func serve(t testing.TB, handler http.HandlerFunc) *httptest.Server {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return server
}

// offline returns a client whose API and file hosts are functions. Nothing in
// it waits for anything but the clock, so it can live in a synctest bubble.
func offline(t testing.TB, api, files fetchtest.Transport, change ...func(*Config)) *Client {
	t.Helper()
	c := newClient(t, "https://api.test", append([]func(*Config){func(cfg *Config) {
		cfg.ResultHosts = []string{"files.test"}
		cfg.RenewDelay = 0
	}}, change...)...)
	c.api.Transport, c.files.Transport = api, files
	return c
}

// resolving makes the downloads of a client use another resolver.
func resolving(t testing.TB, c *Client, resolver *net.Resolver) {
	t.Helper()
	guard, err := ssrf.New(c.cfg.ResultHosts)
	require.NoError(t, err)
	*c.files = *c.fileClient(guard, net.Dialer{Resolver: resolver})
}

// contents reads an answer's payload to its end.
func contents(t testing.TB, answer job.Answer) string {
	t.Helper()
	require.NotNil(t, answer.Payload)
	got, err := io.ReadAll(answer.Payload)
	require.NoError(t, err)
	require.NoError(t, answer.Close())
	return string(got)
}

// object is a JSON object of these members.
func object(members ...string) string {
	return `{"jobID": "` + string(fetchtest.ID) + `", ` + strings.Join(members, ", ") + "}"
}

func completed(result string) string { return object(`"status":"completed"`, `"result":`+result) }

// windowBytes is as much of an answer as the client holds.
const windowBytes = 64 << 10

// padding makes an answer too large for the window.
var padding = `"padding":{"x":"` + strings.Repeat("x", 2*windowBytes) + `"}`

// steps is a host that gives the n-th request the n-th step, and the last one
// to all that follow.
type steps struct {
	mu       sync.Mutex
	script   []fetchtest.Transport
	requests []*http.Request
}

func script(s ...fetchtest.Transport) *steps { return &steps{script: s} }

func (s *steps) RoundTrip(req *http.Request) (*http.Response, error) {
	s.mu.Lock()
	step := s.script[min(len(s.requests), len(s.script)-1)]
	s.requests = append(s.requests, req)
	s.mu.Unlock()
	return step(req)
}

func (s *steps) seen() []*http.Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.requests
}

// part is a body that gives its bytes and then an error, or nothing more until
// the request ends.
type part struct {
	ctx  context.Context // the request's
	data *strings.Reader
	end  error
}

var errStall = errors.New("stall")

func (p *part) Read(b []byte) (int, error) {
	if p.data.Len() > 0 {
		return p.data.Read(b)
	}
	if errors.Is(p.end, errStall) {
		<-p.ctx.Done()
		return 0, p.ctx.Err()
	}
	return 0, p.end
}

const etag = `"v1"`

// sends is a step that honors Range and If-Range, sends at most so many bytes,
// and ends them with an error: io.EOF for a file host in order.
func sends(content string, most int, end error) fetchtest.Transport {
	return func(req *http.Request) (*http.Response, error) {
		from, code := 0, http.StatusOK
		header := []string{"ETag", etag, "Content-Type", "application/pdf"}
		if r := req.Header.Get("Range"); r != "" && req.Header.Get("If-Range") == etag {
			from, _ = strconv.Atoi(strings.TrimSuffix(strings.TrimPrefix(r, "bytes="), "-"))
			code = http.StatusPartialContent
			header = append(header, "Content-Range", fmt.Sprintf("bytes %d-%d/%d", from, len(content)-1, len(content)))
		}
		header = append(header, "Content-Length", strconv.Itoa(len(content)-from))
		data := strings.NewReader(content[from:min(len(content), from+most)])
		return fetchtest.Respond(code, &part{ctx: req.Context(), data: data, end: end}, header...), nil
	}
}

func sendsAll(content string) fetchtest.Transport { return sends(content, len(content), io.EOF) }

func says(code int, header ...string) fetchtest.Transport {
	return func(*http.Request) (*http.Response, error) {
		return fetchtest.Respond(code, strings.NewReader("<Error/>"), header...), nil
	}
}

func breaks(err error) fetchtest.Transport {
	return func(*http.Request) (*http.Response, error) { return nil, err }
}

const signedURL = "https://files.test/out/Report.PDF?X-Amz-Signature=hunter2"

func signedFile() job.File { return job.File{URL: secret.New(signedURL)} }
