package s3client

import (
	"bytes"
	"crypto/rand"
	"io"
	"net"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// TestWatchedConnGivesUp has a peer that takes nothing.
func TestWatchedConnGivesUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		near, far := net.Pipe()
		defer near.Close()
		defer far.Close()
		start := time.Now()
		_, err := Conn{near}.Write([]byte("anyone?"))
		require.ErrorIs(t, err, os.ErrDeadlineExceeded)
		require.Equal(t, stallTimeout, time.Since(start))
	})
}

func TestWatchedConnIsPatientWithASlowPeer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		near, far := net.Pipe()
		defer near.Close()
		defer far.Close()
		go func() {
			for range 3 {
				<-time.After(stallTimeout - time.Second) // by the test's own clock
				_, _ = far.Read(make([]byte, 1))
			}
		}()
		for range 3 {
			_, err := Conn{near}.Write([]byte("x"))
			require.NoError(t, err)
		}
	})
}

// TestWatchedConnCountsEachByte of a single write: a peer that takes some in every
// minute has not stopped.
func TestWatchedConnCountsEachByte(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		near, far := net.Pipe()
		defer near.Close()
		got := make(chan string, 1)
		go func() {
			var all []byte
			for range 3 {
				<-time.After(stallTimeout - time.Second)
				one := make([]byte, 1)
				_, _ = far.Read(one)
				all = append(all, one...)
			}
			_ = far.Close()
			got <- string(all)
		}()
		n, err := Conn{near}.Write([]byte("slow"))
		require.Equal(t, 3, n)
		require.ErrorIs(t, err, io.ErrClosedPipe)
		require.Equal(t, "slo", <-got)
	})
}

// TestWatchedConnCopiesBodies of any size, and gives up on a peer that takes
// only the beginning of one.
func TestWatchedConnCopiesBodies(t *testing.T) {
	t.Parallel()
	for _, size := range []int64{0, 1, smallBody, smallBody + 1, 3*mediumPiece + 7, mediumBody + largePiece + 7} {
		synctest.Test(t, func(t *testing.T) {
			near, far := net.Pipe()
			body := make([]byte, size)
			_, err := rand.Read(body)
			require.NoError(t, err)
			got := make(chan []byte)
			go func() {
				all, _ := io.ReadAll(far)
				got <- all
			}()
			n, err := Conn{near}.ReadFrom(io.LimitReader(bytes.NewReader(body), size))
			require.NoError(t, err)
			require.Equal(t, size, n)
			require.NoError(t, near.Close())
			require.True(t, bytes.Equal(body, <-got))
		})
	}
	synctest.Test(t, func(t *testing.T) {
		near, far := net.Pipe()
		defer near.Close()
		defer far.Close()
		go func() { _, _ = far.Read(make([]byte, 10)) }()
		n, err := Conn{near}.ReadFrom(bytes.NewReader(make([]byte, 2*largePiece)))
		require.ErrorIs(t, err, os.ErrDeadlineExceeded)
		require.Equal(t, int64(10), n)
	})
}
