package pull

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
)

// ErrLeaseLost is the cause of a context whose message may be in another
// worker's hands by now.
var ErrLeaseLost = errors.New("the lease was lost: no progress was confirmed in time")

var progress = []byte("+WPI")

// Lease keeps a message in this worker's hands. The broker cannot be asked
// whether it still is: it answers a stale progress request as well as a good
// one. So a lease is lost by the clock, when no progress was confirmed within
// the ack wait less a margin; then its contexts end and nothing may be
// published or acknowledged for it any more.
type Lease struct {
	nc      *nats.Conn
	reply   string
	ackWait time.Duration

	ctx    context.Context // ends with the lease
	cancel context.CancelCauseFunc

	mu        sync.Mutex
	confirmed time.Time // when the last confirmed request was sent
	timer     *time.Timer
	released  bool
	beating   sync.WaitGroup
}

// NewLease starts to keep the message, from when it may have been delivered. base
// bounds the lease's life.
func NewLease(base context.Context, m Message, nc *nats.Conn, ackWait time.Duration) *Lease {
	l := &Lease{nc: nc, reply: m.Msg.Reply, ackWait: ackWait, confirmed: m.Since}
	l.ctx, l.cancel = context.WithCancelCause(base)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.timer = time.AfterFunc(l.interval(), l.beat)
	return l
}

// Context ends with the lease, with the cause [ErrLeaseLost] or that of its base.
func (l *Lease) Context() context.Context { return l.ctx }

func (l *Lease) interval() time.Duration { return l.ackWait / 3 }

// limit is the ack wait less a sixth of it: 25 s of 30.
func (l *Lease) limit() time.Duration { return l.ackWait - l.ackWait/6 }

// Held reports whether the message is still ours to conclude.
func (l *Lease) Held() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if time.Since(l.confirmed) >= l.limit() {
		l.cancel(ErrLeaseLost)
	}
	return context.Cause(l.ctx)
}

// beat sends one progress acknowledgement and plans the next.
func (l *Lease) beat() {
	if !l.begin() {
		return
	}
	defer l.beating.Done()
	if l.Held() != nil {
		return
	}
	sent := time.Now()
	ctx, cancel := context.WithDeadline(l.ctx, l.deadline(sent))
	defer cancel()
	_, err := l.nc.RequestWithContext(ctx, l.reply, progress)
	l.plan(sent, err)
}

// deadline is when a beat's answer comes too late: after the interval, or at
// the limit, when the lease is lost.
func (l *Lease) deadline(sent time.Time) time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	interval, limit := sent.Add(l.interval()), l.confirmed.Add(l.limit())
	if limit.Before(interval) {
		return limit
	}
	return interval
}

// begin counts a beat in, unless the lease was released.
func (l *Lease) begin() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.released {
		return false
	}
	l.beating.Add(1)
	return true
}

// plan sets the timer again: soon after a failure, and never past the limit,
// so that a loss is noticed when it happens.
func (l *Lease) plan(sent time.Time, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err == nil && time.Since(l.confirmed) < l.limit() { // no answer revives a lost lease
		l.confirmed = sent
	}
	if l.released {
		return
	}
	next := l.interval()
	if err != nil {
		next = min(l.interval()/10, time.Until(l.confirmed.Add(l.limit())))
	}
	l.timer.Reset(max(next, time.Millisecond))
}

// Release stops keeping the message and waits for a beat under way.
func (l *Lease) Release() {
	l.mu.Lock()
	l.released = true
	l.timer.Stop()
	l.mu.Unlock()
	l.cancel(context.Canceled)
	l.beating.Wait()
}
