package test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

// s3Proxy stands between a worker and the S3 server, and sees each request.
type s3Proxy struct {
	*httptest.Server
	busy atomic.Bool // refuses every write as S3 does under load
	// instead answers in the store's place, where it reports true. It must not read the
	// body otherwise.
	instead atomic.Pointer[func(http.ResponseWriter, *http.Request) bool]
	silent  atomic.Bool // takes the checksums out of the store's answers

	mu       sync.Mutex
	requests []*http.Request
}

// newS3Proxy starts a proxy that the world's workers go through. The host
// stays as it was signed.
func newS3Proxy(t *testing.T, w *world) *s3Proxy {
	t.Helper()
	target, err := url.Parse(s3.URL())
	require.NoError(t, err)
	p := &s3Proxy{}
	transport := &http.Transport{}
	onward := &httputil.ReverseProxy{Transport: transport, Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(target)
		r.Out.Host = r.In.Host
	}, ModifyResponse: func(r *http.Response) error {
		if p.silent.Load() {
			r.Header.Del("X-Amz-Checksum-Crc64nvme")
		}
		return nil
	}}
	p.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if p.note(r) {
			w.Header().Set("Content-Type", "application/xml")
			w.WriteHeader(http.StatusServiceUnavailable)
			_, _ = io.WriteString(w, `<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>`)
			return
		}
		if instead := p.instead.Load(); instead != nil && (*instead)(w, r) {
			return
		}
		onward.ServeHTTP(w, r)
	}))
	t.Cleanup(func() {
		p.Close()
		transport.CloseIdleConnections()
	})
	w.env["AWS_ENDPOINT_URL_S3"] = p.URL
	return p
}

// note records a request, and reports whether it is to be refused.
func (p *s3Proxy) note(r *http.Request) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.requests = append(p.requests, r.Clone(r.Context()))
	return p.busy.Load() && (r.Method == http.MethodPut || r.Method == http.MethodPost)
}

// matching returns what has come of requests that are to a test's taste.
func (p *s3Proxy) matching(taste func(*http.Request) bool) []*http.Request {
	p.mu.Lock()
	defer p.mu.Unlock()
	var found []*http.Request
	for _, r := range p.requests {
		if taste(r) {
			found = append(found, r)
		}
	}
	return found
}

// creates reports whether a request makes an object: in one go, or as a
// multipart upload.
func creates(r *http.Request) bool {
	return r.Method == http.MethodPut && !r.URL.Query().Has("partNumber") ||
		r.Method == http.MethodPost && r.URL.Query().Has("uploads")
}
