package limit

import (
	"sync"
	"time"
)

// A poll is slow when it takes so many times as long as polls take on average, and
// minSlow at least.
const (
	slowFactor = 10
	minSlow    = 2 * time.Second
)

// Latency is how long polls take. It is safe for concurrent use. The zero value knows
// of none.
type Latency struct {
	mu      sync.Mutex
	average time.Duration // moving
}

// Observe notes a poll that was answered.
func (l *Latency) Observe(took time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.average == 0 {
		l.average = took
	}
	l.average += (took - l.average) / ewmaWindow
}

// Slow is how long a poll takes at least that is far slower than others. Nothing can
// be told, and ok is false, before one was observed.
func (l *Latency) Slow() (after time.Duration, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return max(slowFactor*l.average, minSlow), l.average > 0
}
