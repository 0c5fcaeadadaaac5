package limit

import (
	"context"
	"sync"
)

// Lane tells the two queues apart that share the poll slots.
type Lane int

// The lanes. Due jobs come first, for a finished job's result is running out.
const (
	Due       Lane = iota // jobs whose next poll is due
	Submitted             // submissions
	Lanes                 // how many there are
)

// String is the lane's name in metrics, health and logs.
func (l Lane) String() string {
	return [...]string{"due", "fresh"}[l]
}

// reservedFraction is the part of the slots that the other lane can never take:
// submissions always keep one slot in eight, and so does an idle lane that
// listens.
const reservedFraction = 8

// ewmaWindow is over how many polls the share of finished jobs is averaged.
const ewmaWindow = 16

// Polls hands out the poll slots. A slot is taken before a message is asked
// for, so that no message waits in a buffer while its ack wait passes. It is
// safe for concurrent use.
type Polls struct {
	total, reserved int
	rateLimited     bool       // one message a request: a poll rate is set
	freeTransfers   func() int // how many more finished jobs the pod has room for

	mu                sync.Mutex
	changed           chan struct{}  // closed and replaced whenever a slot may have come free
	taken             [Lanes]int     // by requests and by messages
	messages          [Lanes]int     // in flight: they have one of the taken slots each
	pending           [Lanes]uint64  // messages that the broker said it still has
	finished          [Lanes]float64 // moving average: share of the polls that found a result
	dueSinceSubmitted int            // rate-limited requests of due jobs since the last of submissions
}

// NewPolls returns total slots, or one for each lane where that is more, so that
// both lanes move. freeTransfers must not block.
func NewPolls(total int, rateLimited bool, freeTransfers func() int) *Polls {
	total = max(total, int(Lanes))
	return &Polls{
		total: total, reserved: max(1, total/reservedFraction), rateLimited: rateLimited,
		freeTransfers: freeTransfers, changed: make(chan struct{}),
	}
}

// Total is how many slots there are.
func (p *Polls) Total() int { return p.total }

// Request is how many messages a lane may ask for now.
type Request struct {
	Count   int
	Pending bool // the broker has them at hand: do not wait for more
}

// Take blocks until the lane may ask for at least one message. All slots of the
// request are taken; those that bring no message are given back by Release.
func (p *Polls) Take(ctx context.Context, l Lane) (Request, error) {
	for {
		req, changed := p.tryTake(l)
		if req.Count > 0 {
			return req, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return Request{}, context.Cause(ctx)
		}
	}
}

func (p *Polls) tryTake(l Lane) (Request, <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	req := p.allowed(l)
	if p.rateLimited && req.Count > 0 {
		req.Count = 1
		p.dueSinceSubmitted++
		if l == Submitted {
			p.dueSinceSubmitted = 0
		}
		p.wake()
	}
	p.taken[l] += req.Count
	return req, p.changed
}

// allowed computes a request under the lock. A lane without pending messages
// listens with its reserved slots alone, and leaves the rest to the other.
func (p *Polls) allowed(l Lane) Request {
	free := p.total - p.taken[Due] - p.taken[Submitted]
	other := Lanes - 1 - l
	spare := free - max(0, p.reserved-p.taken[other])
	if l == Submitted && p.pending[Due] > 0 {
		spare = min(spare, p.reserved-p.taken[Submitted])
		if p.rateLimited && p.dueSinceSubmitted < reservedFraction-1 {
			return Request{}
		}
	}
	if spare = min(spare, p.maxInFlight(l)-p.taken[l]); spare <= 0 {
		return Request{}
	}
	if p.pending[l] == 0 {
		return Request{Count: min(spare, p.reserved)}
	}
	if p.pending[l] < uint64(spare) {
		spare = int(p.pending[l]) //nolint:gosec // less than spare, which is an int
	}
	return Request{Count: spare, Pending: true}
}

// maxInFlight is the free transfers divided by the share of finished jobs, at
// least 1. More jobs would be polled although the pod has no room for their
// results, and would leave the queue in which another pod may find them. Free
// transfers are for due jobs first.
func (p *Polls) maxInFlight(l Lane) int {
	free := p.freeTransfers()
	if l == Submitted && p.pending[Due] > 0 {
		free = 0
	}
	return int(float64(max(free, 1)) / max(p.finished[l], 1/float64(p.total)))
}

// ObservePoll notes whether a job of the lane turned out to have a result.
func (p *Polls) ObservePoll(l Lane, finished bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	var share float64
	if finished {
		share = 1
	}
	p.finished[l] += (share - p.finished[l]) / ewmaWindow
	p.wake()
}

// TransferFreed notes that a finished job has left the pod.
func (p *Polls) TransferFreed() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.wake()
}

// Add takes a slot for a message that arrives after the slots of its request were
// given back, when the worker stops.
func (p *Polls) Add(l Lane) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.taken[l]++
}

// Release gives back slots of a request that no message has used.
func (p *Polls) Release(l Lane, count int) {
	if count == 0 {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.taken[l] -= count
	p.wake()
}

// MessageArrived notes that a message uses one of the taken slots.
func (p *Polls) MessageArrived(l Lane) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.messages[l]++
}

// MessageDone gives the slot of a message back.
func (p *Polls) MessageDone(l Lane) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.messages[l]--
	p.taken[l]--
	p.wake()
}

// SetPending records how many messages the broker still has for the lane.
func (p *Polls) SetPending(l Lane, pending uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.pending[l] == pending {
		return
	}
	p.pending[l] = pending
	p.wake()
}

func (p *Polls) wake() {
	close(p.changed)
	p.changed = make(chan struct{})
}

// InUse returns how many slots of a lane have a message. Slots that a listening
// request holds are left out: with them an idle worker would look a quarter full.
func (p *Polls) InUse(l Lane) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.messages[l]
}
