package world

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"time"

	toxiproxy "github.com/Shopify/toxiproxy/v2"
	"github.com/rs/zerolog"
)

// dialLimit bounds how long a proxy tries to reach what stands behind it.
const dialLimit = 5 * time.Second

// closeLimit bounds how long a proxy waits for its connections at its end.
const closeLimit = 10 * time.Second

// proxy is a TCP listener before one server. It carries every connection over
// toxiproxy's links, each with a collection of toxics of its own: with one for
// all, as toxiproxy's own listener has it, a connection whose client is stopped
// holds up every other one.
type proxy struct {
	name     string
	listener net.Listener
	server   *toxiproxy.ApiServer
	running  sync.WaitGroup

	mu     sync.Mutex
	target string // host:port
	toxics []toxic
	cuts   []direction // in force: new connections are reset
	conns  map[*proxiedConn]struct{}
	came   int // connections so far
	closed bool
}

// newProxy listens on a free port of the loopback interface. It carries
// nothing before it has a target.
func newProxy(name string) (*proxy, error) {
	zerolog.SetGlobalLevel(zerolog.Disabled) // toxiproxy's bandwidth tells all it does
	listener, err := new(net.ListenConfig).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen for the proxy of %s: %w", name, err)
	}
	p := &proxy{
		name: name, listener: listener, conns: map[*proxiedConn]struct{}{},
		server: toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), zerolog.Nop()),
	}
	p.running.Go(p.accept)
	return p, nil
}

func (p *proxy) addr() string { return p.listener.Addr().String() }

func (p *proxy) url() string { return "http://" + p.addr() }

// aim sets where connections go from now on.
func (p *proxy) aim(target string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.target = target
}

func (p *proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err == nil {
			p.running.Go(func() { p.carry(client) })
		}
	}
}

// carry connects a client, or resets it when there is nobody to connect it to.
func (p *proxy) carry(client net.Conn) {
	p.mu.Lock()
	target := p.target
	p.mu.Unlock()
	dialer := net.Dialer{Timeout: dialLimit}
	server, err := dialer.DialContext(context.Background(), "tcp", target)
	if err != nil {
		reset(client)
		return
	}
	p.link(&proxiedConn{name: client.RemoteAddr().String(), client: client, server: server})
}

// link starts both ways of a connection with the toxics of the moment.
func (p *proxy) link(c *proxiedConn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.came++
	if p.closed || len(p.cuts) > 0 {
		reset(c.client)
		reset(c.server)
		return
	}
	p.conns[c] = struct{}{}
	p.running.Add(1) // until it is forgotten
	c.start(p)
}

func (p *proxy) forget(c *proxiedConn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.conns, c)
	p.running.Done()
}

// busy reports whether a connection is open.
func (p *proxy) busy() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.conns) > 0
}

// arrived is how many connections have come so far, those that were reset
// included.
func (p *proxy) arrived() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.came
}

// cut resets every connection, and every new one until the cut is over. The
// direction is the side that sees the reset; the other one sees an end.
func (p *proxy) cut(d direction) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cuts = append(p.cuts, d)
	for c := range p.conns {
		c.cut(d)
	}
}

func (p *proxy) uncut(d direction) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if at := slices.Index(p.cuts, d); at >= 0 {
		p.cuts = slices.Delete(p.cuts, at, at+1)
	}
}

// poison adds a toxic to every connection, present and future.
func (p *proxy) poison(t toxic) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.toxics = append(p.toxics, t)
	for c := range p.conns {
		p.running.Go(func() { c.change(func() { c.poison(t) }) })
	}
}

// cure takes a toxic away again.
func (p *proxy) cure(t toxic) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.toxics = slices.DeleteFunc(p.toxics, func(other toxic) bool { return other.name == t.name })
	for c := range p.conns {
		p.running.Go(func() { c.change(func() { c.cure(t) }) })
	}
}

// close cuts everything and waits for what carries it.
func (p *proxy) close() error {
	err := p.listener.Close()
	p.mu.Lock()
	p.closed = true
	for c := range p.conns {
		c.cut(upstream)
	}
	p.mu.Unlock()
	return errors.Join(err, p.await())
}

func (p *proxy) await() error {
	done := make(chan struct{})
	go func() {
		p.running.Wait()
		close(done)
	}()
	select {
	case <-done:
		return nil
	case <-time.After(closeLimit):
		return fmt.Errorf("connections of the proxy of %s do not end", p.name)
	}
}
