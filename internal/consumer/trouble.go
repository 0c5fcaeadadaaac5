package consumer

import "sync/atomic"

// manyTries of one request to the broker are more than an accident.
const manyTries = 3

// trouble makes it known when the broker is there and yet does not do what it
// is asked to: a stream that is full, or has no leader. Only a request that it
// does answer ends it.
type trouble struct {
	health Health
	known  atomic.Bool
}

// is tells of a request that was refused again and again.
func (t *trouble) is(err error) {
	t.known.Store(true)
	t.health.Set("broker", err)
}

// over tells of a request that was answered.
func (t *trouble) over() {
	if t.known.CompareAndSwap(true, false) {
		t.health.Set("broker", nil)
	}
}
