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
}

// NATS is a running nats-server with JetStream on disk.
type NATS struct {
	server *server.Server
}

// StartNATS starts a server and waits until it takes connections. A taken port
// is an error that wraps [syscall.EADDRINUSE].
func StartNATS(opts NATSOptions) (*NATS, error) {
	host, port, err := splitAddr(opts.Addr)
	if err != nil {
		return nil, err
	}
	if err := probePort(opts.Addr); err != nil {
		return nil, err
	}
	srv, err := server.NewServer(&server.Options{
		ServerName: "jobferry-embedded",
		Host:       host, Port: port,
		JetStream: true, StoreDir: opts.Dir,
		NoLog: true, NoSigs: true,
	})
	if err != nil {
		return nil, fmt.Errorf("embedded nats-server: %w", err)
	}
	go srv.Start()
	if !srv.ReadyForConnections(startLimit) {
		srv.Shutdown()
		return nil, fmt.Errorf("embedded nats-server on %s is not ready after %v", opts.Addr, startLimit)
	}
	return &NATS{server: srv}, nil
}

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
