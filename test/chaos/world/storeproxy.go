package world

import (
	"context"
	"fmt"
	"io"
	"log"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"sync"
	"time"
)

// injectedError is what the proxy answers in the place of the store.
type injectedError struct {
	status int
	code   string // of the error document
	share  float64
	// late has the store do what is asked first, and only then takes its answer
	// away: the client cannot know.
	late bool
}

// storeProxy is an HTTP server before the store. It keeps everything that a
// signature covers, the host name too.
type storeProxy struct {
	listener net.Listener
	server   *http.Server
	onward   *httputil.ReverseProxy
	idle     func() // closes the idle connections to the store
	witness  *witness
	running  sync.WaitGroup

	mu       sync.Mutex
	injected map[string]injectedError
	strikes  map[string]int // requests that each of them has answered
	random   func() float64
}

// newStoreProxy also takes what looks at an object in the store.
func newStoreProxy(target string, head func(context.Context, string) (Sighting, error)) (*storeProxy, error) {
	to, err := url.Parse(target)
	if err != nil {
		return nil, fmt.Errorf("put a proxy before the store: %w", err)
	}
	listener, err := new(net.ListenConfig).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("put a proxy before the store: %w", err)
	}
	transport := &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: 256}
	f := &storeProxy{
		listener: listener, injected: map[string]injectedError{}, strikes: map[string]int{}, random: rand.Float64,
		idle: transport.CloseIdleConnections, witness: &witness{onward: transport, head: head},
	}
	quiet := log.New(io.Discard, "", 0)
	f.onward = &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			host := r.In.Host
			r.SetURL(to)
			r.Out.Host = host // signed
		},
		Transport: f.witness,
		ErrorLog:  quiet,
	}
	f.server = &http.Server{Handler: f, ErrorLog: quiet, ReadHeaderTimeout: time.Minute}
	f.running.Go(func() { _ = f.server.Serve(listener) }) // always ErrServerClosed
	return f, nil
}

func (f *storeProxy) url() string { return "http://" + f.listener.Addr().String() }

// inject begins to answer a share of the requests with an error, by a name
// under which it ends.
func (f *storeProxy) inject(name string, t injectedError) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.injected[name] = t
}

func (f *storeProxy) stopInjecting(name string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.injected, name)
}

// struck reports whether an injected error has answered any request.
func (f *storeProxy) struck(name string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.strikes[name] > 0
}

// ServeHTTP passes a request on, or answers it with one of the injected errors.
func (f *storeProxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	t, struck := f.strike()
	switch {
	case !struck:
		f.onward.ServeHTTP(w, r)
	case t.late:
		f.onward.ServeHTTP(&swallow{header: http.Header{}}, r)
		t.answer(w)
	default:
		t.answer(w)
	}
}

// strike draws the random number for one request.
func (f *storeProxy) strike() (injectedError, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for name, t := range f.injected {
		if f.random() < t.share {
			f.strikes[name]++
			return t, true
		}
	}
	return injectedError{}, false
}

func (t injectedError) answer(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(t.status)
	_, _ = fmt.Fprintf(w, `<?xml version="1.0" encoding="UTF-8"?><Error><Code>%s</Code><Message>The chaos run says so.</Message></Error>`, t.code)
}

func (f *storeProxy) close() error {
	err := f.server.Close()
	f.running.Wait()
	f.idle()
	return err
}

// swallow is a response that nobody gets.
type swallow struct{ header http.Header }

func (s *swallow) Header() http.Header         { return s.header }
func (s *swallow) Write(p []byte) (int, error) { return len(p), nil }
func (s *swallow) WriteHeader(int)             {}
