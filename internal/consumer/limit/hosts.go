package limit

import (
	"context"
	"sync"

	"go.uber.org/zap"
)

// minEmpty downloads in a row that brought nothing make a host count as failing.
const minEmpty = 3

// maxHosts is how many hosts are remembered beside those in use.
const maxHosts = 1024

// Hosts shares the transfer slots between file hosts. A host that has brought bytes
// may have them all. Those of which nothing is known yet may have half of them
// together, and one whose last downloads brought nothing has one connection until
// it brings bytes again. It is safe for concurrent use.
type Hosts struct {
	unknownLimit int
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
	return &Hosts{unknownLimit: max(1, total/2), log: log, changed: make(chan struct{}), hosts: map[string]*host{}}
}

// TryAcquire takes a connection to a host, or reports that it has none to give. An
// empty name is no host, and always has one.
func (h *Hosts) TryAcquire(name string) bool {
	ok, _ := h.tryAcquire(name)
	return ok
}

// Acquire waits for a connection to a host.
func (h *Hosts) Acquire(ctx context.Context, name string) error {
	for {
		ok, changed := h.tryAcquire(name)
		if ok {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

func (h *Hosts) tryAcquire(name string) (bool, <-chan struct{}) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if name == "" {
		return true, nil
	}
	x := h.find(name)
	switch {
	case x.empty >= minEmpty && x.inUse > 0, !x.brings && x.empty < minEmpty && h.unknown >= h.unknownLimit:
		return false, h.changed
	}
	x.inUse++
	h.count(x, 1)
	return true, nil
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
