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

// Limits of a request, against clients that are slow on purpose.
const (
	readLimit  = 5 * time.Second
	writeLimit = 30 * time.Second
	idleLimit  = 2 * time.Minute
)

// Server serves /livez, /readyz and /metrics.
type Server struct {
	http     *http.Server
	listener net.Listener
	served   chan struct{}
}

// Start binds addr and serves. A taken port is an error that wraps
// [syscall.EADDRINUSE].
func Start(ctx context.Context, addr string, h *Health, metrics prometheus.Gatherer, log *zap.Logger) (*Server, error) {
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("serve health and metrics on WORKER_HTTP_ADDR %s: %w", addr, err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /livez", live)
	mux.HandleFunc("GET /readyz", h.serveReady)
	mux.Handle("GET /metrics", promhttp.HandlerFor(metrics, promhttp.HandlerOpts{}))
	s := &Server{
		listener: listener, served: make(chan struct{}),
		http: &http.Server{
			Handler: mux, ReadHeaderTimeout: readLimit, ReadTimeout: readLimit,
			WriteTimeout: writeLimit, IdleTimeout: idleLimit, ErrorLog: zap.NewStdLog(log.WithOptions(zap.IncreaseLevel(zap.ErrorLevel))),
		},
	}
	go s.serve(log)
	return s, nil
}

func (s *Server) serve(log *zap.Logger) {
	defer close(s.served)
	if err := s.http.Serve(s.listener); !errors.Is(err, http.ErrServerClosed) {
		log.Error("the http server ended", zap.Error(err))
	}
}

// Addr is the address that is really bound.
func (s *Server) Addr() string { return s.listener.Addr().String() }

// Shutdown stops serving and waits for the requests under way until ctx ends.
func (s *Server) Shutdown(ctx context.Context) error {
	err := s.http.Shutdown(ctx)
	if err != nil {
		err = errors.Join(err, s.http.Close())
	}
	<-s.served
	return err
}

func live(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = fmt.Fprintln(w, "ok")
}

// serveReady answers 200 or 503 with one line for each condition, or with JSON
// for who asks for it.
func (h *Health) serveReady(w http.ResponseWriter, r *http.Request) {
	conditions, status := h.Conditions(), http.StatusOK
	for _, condition := range conditions {
		if condition.Problem != "" {
			status = http.StatusServiceUnavailable
		}
	}
	if strings.Contains(r.Header.Get("Accept"), "application/json") {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(map[string]any{"ready": status == http.StatusOK, "conditions": conditions})
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	for _, condition := range conditions {
		word := "ok"
		if condition.Problem != "" {
			word = "not ready: " + condition.Problem
		}
		_, _ = fmt.Fprintf(w, "%s: %s\n", condition.Name, word)
	}
}
