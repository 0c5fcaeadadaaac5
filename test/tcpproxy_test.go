package test

import (
	"io"
	"net"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// tcpProxy is an address that refuses connections until it is opened.
type tcpProxy struct {
	t        *testing.T
	backend  string
	listener net.Listener
}

func newTCPProxy(t *testing.T, backend string) *tcpProxy {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	p := &tcpProxy{t: t, backend: backend, listener: listener}
	require.NoError(t, listener.Close())
	return p
}

func (p *tcpProxy) addr() string { return p.listener.Addr().String() }

// open lets connections through from now on, until the test ends.
func (p *tcpProxy) open() {
	p.t.Helper()
	listener, err := net.Listen("tcp", p.addr())
	require.NoError(p.t, err)
	var passing sync.WaitGroup
	var mu sync.Mutex
	conns := map[net.Conn]bool{}
	keep := func(conn net.Conn) {
		mu.Lock()
		defer mu.Unlock()
		conns[conn] = true
	}
	passing.Go(func() {
		for {
			front, err := listener.Accept()
			if err != nil {
				return
			}
			back, err := net.Dial("tcp", p.backend)
			if err != nil {
				front.Close()
				continue
			}
			keep(front)
			keep(back)
			passing.Go(func() { pipe(back, front) })
			passing.Go(func() { pipe(front, back) })
		}
	})
	p.t.Cleanup(func() {
		listener.Close()
		mu.Lock()
		for conn := range conns {
			conn.Close()
		}
		mu.Unlock()
		passing.Wait()
	})
}

// pipe copies until either side ends, and ends both.
func pipe(to, from net.Conn) {
	_, _ = io.Copy(to, from)
	to.Close()
	from.Close()
}
