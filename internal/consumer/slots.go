package consumer

import (
	"context"
	"sync"
)

// lane tells the two queues apart that share the poll slots.
type lane int

const (
	due   lane = iota // jobs whose next poll is due
	fresh             // submissions
	lanes
)

func (l lane) String() string {
	return [...]string{"due", "fresh"}[l]
}

// shareOf is the part of the slots that the other lane can never take: due
// jobs come first, for a finished job's result is running out, but new ones
// always keep one slot in eight, and so does an idle lane that listens.
const shareOf = 8

// memory is over how many polls the share of finished jobs is averaged.
const memory = 16

// slots hands out the poll slots. A slot is taken before a message is asked
// for, so that none waits in a buffer while its ack wait burns.
type slots struct {
	total, share int
	paced        bool       // one message a request: a poll rate is set
	places       func() int // how many more finished jobs the pod has a place for

	mu       sync.Mutex
	changed  chan struct{}  // closed and replaced whenever a slot may have come free
	busy     [lanes]int     // taken, by requests and by messages
	filled   [lanes]int     // those of them that a message in hand has
	backlog  [lanes]uint64  // what the broker said that it still has
	finished [lanes]float64 // share of the last polls that found a result
	passed   int            // paced requests of due jobs since the last fresh one
}

// newSlots has at least one slot for each lane, lest one of them never moves.
func newSlots(total int, paced bool, places func() int) *slots {
	total = max(total, int(lanes))
	return &slots{
		total: total, share: max(1, total/shareOf), paced: paced, places: places, changed: make(chan struct{}),
	}
}

// request is how many messages a lane may ask for now.
type request struct {
	count   int
	backlog bool // the broker has them at hand: do not wait for more
}

// take blocks until the lane may ask for at least one message. All slots of the
// request are taken; what does not come of it is given back by release.
func (s *slots) take(ctx context.Context, l lane) (request, error) {
	for {
		req, changed := s.tryTake(l)
		if req.count > 0 {
			return req, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return request{}, context.Cause(ctx)
		}
	}
}

func (s *slots) tryTake(l lane) (request, <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	req := s.allowed(l)
	if s.paced && req.count > 0 {
		req.count = 1
		s.passed++
		if l == fresh {
			s.passed = 0
		}
		s.wake()
	}
	s.busy[l] += req.count
	return req, s.changed
}

// allowed computes a request under the lock. Without a backlog a lane listens
// with its share alone, so that an idle lane leaves the rest to the other.
func (s *slots) allowed(l lane) request {
	free := s.total - s.busy[due] - s.busy[fresh]
	other := lanes - 1 - l
	spare := free - max(0, s.share-s.busy[other]) // the other's share is not ours to take
	if l == fresh && s.backlog[due] > 0 {
		spare = min(spare, s.share-s.busy[fresh])
		if s.paced && s.passed < shareOf-1 {
			return request{}
		}
	}
	if spare = min(spare, s.welcome(l)-s.busy[l]); spare <= 0 {
		return request{}
	}
	if s.backlog[l] == 0 {
		return request{count: min(spare, s.share)}
	}
	if s.backlog[l] < uint64(spare) {
		spare = int(s.backlog[l]) //nolint:gosec // less than spare, which is an int
	}
	return request{count: spare, backlog: true}
}

// welcome is how many jobs of a lane may be in hand: as many as are likely to
// bring no more results than there are places for, and enough that one is
// always asked about. Any more would be polled in vain, and leave the queue in
// which another pod may find them. Places are for due jobs first.
func (s *slots) welcome(l lane) int {
	places := s.places()
	if l == fresh && s.backlog[due] > 0 {
		places = 0
	}
	return int(float64(max(places, 1)) / max(s.finished[l], 1/float64(s.total)))
}

// polled notes whether a job of the lane turned out to have a result.
func (s *slots) polled(l lane, finished bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var share float64
	if finished {
		share = 1
	}
	s.finished[l] += (share - s.finished[l]) / memory
	s.wake()
}

// vacated notes that a finished job has given its place back.
func (s *slots) vacated() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.wake()
}

// add counts a slot for a message that arrives after its request's slots were
// given back, when the worker stops.
func (s *slots) add(l lane) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.busy[l]++
}

// release gives slots back.
func (s *slots) release(l lane, count int) {
	if count == 0 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.busy[l] -= count
	s.wake()
}

// fill notes that a message has come into one of the slots that are taken.
func (s *slots) fill(l lane) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.filled[l]++
}

// empty gives back the slot of a message.
func (s *slots) empty(l lane) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.filled[l]--
	s.busy[l]--
	s.wake()
}

// note records what the broker said about the lane's backlog.
func (s *slots) note(l lane, backlog uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.backlog[l] == backlog {
		return
	}
	s.backlog[l] = backlog
	s.wake()
}

func (s *slots) wake() {
	close(s.changed)
	s.changed = make(chan struct{})
}

// inUse returns how many slots of a lane have a message. Those that a request
// holds while it listens are left out: an idle worker would look a quarter full.
func (s *slots) inUse(l lane) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.filled[l]
}
