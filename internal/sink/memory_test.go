package sink

import (
	"io"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

// heapWatch is a reader that looks at the heap every so often.
type heapWatch struct {
	io.Reader
	peak *atomic.Uint64
	left int // bytes to the next look
}

const lookEvery = 16 << 20

func (h *heapWatch) Read(p []byte) (int, error) {
	n, err := h.Reader.Read(p)
	if h.left -= n; h.left <= 0 {
		h.left = lookEvery
		for now := heap(); ; {
			before := h.peak.Load()
			if now <= before || h.peak.CompareAndSwap(before, now) {
				break
			}
		}
	}
	return n, err
}

// heap is what is in use after a collection.
func heap() uint64 {
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return stats.HeapAlloc
}

// The tests of this file look at the whole process and do not run in parallel.

func TestMemoryDoesNotGrowWithTheSize(t *testing.T) {
	const size, most = 256 << 20, 16 << 20
	_, store := newFakeMultipart(t, Config{}, nil)
	for name, announced := range map[string]int64{"known": size, "unknown": -1} {
		before := heap()
		var peak atomic.Uint64
		object, err := store.Put(t.Context(), newJob(t), "result",
			pdf(&heapWatch{Reader: pattern(size), peak: &peak}, announced))
		require.NoError(t, err, name)
		require.EqualValues(t, size, object.Size, name)
		require.NotZero(t, peak.Load(), name)
		require.Less(t, peak.Load(), before+most, name)
	}
}

// TestMemoryOfManyTransfers: 16 uploads of unknown length stay below 128 MiB,
// and so do 32, which wait for each other.
func TestMemoryOfManyTransfers(t *testing.T) {
	const most = 128 << 20
	_, store := newFakeMultipart(t, Config{}, nil)
	before := heap()
	var peak atomic.Uint64
	var uploads sync.WaitGroup
	for range 32 {
		uploads.Go(func() {
			_, err := store.Put(t.Context(), newJob(t), "result",
				pdf(&heapWatch{Reader: pattern(2*minPartSize + 1), peak: &peak, left: minPartSize}, -1))
			if err != nil {
				t.Error(err)
			}
		})
	}
	uploads.Wait()
	require.Less(t, peak.Load(), before+most)
}
