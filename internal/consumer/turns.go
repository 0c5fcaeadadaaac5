package consumer

import (
	"math/rand/v2"
	"sync"
	"time"
)

const (
	// shortestTurn is between two jobs until anything is known of how fast
	// slots become free.
	shortestTurn = 5 * time.Millisecond
	// horizon is how long a job waits for its turn at most. The result of a
	// finished job lives for many times that.
	horizon = time.Minute
	// early is how much sooner than a slot may be free a job comes, for its
	// turn is a guess, and an empty slot costs more than a poll.
	early = 0.8
	// remembered is how many jobs a pod's pace is taken from at most, so that it
	// follows a change.
	remembered = 64
)

// turns tells finished jobs that found no transfer slot when to come again: one
// after the other, at the pace at which jobs have been leaving since the crowd
// began. So each costs the API few polls, however many there are.
type turns struct {
	mu    sync.Mutex
	since time.Time // what left is counted from
	left  int
	asked time.Time // the last time that anybody found no slot
	next  time.Time // the end of the line
}

// take returns how long a job is to wait that found no slot.
func (t *turns) take(now time.Time) time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	if now.Sub(t.asked) > horizon { // a new crowd
		t.since, t.left = now, 0
	}
	t.asked = now
	if t.next.Before(now) {
		t.next = now
	}
	t.next = t.next.Add(t.every(now))
	if t.next.Sub(now) > horizon { // the line is longer than it helps to know
		t.next = now.Add(horizon)
		return horizon/2 + rand.N(horizon/2) //nolint:gosec // spreads load, hides nothing
	}
	return t.next.Sub(now)
}

func (t *turns) every(now time.Time) time.Duration {
	elapsed := now.Sub(t.since)
	if t.left == 0 {
		return max(elapsed, shortestTurn)
	}
	return time.Duration(early * float64(elapsed) / float64(t.left))
}

// leave notes that a job has been concluded that had a slot.
func (t *turns) leave(now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.left++; t.left == remembered {
		t.since, t.left = now.Add(-now.Sub(t.since)/2), remembered/2
	}
}
