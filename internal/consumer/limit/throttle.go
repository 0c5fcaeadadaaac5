package limit

import (
	"context"
	"sync"
	"time"

	"github.com/jobferry/jobferry/internal/retry"
)

// maxPause is how long one answer may hold back a whole pod. A job may be asked
// to wait longer; if the API means every job, its next answer says so.
const maxPause = time.Minute

// Throttle slows the whole pod down after the API has said that it polls too
// often: no message is taken until the time it asked for is over. It is safe
// for concurrent use.
type Throttle struct {
	backoff retry.Policy

	mu     sync.Mutex
	streak int // of throttled answers, without a good one between them
	until  time.Time
}

// NewThrottle pauses by backoff where the API does not say for how long.
func NewThrottle(backoff retry.Policy) *Throttle { return &Throttle{backoff: backoff} }

// Throttled records a throttled answer, with the wait that it asked for or zero.
func (t *Throttle) Throttled(retryAfter time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	// The polls that were in flight together are one step of the streak.
	if now := time.Now(); !now.Before(t.until) {
		t.streak++
	}
	if retryAfter <= 0 {
		retryAfter = t.backoff.Delay(max(t.streak-1, 0))
	}
	if until := time.Now().Add(min(retryAfter, maxPause)); until.After(t.until) {
		t.until = until
	}
}

// Success records an answer that was not throttled.
func (t *Throttle) Success() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.streak = 0
}

// Left is how long the pod must not poll, 0 if it may.
func (t *Throttle) Left() time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	return max(time.Until(t.until), 0)
}

// Wait returns when the pod may poll.
func (t *Throttle) Wait(ctx context.Context) error {
	for {
		left := t.Left()
		if left == 0 {
			return nil
		}
		timer := time.NewTimer(left)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return context.Cause(ctx)
		}
	}
}
