package embedded

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

// startLimit bounds the wait for an embedded server to take connections.
const startLimit = 10 * time.Second

// NATSOptions configure an embedded nats-server.
type NATSOptions struct {
	// Addr is host:port; port 0 picks a free one.
	Addr string
	// Dir is where JetStream keeps its files.
	Dir string
	// ConfigFile is a configuration in the server's own form, for what stands
	// in the way of a client: TLS, users, accounts and permissions. Address and
	// directory are those of these options. Empty: everybody may do everything.
	ConfigFile string
	// Trace takes a line for each operation of a client, as the server's own
	// trace has it. It is called from many goroutines and must not block.
	Trace func(line string)
}

// NATS is a running nats-server with JetStream on disk.
type NATS struct {
	server *server.Server
}

// StartNATS starts a server and waits until it takes connections. A taken port
// is an error that wraps [syscall.EADDRINUSE].
func StartNATS(opts NATSOptions) (*NATS, error) {
	settings, err := opts.settings()
	if err != nil {
		return nil, err
	}
	if err := probePort(opts.Addr); err != nil {
		return nil, err
	}
	srv, err := server.NewServer(settings)
	if err != nil {
		return nil, fmt.Errorf("embedded nats-server: %w", err)
	}
	if opts.Trace != nil {
		srv.SetLogger(tracer(opts.Trace), false, true)
	}
	go srv.Start()
	if !srv.ReadyForConnections(startLimit) {
		srv.Shutdown()
		return nil, fmt.Errorf("embedded nats-server on %s is not ready after %v", opts.Addr, startLimit)
	}
	return &NATS{server: srv}, nil
}

// settings are the options in the server's terms.
func (o NATSOptions) settings() (*server.Options, error) {
	settings := &server.Options{}
	if o.ConfigFile != "" {
		var err error
		if settings, err = server.ProcessConfigFile(o.ConfigFile); err != nil {
			return nil, fmt.Errorf("embedded nats-server: %w", err)
		}
	}
	var err error
	if settings.Host, settings.Port, err = splitAddr(o.Addr); err != nil {
		return nil, err
	}
	settings.ServerName = "jobferry-embedded"
	settings.JetStream, settings.StoreDir = true, o.Dir
	settings.NoLog, settings.NoSigs = true, true
	return settings, nil
}

// tracer is a logger that keeps the trace alone.
type tracer func(line string)

// Tracef implements [server.Logger].
func (t tracer) Tracef(format string, args ...any) { t(fmt.Sprintf(format, args...)) }

// Noticef implements [server.Logger], as do the methods below.
func (tracer) Noticef(string, ...any) {}

// Warnf is not of interest.
func (tracer) Warnf(string, ...any) {}

// Fatalf is not of interest: StartNATS returns an error of its own.
func (tracer) Fatalf(string, ...any) {}

// Errorf is not of interest.
func (tracer) Errorf(string, ...any) {}

// Debugf is not of interest.
func (tracer) Debugf(string, ...any) {}

// URL is where clients connect.
func (n *NATS) URL() string { return n.server.ClientURL() }

// Stop shuts the server down and waits for it.
func (n *NATS) Stop() {
	n.server.Shutdown()
	n.server.WaitForShutdown()
}

// splitAddr turns port 0 into the server's own word for a free port.
func splitAddr(addr string) (host string, port int, err error) {
	host, service, err := net.SplitHostPort(addr)
	if err != nil {
		return "", 0, fmt.Errorf("embedded nats-server: %w", err)
	}
	port, err = strconv.Atoi(service)
	if err != nil {
		return "", 0, fmt.Errorf("embedded nats-server: the port of %q is not a number", addr)
	}
	if port == 0 {
		port = server.RANDOM_PORT
	}
	return host, port, nil
}

// probePort finds a taken port beforehand: the server itself only logs it.
func probePort(addr string) error {
	var config net.ListenConfig
	listener, err := config.Listen(context.Background(), "tcp", addr)
	if err != nil {
		return fmt.Errorf("embedded nats-server: %w", err)
	}
	return errors.Join(listener.Close())
}
