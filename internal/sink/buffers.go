package sink

import (
	"context"
	"sync"
)

// buffers lends one buffer per upload of unknown length. There are never more
// than slots of them, and what is not in use can be collected, so that the
// memory is bounded under load and given back after it.
type buffers struct {
	slots chan struct{}
	size  int64 // bytes of each
	pool  sync.Pool
}

func newBuffers(slots int, size int64) *buffers {
	return &buffers{slots: make(chan struct{}, slots), size: size}
}

// borrow waits for a slot. The caller calls release exactly once, after which
// nothing may touch the buffer.
func (b *buffers) borrow(ctx context.Context) (buffer []byte, release func(), err error) {
	select {
	case b.slots <- struct{}{}:
	case <-ctx.Done():
		return nil, nil, context.Cause(ctx)
	}
	pooled, ok := b.pool.Get().(*[]byte)
	if !ok {
		fresh := make([]byte, b.size)
		pooled = &fresh
	}
	return *pooled, func() {
		b.pool.Put(pooled)
		<-b.slots
	}, nil
}
