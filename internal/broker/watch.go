package broker

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"go.uber.org/zap"
)

// condition is the name under which the connection's health is known.
const condition = "nats"

// watch tells the log and the health of what becomes of a connection: once
// when it breaks, once when it is back, and in between only if the broker
// begins to refuse the credentials.
type watch struct {
	log    *zap.Logger
	health Health
	quiet  bool // say nothing before the first connect: the caller is told

	connected chan struct{} // closed at the first connect
	refused   chan struct{} // closed when the credentials are refused for the first time
	onConnect sync.Once
	onRefusal sync.Once

	mu        sync.Mutex
	last      error // why there is no connection, as far as it is known
	told      bool  // the log knows that there is none
	toldAuth  bool  // the log knows that it is for the credentials
	lastAsync string
}

// newWatch returns the watch of a daemon's connection, or without a health
// that of a command's.
func newWatch(log *zap.Logger, health Health) *watch {
	w := &watch{
		log: log, health: health, quiet: health == nil,
		connected: make(chan struct{}), refused: make(chan struct{}),
	}
	w.last = errors.New("not connected yet")
	w.set(w.last)
	return w
}

// handlers are called by the client library one after another, each from the
// same goroutine.
func (w *watch) handlers() []nats.Option {
	return []nats.Option{
		nats.ConnectHandler(w.up),
		nats.ReconnectHandler(w.up),
		nats.DisconnectErrHandler(func(nc *nats.Conn, err error) {
			if !nc.IsClosed() {
				w.down(err)
			}
		}),
		nats.ReconnectErrHandler(func(_ *nats.Conn, err error) { w.down(err) }),
		nats.ErrorHandler(w.async),
	}
}

func (w *watch) up(nc *nats.Conn) {
	w.mu.Lock()
	w.told, w.toldAuth, w.last, w.quiet = false, false, nil, false
	w.mu.Unlock()
	w.log.Info("connected to nats", zap.String("server", nc.ConnectedUrlRedacted()))
	w.set(nil)
	w.onConnect.Do(func() { close(w.connected) })
}

// down notes why there is no connection. Only the first reason is worth a
// line: those of the tries that follow differ in a port or a server.
func (w *watch) down(err error) {
	if err == nil {
		err = errors.New("the server closed the connection")
	}
	refused := isRefusal(err)
	w.mu.Lock()
	w.last = err
	line := !w.quiet && (!w.told || refused && !w.toldAuth)
	w.told, w.toldAuth = true, w.toldAuth || refused
	w.mu.Unlock()
	if line {
		w.log.Warn("no connection to nats, trying again until there is one", zap.Error(err))
	}
	w.set(err)
	if refused {
		w.onRefusal.Do(func() { close(w.refused) })
	}
}

// async notes an error that belongs to no call: of a subscription, or of
// permissions. One that repeats itself is said once.
func (w *watch) async(_ *nats.Conn, sub *nats.Subscription, err error) {
	if isRefusal(err) {
		return // down is told as well
	}
	w.mu.Lock()
	repeated := w.lastAsync == err.Error()
	w.lastAsync = err.Error()
	w.mu.Unlock()
	if repeated {
		return
	}
	fields := []zap.Field{zap.Error(err)}
	if sub != nil {
		fields = append(fields, zap.String("subject", sub.Subject))
	}
	w.log.Warn("nats reports an error", fields...)
}

// await returns when the connection is up.
func (w *watch) await(ctx context.Context, patience time.Duration) error {
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-w.connected:
		return nil
	case <-w.refused:
		return fmt.Errorf("%w; check the credentials", w.reason())
	case <-timer.C:
		return fmt.Errorf("%w; is it running and reachable?", w.reason())
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// reason is why there is no connection, as far as it is known.
func (w *watch) reason() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.last
}

func (w *watch) set(err error) {
	if w.health != nil {
		w.health.Set(condition, err)
	}
}

// isRefusal reports whether the broker does not take the credentials.
func isRefusal(err error) bool {
	for _, refusal := range []error{
		nats.ErrAuthorization, nats.ErrAuthExpired, nats.ErrAuthRevoked, nats.ErrAccountAuthExpired,
	} {
		if errors.Is(err, refusal) {
			return true
		}
	}
	return false
}
