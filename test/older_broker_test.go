package test

import (
	"bufio"
	"io"
	"net"
	"regexp"
	"strings"
	"sync"

	"github.com/stretchr/testify/require"
)

// olderBroker is the address of the broker under which it says to be of another
// version.
func (w *world) olderBroker(version string) string {
	w.t.Helper()
	listener, err := new(net.ListenConfig).Listen(w.t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(w.t, err)
	var serving sync.WaitGroup
	w.t.Cleanup(func() {
		_ = listener.Close()
		serving.Wait()
	})
	serving.Go(func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			serving.Go(func() { w.relay(client, version) })
		}
	})
	return "nats://" + listener.Addr().String()
}

var saidVersion = regexp.MustCompile(`"version":"[^"]*"`)

// relay connects a client with the broker, which says again and again what it is.
func (w *world) relay(client net.Conn, version string) {
	var sending sync.WaitGroup
	defer sending.Wait()
	defer client.Close()
	server, err := net.Dial("tcp", strings.TrimPrefix(w.nats.URL(), "nats://"))
	if err != nil {
		return
	}
	defer server.Close()
	sending.Go(func() {
		_, _ = io.Copy(server, client)
		_ = server.Close()
	})
	for said := bufio.NewReader(server); ; {
		line, err := said.ReadString('\n')
		if strings.HasPrefix(line, "INFO {") {
			line = saidVersion.ReplaceAllString(line, `"version":"`+version+`"`)
		}
		if _, gone := io.WriteString(client, line); gone != nil || err != nil {
			return
		}
	}
}
