package httpclient_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jobferry/jobferry/internal/httpclient"
	"github.com/stretchr/testify/require"
)

// pipes is a listener whose connections live in memory, so that a bubble's clock
// counts for them.
type pipes chan net.Conn

func (p pipes) Accept() (net.Conn, error) {
	conn, ok := <-p
	if !ok {
		return nil, net.ErrClosed
	}
	return conn, nil
}
func (p pipes) Close() error   { return nil }
func (p pipes) Addr() net.Addr { return &net.IPAddr{} }

func TestConnectionsAreRenewed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		listener := make(pipes)
		server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ok") })}
		go func() { _ = server.Serve(listener) }()
		var dialed atomic.Int64
		renewing := httpclient.Renew(func() *http.Transport {
			return &http.Transport{
				IdleConnTimeout: time.Minute,
				DialContext: func(context.Context, string, string) (net.Conn, error) {
					dialed.Add(1)
					ours, theirs := net.Pipe()
					listener <- theirs
					return ours, nil
				},
			}
		})
		client := &http.Client{Transport: renewing}
		for range 10 { // twenty minutes, never idle for long
			for range 8 {
				resp, err := client.Get("http://api.test/")
				require.NoError(t, err)
				_, _ = io.Copy(io.Discard, resp.Body)
				_ = resp.Body.Close()
				time.Sleep(15 * time.Second)
			}
		}
		require.EqualValues(t, 4, dialed.Load(), "one in five minutes")
		client.CloseIdleConnections()
		close(listener)
		_ = server.Close()
		synctest.Wait()
	})
}
