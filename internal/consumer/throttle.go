package consumer

import (
	"context"
	"sync"
	"time"

	"github.com/jobferry/jobferry/internal/retry"
)

// longestPause is how long one answer may hold back a whole pod. A job may be
// asked to wait longer; if the API means every job, its next answer says so.
const longestPause = time.Minute

// throttle slows the whole pod down after the API has said that it polls too
// often: no message is taken until the time it asked for is over.
type throttle struct {
	backoff retry.Policy

	mu     sync.Mutex
	streak int // of throttled answers, without a good one between them
	until  time.Time
}

// hit records a throttled answer, with the wait that it asked for or zero.
func (t *throttle) hit(retryAfter time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if retryAfter <= 0 {
		retryAfter = t.backoff.Delay(t.streak)
	}
	// The polls that were under way together are one streak's step.
	if now := time.Now(); now.After(t.until) {
		t.streak++
	}
	if until := time.Now().Add(min(retryAfter, longestPause)); until.After(t.until) {
		t.until = until
	}
}

// ok records an answer that was not throttled.
func (t *throttle) ok() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.streak = 0
}

// wait returns when the pod may poll.
func (t *throttle) wait(ctx context.Context) error {
	for {
		t.mu.Lock()
		left := time.Until(t.until)
		t.mu.Unlock()
		if left <= 0 {
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
