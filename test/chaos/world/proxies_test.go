package world

import (
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// echo is a server that sends back what it gets, behind a proxy.
func echo(t *testing.T) *proxy {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				_, _ = io.Copy(conn, conn)
			}()
		}
	}()
	p, err := newProxy("echo")
	require.NoError(t, err)
	p.aim(listener.Addr().String())
	t.Cleanup(func() {
		require.NoError(t, p.close())
		require.NoError(t, listener.Close())
		<-ended
	})
	return p
}

func dial(t *testing.T, p *proxy) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", p.addr())
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// ask sends and reads back, within a time.
func ask(conn net.Conn, text string, within time.Duration) (string, error) {
	if _, err := io.WriteString(conn, text); err != nil {
		return "", err
	}
	if err := conn.SetReadDeadline(time.Now().Add(within)); err != nil {
		return "", err
	}
	answer := make([]byte, len(text))
	n, err := io.ReadFull(conn, answer)
	return string(answer[:n]), err
}

// attempt connects and asks; a reset may come in the middle of either.
func attempt(p *proxy) error {
	conn, err := net.Dial("tcp", p.addr())
	if err != nil {
		return err
	}
	defer conn.Close()
	_, err = ask(conn, "hello", plenty)
	return err
}

const plenty = 20 * time.Second

func TestCutResetsWhatIsOpenAndWhatComes(t *testing.T) {
	t.Parallel()
	for _, d := range []direction{upstream, downstream} {
		t.Run(string(d), func(t *testing.T) {
			t.Parallel()
			p := echo(t)
			open := dial(t, p)
			_, err := ask(open, "hello", plenty)
			require.NoError(t, err)
			p.cut(d)
			_, err = open.Read(make([]byte, 1))
			require.Equal(t, d == downstream, errors.Is(err, syscall.ECONNRESET), "%v", err)
			require.Error(t, err)
			require.Error(t, attempt(p))
			p.uncut(d)
			answer, err := ask(dial(t, p), "hello", plenty)
			require.NoError(t, err)
			require.Equal(t, "hello", answer)
		})
	}
}

func TestToxicsComeToOpenConnectionsAndGoAgain(t *testing.T) {
	t.Parallel()
	const delay = 300 * time.Millisecond
	for name, bad := range map[string]toxic{
		"slow":   latency("x", upstream, delay),
		"narrow": bandwidth("x", downstream, 10),
		"sliced": slicer("x", downstream, 4),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := echo(t)
			conn := dial(t, p)
			text := strings.Repeat("0123456789abcdef", 256) // 4 KiB
			quick := took(t, conn, text)
			p.poison(bad)
			require.Eventually(t, func() bool { return took(t, conn, text) > quick+delay/3 }, plenty, time.Millisecond)
			p.cure(bad)
			require.Eventually(t, func() bool { return took(t, conn, text) < delay/3 }, plenty, time.Millisecond)
			require.Less(t, took(t, dial(t, p), text), delay/3, "a new connection has nothing of it")
		})
	}
}

func took(t *testing.T, conn net.Conn, text string) time.Duration {
	t.Helper()
	began := time.Now()
	answer, err := ask(conn, text, plenty)
	require.NoError(t, err)
	require.Equal(t, text, answer)
	return time.Since(began)
}

func TestStallSwallowsAndThenEndsTheConnection(t *testing.T) {
	t.Parallel()
	p := echo(t)
	stalled := stall("x", downstream)
	p.poison(stalled)
	conn := dial(t, p)
	answer, err := ask(conn, "hello", 100*time.Millisecond)
	require.ErrorIs(t, err, os.ErrDeadlineExceeded, "nothing comes back")
	require.Empty(t, answer)
	p.cure(stalled)
	require.NoError(t, conn.SetReadDeadline(time.Now().Add(plenty)))
	_, err = conn.Read(make([]byte, 1))
	require.Error(t, err)
	require.NotErrorIs(t, err, os.ErrDeadlineExceeded, "ended, not silent")
	_, err = ask(dial(t, p), "hello", plenty)
	require.NoError(t, err)
}

// A client that does not read blocks nobody else: neither a change of toxics
// nor other connections. Its own connection is ended for it.
func TestStoppedReaderHoldsUpNobody(t *testing.T) {
	t.Parallel()
	p := echo(t)
	stopped := dial(t, p)
	fill(t, stopped)
	slow := latency("x", downstream, time.Millisecond)
	p.poison(slow)
	answer, err := ask(dial(t, p), "hello", plenty)
	require.NoError(t, err)
	require.Equal(t, "hello", answer)
	p.cure(slow)
	require.NoError(t, stopped.SetWriteDeadline(time.Now().Add(plenty)))
	_, err = stopped.Write(make([]byte, 64<<20))
	require.Error(t, err)
	require.NotErrorIs(t, err, os.ErrDeadlineExceeded, "it is ended")
}

// fill writes until all buffers on the way there and back are full.
func fill(t *testing.T, conn net.Conn) {
	t.Helper()
	block := make([]byte, 1<<20)
	for {
		require.NoError(t, conn.SetWriteDeadline(time.Now().Add(300*time.Millisecond)))
		if _, err := conn.Write(block); err != nil {
			require.ErrorIs(t, err, os.ErrDeadlineExceeded)
			return
		}
	}
}

func TestProxyWithNobodyBehindItResets(t *testing.T) {
	t.Parallel()
	p := echo(t)
	p.aim("127.0.0.1:1")
	err := attempt(p)
	require.Error(t, err)
	require.NotErrorIs(t, err, os.ErrDeadlineExceeded, "at once, not after a while")
}
