package limit

import (
	"context"
	"sync"

	"go.uber.org/zap"
	"golang.org/x/sync/semaphore"
)

// minEmpty downloads in a row that brought nothing make a host count as failing.
const minEmpty = 3

// maxHosts is how many hosts are remembered beside those in use.
const maxHosts = 1024

// Hosts shares the transfer slots between file hosts. A host that has brought bytes
// may have them all. Those of which nothing is known yet may have half of them
// together, each half of what the others leave. One whose last downloads brought
// nothing has one connection until it brings bytes again. It is safe for concurrent
// use.
type Hosts struct {
	unknownLimit int
	queue        *semaphore.Weighted // jobs that wait for their first connection
	log          *zap.Logger

	mu      sync.Mutex
	changed chan struct{} // closed and replaced whenever a host may have a further connection
	hosts   map[string]*host
	unknown int // connections to hosts of which nothing is known
}

type host struct {
	inUse  int
	brings bool // its last download brought bytes
	empty  int  // downloads in a row that brought nothing
}

// NewHosts shares total slots. log is told when a host begins to fail, and when it
// brings bytes again.
func NewHosts(total int, log *zap.Logger) *Hosts {
	return &Hosts{unknownLimit: max(1, total/2), queue: semaphore.NewWeighted(int64(total)), log: log, changed: make(chan struct{}), hosts: map[string]*host{}}
}

// AcquireFirst takes a job's first connection. A job that may wait does so for a host
// that is not failing, if few others do, and calls freePoll before it does; any other
// gets [ErrNoSlot].
func (h *Hosts) AcquireFirst(ctx context.Context, name string, freePoll func(), mayWait bool) error {
	ok, _, _ := h.tryAcquire(name)
	if ok {
		return nil
	}
	if !mayWait || !h.queue.TryAcquire(1) {
		return ErrNoSlot
	}
	defer h.queue.Release(1)
	freePoll()
	return h.acquire(ctx, name, true)
}

// Acquire waits for a connection to a host. An empty name is no host, and always has
// one.
func (h *Hosts) Acquire(ctx context.Context, name string) error { return h.acquire(ctx, name, false) }

func (h *Hosts) acquire(ctx context.Context, name string, unlessFailing bool) error {
	for {
		ok, failing, changed := h.tryAcquire(name)
		switch {
		case ok:
			return nil
		case failing && unlessFailing:
			return ErrNoSlot
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// tryAcquire returns what is closed when the host may have a connection, if it has
// none to give.
func (h *Hosts) tryAcquire(name string) (ok, failing bool, changed <-chan struct{}) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if name == "" {
		return true, false, nil
	}
	x := h.find(name)
	switch {
	case x.empty >= minEmpty && x.inUse > 0:
		return false, true, h.changed
	case !x.brings && x.empty < minEmpty && x.inUse >= h.share(x):
		return false, false, h.changed
	}
	x.inUse++
	h.count(x, 1)
	return true, false, nil
}

// share is how many connections a host may have of which nothing is known: half of
// what the others of the kind leave, and one if they leave any.
func (h *Hosts) share(x *host) int {
	left := h.unknownLimit - (h.unknown - x.inUse)
	return min(max(left/2, 1), left)
}

// count keeps the number of connections to unknown hosts.
func (h *Hosts) count(x *host, connections int) {
	if !x.brings && x.empty < minEmpty {
		h.unknown += connections
	}
}

// Release gives a connection back.
func (h *Hosts) Release(name string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if name == "" {
		return
	}
	x := h.find(name)
	h.count(x, -1)
	x.inUse--
	h.wake()
}

// Tried notes what a connection to a host came to: whether it brought bytes, or why
// not.
func (h *Hosts) Tried(name string, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if name == "" {
		return
	}
	x := h.find(name)
	h.count(x, -x.inUse)
	failed := x.empty >= minEmpty
	if x.brings = err == nil; x.brings {
		x.empty = 0
	} else {
		x.empty++
	}
	h.count(x, x.inUse)
	h.wake()
	switch fails := x.empty >= minEmpty; {
	case fails && !failed:
		h.log.Warn("a file host brings nothing; until it does, it gets one connection at a time", zap.String("host", name), zap.Int("times", x.empty), zap.Error(err))
	case failed && !fails:
		h.log.Info("a file host brings bytes again", zap.String("host", name))
	}
}

// find is called with the lock held.
func (h *Hosts) find(name string) *host {
	x, ok := h.hosts[name]
	if ok {
		return x
	}
	for other, old := range h.hosts {
		if len(h.hosts) < maxHosts {
			break
		}
		if old.inUse == 0 {
			delete(h.hosts, other)
		}
	}
	x = &host{}
	h.hosts[name] = x
	return x
}

func (h *Hosts) wake() {
	close(h.changed)
	h.changed = make(chan struct{})
}
