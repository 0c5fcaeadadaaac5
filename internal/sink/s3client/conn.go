// Package s3client tunes the AWS SDK's client for uploads that are streamed: its
// connections, its endpoints, and bodies with a trailing checksum. It knows nothing
// of jobs.
package s3client

import (
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"time"
)

// stallTimeout is how long a write may wait for the store to take any byte.
const stallTimeout = 60 * time.Second

// A body goes into a plain connection in pieces: as the standard library does it up to
// smallBody bytes, in pieces of mediumPiece up to mediumBody, in pieces of largePiece
// above. The larger ones take an eighth and another twentieth of the CPU off a large
// file; see docs/PERFORMANCE.md.
const (
	smallBody   = 32 << 10
	mediumBody  = 16 << 20
	mediumPiece = 128 << 10
	largePiece  = 256 << 10
)

var (
	mediumPieces = sync.Pool{New: func() any { return new(make([]byte, mediumPiece)) }}
	largePieces  = sync.Pool{New: func() any { return new(make([]byte, largePiece)) }}
)

// Conn is a connection that gives up on a store which takes no more bytes.
type Conn struct{ net.Conn }

// Write implements the interface.
func (c Conn) Write(p []byte) (int, error) {
	for written := 0; ; {
		if err := c.SetWriteDeadline(time.Now().Add(stallTimeout)); err != nil {
			return written, err
		}
		n, err := c.Conn.Write(p[written:])
		written += n
		if n == 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
			return written, err
		}
	}
}

// ReadFrom implements io.ReaderFrom, which the transport copies bodies with.
// With TLS the bytes come by Write instead, a record at a time.
func (c Conn) ReadFrom(r io.Reader) (int64, error) {
	to := struct{ io.Writer }{c}
	pieces := &mediumPieces
	if body, ok := r.(*io.LimitedReader); ok && body.N <= smallBody {
		return io.Copy(to, r)
	} else if ok && body.N > mediumBody {
		pieces = &largePieces
	}
	piece, _ := pieces.Get().(*[]byte)
	defer pieces.Put(piece)
	return io.CopyBuffer(to, struct{ io.Reader }{r}, *piece)
}
