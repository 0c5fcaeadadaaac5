package simulator

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"sync"
	"time"
)

// origin is one listening HTTP server that can be closed for good: when close
// returns, no handler is running any more.
type origin struct {
	server   *http.Server
	listener net.Listener
	stop     context.CancelFunc // ends the contexts of all requests

	mu      sync.Mutex
	closed  bool
	running sync.WaitGroup // handlers, and Serve itself
}

// newOrigin listens at addr; a taken port is an error that wraps
// syscall.EADDRINUSE. It serves only when serve is called.
func newOrigin(what, addr string) (*origin, error) {
	listener, err := new(net.ListenConfig).Listen(context.Background(), "tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("listen for %s at %s: %w", what, addr, err)
	}
	return &origin{listener: listener}, nil
}

func (o *origin) serve(handler http.Handler) {
	ctx, stop := context.WithCancel(context.Background())
	o.stop = stop
	o.server = &http.Server{
		Handler:           o.tracked(handler),
		BaseContext:       func(net.Listener) context.Context { return ctx },
		ErrorLog:          log.New(io.Discard, "", 0),
		ReadHeaderTimeout: 10 * time.Second,
	}
	o.running.Go(func() { _ = o.server.Serve(o.listener) }) // always ErrServerClosed
}

// url is the origin as a client on this machine reaches it, without a path.
func (o *origin) url() string {
	host, port, err := net.SplitHostPort(o.listener.Addr().String())
	if err != nil {
		return "http://" + o.listener.Addr().String()
	}
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return "http://" + net.JoinHostPort(host, port)
}

// tracked counts the handlers that are running; net/http does not wait for
// them when it is closed.
func (o *origin) tracked(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !o.enter() {
			panic(http.ErrAbortHandler)
		}
		defer o.running.Done()
		next.ServeHTTP(w, r)
	})
}

func (o *origin) enter() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.closed {
		o.running.Add(1)
	}
	return !o.closed
}

func (o *origin) close() error {
	o.mu.Lock()
	o.closed = true
	o.mu.Unlock()
	if o.server == nil {
		return o.listener.Close()
	}
	o.stop()
	err := o.server.Close()
	o.running.Wait()
	if errors.Is(err, net.ErrClosed) { // closed before
		return nil
	}
	return err
}
