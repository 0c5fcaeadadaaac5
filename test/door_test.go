package test

import (
	"io"
	"net"
	"sync"

	"github.com/stretchr/testify/require"
)

// open lets connections through from now on, until the test ends.
func (d *door) open() {
	d.t.Helper()
	listener, err := net.Listen("tcp", d.addr())
	require.NoError(d.t, err)
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
			back, err := net.Dial("tcp", d.backend)
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
	d.t.Cleanup(func() {
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
