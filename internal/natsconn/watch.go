package natsconn

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jobferry/jobferry/internal/job"
	"github.com/nats-io/nats.go"
	"go.uber.org/zap"
)

// condition is the name under which the connection's health is known.
const condition = "nats"

// watch notes what becomes of a connection, and tells the health or, without
// one, the log: once when it breaks, once when it is back.
type watch struct {
	log    *zap.Logger
	health Health // logs the changes itself; nil for a command

	connected chan struct{} // closed at the first connect
	refused   chan struct{} // closed when the credentials are refused for the first time
	onConnect sync.Once
	onRefusal sync.Once
	conn      atomic.Pointer[nats.Conn] // nil until the library has handed it out

	mu        sync.Mutex
	last      error // why there is no connection, as far as it is known; nil if there is one
	lastAsync string
}

func newWatch(log *zap.Logger, health Health) *watch {
	return &watch{
		log: log, health: health, last: errors.New("not connected yet"),
		connected: make(chan struct{}), refused: make(chan struct{}),
	}
}

// handlers are called by the client library one after another, all from the
// same goroutine; failedRound is called from another.
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
	w.last = nil
	w.mu.Unlock()
	w.log.Info("connected to nats", zap.String("server", nc.ConnectedUrlRedacted()))
	if w.health != nil {
		w.health.Set(condition, nil)
	}
	w.onConnect.Do(func() { close(w.connected) })
}

// down notes why there is no connection. Credentials that are not taken are
// marked as such, for that is what somebody has to look at.
func (w *watch) down(err error) {
	if err == nil {
		err = errors.New("the server closed the connection")
	}
	refused := isRefusal(err)
	if refused {
		err = &job.Error{Class: job.ClassRefused, Err: fmt.Errorf("%w; check the credentials", err)}
	}
	w.mu.Lock()
	broke := w.last == nil
	w.last = err
	w.mu.Unlock()
	switch {
	case w.health != nil:
		w.health.Set(condition, fmt.Errorf("not connected: %w", err))
	case broke:
		w.log.Warn("lost the connection to nats, trying until it is back", zap.Error(err))
	}
	if refused {
		w.onRefusal.Do(func() { close(w.refused) })
	}
}

// failedRound is called before each wait for another round through the servers.
// The library tells its handlers of a server that cannot be dialled, and keeps
// it for itself when one can be dialled and then refuses the credentials.
func (w *watch) failedRound() {
	if nc := w.conn.Load(); nc != nil && nc.LastError() != nil {
		w.down(nc.LastError())
	}
}

// async notes an error that belongs to no call: of a subscription, or of
// permissions. One that repeats itself is said once.
func (w *watch) async(_ *nats.Conn, sub *nats.Subscription, err error) {
	if isRefusal(err) {
		return // down is told as well, by failedRound
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
		return w.reason()
	case <-timer.C:
		return w.reason()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// reason is why there is no connection, nil if there is one.
func (w *watch) reason() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.last
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
