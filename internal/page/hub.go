package page

import (
	"context"
	"encoding/json"
	"sync"
	"time"
)

// interval is between two readings.
const interval = time.Second

// readFunc reads what is shown. It is called again and again, from one
// goroutine.
type readFunc func(context.Context) Snapshot

// hub reads while somebody watches, and hands each reading to all of them.
type hub struct {
	limit int
	begin func() readFunc // for as long as somebody watches

	mu       sync.Mutex
	watchers map[chan []byte]struct{}
	newest   []byte             // reading; nil while nobody watches
	stop     context.CancelFunc // of the reading; nil while nobody watches
	closed   bool
	work     sync.WaitGroup
}

func newHub(limit int, begin func() readFunc) *hub {
	return &hub{limit: limit, begin: begin, watchers: map[chan []byte]struct{}{}}
}

// join returns a channel with the newest reading, which is there at once if
// others watch; closed when the hub is; nil when there are too many already.
// leave is to be called once.
func (h *hub) join() (readings <-chan []byte, leave func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed || len(h.watchers) >= h.limit {
		return nil, nil
	}
	watcher := make(chan []byte, 1)
	if h.newest != nil {
		watcher <- h.newest
	}
	h.watchers[watcher] = struct{}{}
	if h.stop == nil {
		ctx, stop := context.WithCancel(context.Background())
		h.stop = stop
		h.work.Go(func() { h.run(ctx) })
	}
	return watcher, func() { h.leave(watcher) }
}

func (h *hub) leave(watcher chan []byte) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.watchers, watcher)
	if len(h.watchers) == 0 && h.stop != nil {
		h.stop()
		h.stop, h.newest = nil, nil
	}
}

// run reads until ctx ends.
func (h *hub) run(ctx context.Context) {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	read := h.begin()
	for {
		snapshot := read(ctx)
		if ctx.Err() != nil {
			return
		}
		if body, err := json.Marshal(snapshot); err == nil {
			h.publish(ctx, body)
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
	}
}

// publish replaces what a slow watcher has not taken, unless the reading has
// been stopped.
func (h *hub) publish(ctx context.Context, body []byte) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed || ctx.Err() != nil { // nobody has watched since
		return
	}
	h.newest = body
	for watcher := range h.watchers {
		select {
		case <-watcher:
		default:
		}
		watcher <- body
	}
}

// close ends all streams and the reading. It is safe to call more than once.
func (h *hub) close() {
	h.mu.Lock()
	if !h.closed {
		h.closed = true
		for watcher := range h.watchers {
			close(watcher)
		}
		if h.stop != nil {
			h.stop()
		}
	}
	h.mu.Unlock()
	h.work.Wait()
}
