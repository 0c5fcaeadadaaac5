package fetchtest

import (
	"io"
	"runtime"
	"strings"
)

// Mebibyte is in bytes.
const Mebibyte = 1 << 20

// repeated is a reader of a pattern, many times over, that holds one.
type repeated struct {
	pattern []byte
	left    int64
	at      int
}

func (r *repeated) Read(b []byte) (int, error) {
	if r.left == 0 {
		return 0, io.EOF
	}
	n := copy(b[:min(int64(len(b)), r.left)], r.pattern[r.at:])
	r.at = (r.at + n) % len(r.pattern)
	r.left -= int64(n)
	return n, nil
}

// Repeat returns a pattern many times over, of about so many bytes, and how many
// bytes they are.
func Repeat(pattern string, size int64) (io.Reader, int64) {
	pattern = strings.Repeat(pattern, max(1, 4096/len(pattern)))
	whole := size / int64(len(pattern)) * int64(len(pattern))
	return &repeated{pattern: []byte(pattern), left: whole}, whole
}

// OnlyReader hides what else a reader can do.
type OnlyReader struct{ io.Reader }

// Heap is what is in use after a collection.
func Heap() uint64 {
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return stats.HeapAlloc
}
