package world

import (
	"context"
	"net"
	"strings"
	"sync/atomic"
	"time"

	toxiproxy "github.com/Shopify/toxiproxy/v2"
	"github.com/Shopify/toxiproxy/v2/stream"
)

// stuckLimit bounds a change of a connection's toxics. One whose reader is
// stopped cannot be changed; it is closed instead.
const stuckLimit = 5 * time.Second

// proxiedConn is one connection through a proxy.
type proxiedConn struct {
	name           string
	client, server net.Conn
	links          *toxiproxy.Proxy // never started: it holds the toxics of this connection
	open           atomic.Int32     // ways that still carry
}

// start links both ways. It is called once, before anything else.
func (c *proxiedConn) start(p *proxy) {
	c.open.Store(2)
	c.links = toxiproxy.NewProxy(p.server, p.name, p.addr(), p.target)
	for _, t := range p.toxics {
		c.poison(t)
	}
	ended := func() { c.ended(p) }
	c.links.Toxics.StartLink(p.server, "up", c.client, &drain{conn: c.server, other: c.client, ended: ended}, stream.Upstream)
	c.links.Toxics.StartLink(p.server, "down", c.server, &drain{conn: c.client, other: c.server, ended: ended}, stream.Downstream)
}

func (c *proxiedConn) ended(p *proxy) {
	if c.open.Add(-1) == 0 {
		p.forget(c)
	}
}

// cut ends the connection: the side of the direction gets a reset.
func (c *proxiedConn) cut(d direction) {
	if d == downstream {
		reset(c.client)
		_ = c.server.Close()
		return
	}
	reset(c.server)
	_ = c.client.Close()
}

// change runs a change of toxics, and ends the connection when that is stuck.
func (c *proxiedConn) change(do func()) {
	stuck := time.AfterFunc(stuckLimit, func() { c.cut(upstream) })
	defer stuck.Stop()
	do()
}

func (c *proxiedConn) poison(t toxic) {
	// What could be wrong with it was found when the toxic was made.
	_, _ = c.links.Toxics.AddToxicJson(strings.NewReader(t.json()))
}

func (c *proxiedConn) cure(t toxic) {
	_ = c.links.Toxics.RemoveToxic(context.Background(), t.name) // not there: the connection came after it
}

// drain writes to a connection until that breaks, and from then on takes
// everything: a link whose writer has gone away blocks for ever otherwise.
type drain struct {
	conn, other net.Conn
	ended       func()
	broken      bool
}

func (d *drain) Write(p []byte) (int, error) {
	if d.broken {
		return len(p), nil
	}
	if _, err := d.conn.Write(p); err != nil {
		d.broken = true
		_ = d.other.Close()
	}
	return len(p), nil
}

func (d *drain) Close() error {
	defer d.ended()
	return d.conn.Close()
}

// reset closes a connection with RST rather than FIN.
func reset(conn net.Conn) {
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = conn.Close()
}
