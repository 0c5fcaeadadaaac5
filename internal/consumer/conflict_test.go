package consumer

import (
	"bytes"
	"context"
	"net"
	"sync"
	"testing"

	"github.com/jobferry/jobferry/internal/job"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"
)

// TestUnconfirmedConflictLosesNoJob: a broker has refused an event for
// another one that did not stand, while a node of its was killed.
func TestUnconfirmedConflictLosesNoJob(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	line := &misreadLine{}
	nc, err := nats.Connect(h.url, nats.SetCustomDialer(line))
	require.NoError(t, err)
	t.Cleanup(nc.Close)
	h.api.script("a", func(_ context.Context, n int) (job.Answer, error) {
		if n < 3 {
			return job.Answer{Verdict: job.Running}, nil
		}
		return text("done"), nil
	})
	h.startOn(nc)
	h.submit("a")
	require.Equal(t, 3, h.event("a").Data.Polls)
	h.settledEverywhere()
	require.Equal(t, 3, line.misread(), "the first timer, the second, and the event")
}

// misreadLine dials connections on which every other message that expects
// something comes to the broker with another expectation, which it refuses.
type misreadLine struct {
	mu    sync.Mutex
	seen  int
	wrong int
}

func (l *misreadLine) Dial(network, address string) (net.Conn, error) {
	conn, err := net.Dial(network, address)
	return &misreadConn{Conn: conn, line: l}, err
}

func (l *misreadLine) misread() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.wrong
}

type misreadConn struct {
	net.Conn
	line *misreadLine
}

// Write changes the digit that the header's value begins with.
func (c *misreadConn) Write(p []byte) (int, error) {
	name := []byte(jetstream.ExpectedLastSubjSeqHeader + ": ")
	c.line.mu.Lock()
	p = bytes.Clone(p)
	for rest := p; ; {
		at := bytes.Index(rest, name)
		if at < 0 {
			break
		}
		rest = rest[at+len(name):]
		if c.line.seen++; c.line.seen%2 == 1 {
			rest[0] = '9'
			c.line.wrong++
		}
	}
	c.line.mu.Unlock()
	return c.Conn.Write(p)
}
