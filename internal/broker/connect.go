// Package broker connects to NATS, with the settings of the nats command line
// tool, and stays connected. It knows no stream and no message.
package broker

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"time"

	"github.com/jobferry/jobferry/internal/config"
	"github.com/jobferry/jobferry/internal/retry"
	"github.com/nats-io/nats.go"
	"github.com/synadia-io/orbit.go/natscontext"
	"go.uber.org/zap"
)

// reconnect is between two tries of the same server; a broker that restarts is
// back within seconds, and a fleet must not knock in step.
var reconnect = retry.Policy{Initial: 100 * time.Millisecond, Max: 4 * time.Second, Multiplier: 1.5}

// pingInterval notices a connection that is dead without having been closed,
// with two pings missed, well within the ack wait of 30 s.
const pingInterval = 10 * time.Second

// commandTimeout is how long a command waits for a server; a daemon waits for
// ever.
const commandTimeout = 5 * time.Second

// Health is told whether the connection is there.
type Health interface {
	Set(condition string, err error)
}

// errConnecting is the condition until the first connection.
var errConnecting = errors.New("not connected yet")

// Connect returns a connection that is made again for as long as it is not
// closed. It does not wait for the first one: health tells when it is there.
// The connection is closed by the caller.
func Connect(cfg config.NATS, name string, health Health, log *zap.Logger) (*nats.Conn, error) {
	health.Set("nats", errConnecting)
	return dial(cfg, append(options(cfg, name, log),
		nats.RetryOnFailedConnect(true),
		nats.ConnectHandler(func(*nats.Conn) { health.Set("nats", nil) }),
		nats.ReconnectHandler(func(*nats.Conn) { health.Set("nats", nil) }),
		nats.ReconnectErrHandler(func(_ *nats.Conn, err error) { health.Set("nats", notConnected(err)) }),
		nats.DisconnectErrHandler(func(nc *nats.Conn, err error) {
			if !nc.IsClosed() {
				health.Set("nats", notConnected(err))
			}
		}),
	))
}

// ConnectOnce returns a connection for a command, or an error after a few
// seconds.
func ConnectOnce(ctx context.Context, cfg config.NATS, name string, log *zap.Logger) (*nats.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, commandTimeout)
	defer cancel()
	backoff := reconnect.BackOff()
	for {
		nc, err := dial(cfg, options(cfg, name, log))
		if err == nil {
			return nc, nil
		}
		select {
		case <-time.After(backoff.NextBackOff()):
		case <-ctx.Done():
			return nil, fmt.Errorf("connect to NATS: %w: check NATS_URL and the credentials", err)
		}
	}
}

func notConnected(err error) error {
	if err == nil {
		return errors.New("not connected")
	}
	return fmt.Errorf("not connected: %w", err)
}

// dial uses the context that is named, or the settings by themselves.
func dial(cfg config.NATS, opts []nats.Option) (*nats.Conn, error) {
	if cfg.Context != "" {
		nc, _, err := natscontext.Connect(cfg.Context, opts...)
		if err != nil {
			return nil, fmt.Errorf("NATS context %s: %w", cfg.Context, err)
		}
		return nc, nil
	}
	return nats.Connect(cfg.URL, opts...)
}

func options(cfg config.NATS, name string, log *zap.Logger) []nats.Option {
	opts := []nats.Option{
		nats.Name(name),
		nats.MaxReconnects(-1),
		nats.IgnoreAuthErrorAbort(), // credentials may be renewed
		nats.PingInterval(pingInterval),
		nats.CustomReconnectDelay(func(attempts int) time.Duration {
			return reconnect.Delay(attempts) + rand.N(reconnect.Initial) //nolint:gosec // jitter needs no secrecy
		}),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
			log.Warn("nats reported an error", zap.Error(err))
		}),
	}
	return append(opts, credentials(cfg)...)
}

func credentials(cfg config.NATS) []nats.Option {
	var opts []nats.Option
	if cfg.Creds != "" {
		opts = append(opts, nats.UserCredentials(cfg.Creds)) // read at each connect
	}
	if cfg.NKey != "" {
		opts = append(opts, nkey(cfg.NKey))
	}
	if cfg.CA != "" {
		opts = append(opts, nats.RootCAs(cfg.CA))
	}
	if cfg.Cert != "" {
		opts = append(opts, nats.ClientCert(cfg.Cert, cfg.Key))
	}
	switch {
	case cfg.User != "" && cfg.PasswordFile != "":
		opts = append(opts, nats.UserInfoHandler(func() (string, string) { return cfg.User, readPassword(cfg.PasswordFile) }))
	case cfg.User != "" && !cfg.Password.IsZero():
		opts = append(opts, nats.UserInfo(cfg.User, cfg.Password.Reveal()))
	case cfg.User != "": // as in the nats command line tool: a user alone is a token
		opts = append(opts, nats.Token(cfg.User))
	}
	return opts
}

// nkey defers an unreadable seed to the connect, which reports it.
func nkey(file string) nats.Option {
	opt, err := nats.NkeyOptionFromSeed(file)
	if err != nil {
		return func(*nats.Options) error { return fmt.Errorf("NATS_NKEY: %w", err) }
	}
	return opt
}

// readPassword is called at each connect, so that a renewed password counts.
// Without one the server says what is wrong.
func readPassword(file string) string {
	password, err := os.ReadFile(file) //nolint:gosec // the operator names the file
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(password))
}
