// Package natsconn connects to NATS as the nats command line tool would with the
// same settings, and stays connected. It knows nothing of streams or jobs.
package natsconn

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/jobferry/jobferry/internal/config"
	"github.com/nats-io/nats.go"
	"github.com/synadia-io/orbit.go/natscontext"
	"go.uber.org/zap"
)

// commandPatience is how long a command waits for a connection.
const commandPatience = 5 * time.Second

// Health is told of the condition "nats".
type Health interface {
	Set(condition string, err error)
}

// Connect returns a connection for a daemon. It does not wait for the first
// connect: health tells when there is one. From then on, too, it connects
// again for as long as it is not closed, whatever goes wrong. An error means
// that the settings cannot be used. The caller closes the connection.
func Connect(cfg config.NATS, name string, health Health, log *zap.Logger) (*nats.Conn, error) {
	if health == nil || log == nil {
		return nil, errors.New("a connection to nats needs a health and a logger")
	}
	// What is sent without a connection fails at once: a buffer would send
	// it after the reconnect, when its lease may be lost and its request stale.
	return start(cfg, name, newWatch(log, health), nats.ReconnectBufSize(-1))
}

// ConnectOnce returns a connection for a command: one that is up, or an error
// after a few seconds, and at once when the credentials are refused. From then
// on it connects again like that of [Connect]. The caller closes it.
func ConnectOnce(ctx context.Context, cfg config.NATS, name string, log *zap.Logger) (*nats.Conn, error) {
	if log == nil {
		return nil, errors.New("a connection to nats needs a logger")
	}
	w := newWatch(log, nil)
	nc, err := start(cfg, name, w)
	if err != nil {
		return nil, err
	}
	if err := w.await(ctx, commandPatience); err != nil {
		nc.Close()
		return nil, fmt.Errorf("no connection to nats at %s: %w", place(cfg), err)
	}
	return nc, nil
}

// start returns a connection that may not be up yet.
func start(cfg config.NATS, name string, w *watch, more ...nats.Option) (*nats.Conn, error) {
	opts, err := options(cfg, name, w)
	if err != nil {
		return nil, fmt.Errorf("connect to nats: %w", err)
	}
	nc, err := dial(cfg, append(opts, more...))
	if err != nil {
		return nil, fmt.Errorf("connect to nats: %w", err)
	}
	w.conn.Store(nc)
	return nc, nil
}

func dial(cfg config.NATS, opts []nats.Option) (*nats.Conn, error) {
	var nc *nats.Conn
	var err error
	if cfg.Context == "" {
		nc, err = nats.Connect(cfg.URL, opts...)
	} else if nc, _, err = natscontext.Connect(cfg.Context, opts...); err != nil {
		err = fmt.Errorf("NATS_CONTEXT: %w", err)
	}
	// It repeats the URL, with what that may carry of a password.
	if bad, ok := errors.AsType[*url.Error](err); ok {
		return nil, fmt.Errorf("a server's URL cannot be parsed: %w", bad.Err)
	}
	return nc, err
}

// place names the setting that says where the broker is, and its value without
// users, passwords and tokens.
func place(cfg config.NATS) string {
	if cfg.Context != "" && cfg.URL == "" {
		return fmt.Sprintf("NATS_CONTEXT=%s", cfg.Context)
	}
	hosts := servers(cfg.URL)
	for i, server := range hosts {
		if at := strings.LastIndex(server, "@"); at >= 0 {
			hosts[i] = server[at+1:]
		}
	}
	return "NATS_URL=" + strings.Join(hosts, ",")
}
