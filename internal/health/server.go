package health

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.uber.org/zap"
)

// The limits of a request. They keep a slow client from holding a connection
// for ever; a scrape of all metrics takes milliseconds.
const (
	headerTimeout  = 5 * time.Second
	readTimeout    = 10 * time.Second
	writeTimeout   = 30 * time.Second
	idleTimeout    = 2 * time.Minute
	maxHeaderBytes = 16 << 10
)

// Server answers /livez, /readyz and /metrics, and shows the page.
type Server struct {
	http   *http.Server
	addr   net.Addr
	served chan error
}

// Start binds addr (host:port; port 0 picks a free one) and serves until
// [Server.Shutdown]; ctx is for the binding alone. A taken port is an error that wraps
// [syscall.EADDRINUSE].
//
// The page answers every other GET request, and closes its own streams: they
// would hold up a shutdown.
func Start(ctx context.Context, addr string, h *Health, metrics prometheus.Gatherer, page http.Handler, log *zap.Logger) (*Server, error) {
	if h == nil || metrics == nil || page == nil || log == nil {
		return nil, errors.New("the HTTP server needs a health, a gatherer, a page and a logger")
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("serve the live page, /livez, /readyz and /metrics: %w; set another WORKER_HTTP_ADDR", err)
	}
	errorLog, err := zap.NewStdLogAt(log.Named("http"), zap.DebugLevel)
	if err != nil {
		return nil, errors.Join(err, listener.Close())
	}
	s := &Server{
		addr:   listener.Addr(),
		served: make(chan error, 1),
		http: &http.Server{
			Handler:           handler(h, metrics, page),
			ErrorLog:          errorLog,
			ReadHeaderTimeout: headerTimeout,
			ReadTimeout:       readTimeout,
			WriteTimeout:      writeTimeout,
			IdleTimeout:       idleTimeout,
			MaxHeaderBytes:    maxHeaderBytes,
		},
	}
	go func() { s.served <- s.http.Serve(listener) }()
	return s, nil
}

// Addr is the address that is really bound.
func (s *Server) Addr() string { return s.addr.String() }

// Shutdown stops serving: requests under way may end until ctx does, then they
// are cut. It is to be called once.
func (s *Server) Shutdown(ctx context.Context) error {
	err := s.http.Shutdown(ctx)
	if err != nil {
		err = errors.Join(err, s.http.Close())
	}
	if served := <-s.served; !errors.Is(served, http.ErrServerClosed) {
		err = errors.Join(err, served)
	}
	return err
}

func handler(h *Health, metrics prometheus.Gatherer, page http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /livez", func(w http.ResponseWriter, _ *http.Request) {
		writeText(w, http.StatusOK, "ok\n")
	})
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) { serveReady(w, r, h.report()) })
	mux.Handle("GET /metrics", promhttp.HandlerFor(metrics, promhttp.HandlerOpts{EnableOpenMetrics: true}))
	mux.Handle("GET /", page)
	return mux
}

// serveReady lists every condition: a line for each, or JSON for who asks for
// it.
func serveReady(w http.ResponseWriter, r *http.Request, conditions []status) {
	code, ready := http.StatusOK, true
	var lines strings.Builder
	for _, s := range conditions {
		if s.Ready {
			lines.WriteString(s.Condition + ": ok\n")
			continue
		}
		code, ready = http.StatusServiceUnavailable, false
		lines.WriteString(s.Condition + ": " + s.Reason + "\n")
	}
	if !strings.Contains(r.Header.Get("Accept"), "application/json") {
		writeText(w, code, lines.String())
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(struct { //nolint:errchkjson // the client may have gone away
		Ready      bool     `json:"ready"`
		Conditions []status `json:"conditions"`
	}{ready, conditions})
}

func writeText(w http.ResponseWriter, code int, body string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(code)
	_, _ = w.Write([]byte(body)) // a client that went away
}
