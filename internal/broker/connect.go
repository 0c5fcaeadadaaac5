// Package broker connects to NATS as the nats command line tool would with the
// same settings, and stays connected. It knows nothing of streams or jobs.
package broker

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

var errNotInTime = fmt.Errorf("no answer in %v", commandPatience)

// Health is told of the condition "nats".
type Health interface {
	Set(condition string, err error)
}

// Options are what a connection is for.
type Options struct {
	Name   string      // as the broker's monitoring shows it
	Log    *zap.Logger // required
	Health Health      // told of the condition "nats"; may be nil
	// Forever waits for the first connection until the context ends, as a
	// daemon does. Otherwise Connect gives up after a few seconds, and at once
	// when the credentials are refused.
	Forever bool
}

// Connect returns a connection that is up. From then on it reconnects by
// itself for as long as it is not closed, whatever goes wrong. The caller
// closes it.
func Connect(ctx context.Context, cfg config.NATS, opts Options) (*nats.Conn, error) {
	if opts.Log == nil {
		return nil, errors.New("a connection to nats needs a logger")
	}
	w := newWatch(opts)
	all, err := options(cfg, opts.Name, w)
	if err != nil {
		return nil, fmt.Errorf("connect to nats: %w", err)
	}
	nc, err := dial(cfg, all)
	if err != nil {
		return nil, fmt.Errorf("connect to nats: %w", err)
	}
	if err := w.await(ctx, opts.Forever); err != nil {
		nc.Close()
		return nil, fmt.Errorf("no connection to nats at %s: %w", place(cfg), err)
	}
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
	var bad *url.Error // repeats the URL, with what it may carry of a password
	if errors.As(err, &bad) {
		return nil, fmt.Errorf("a server's URL cannot be parsed: %w", bad.Err)
	}
	return nc, err
}

// await returns when the connection is up.
func (w *watch) await(ctx context.Context, forever bool) error {
	var expired <-chan time.Time
	var refused <-chan struct{}
	if !forever {
		timer := time.NewTimer(commandPatience)
		defer timer.Stop()
		expired, refused = timer.C, w.refused
	}
	select {
	case <-w.connected:
		return nil
	case <-refused:
		return fmt.Errorf("%w; check the credentials", w.reason())
	case <-expired:
		if reason := w.reason(); reason != nil {
			return reason
		}
		return errNotInTime
	case <-ctx.Done():
		return context.Cause(ctx)
	}
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
