package limit

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/jobferry/jobferry/internal/job"
	"github.com/jobferry/jobferry/internal/retry"
)

// probeBackoff is between the probes of a dependency.
var probeBackoff = retry.Policy{Initial: time.Second, Max: 30 * time.Second, Multiplier: 2}

// ManyFailures in a row, over all jobs, make a dependency count as away; a
// single job's failures do not.
const ManyFailures = 5

// Breaker is the circuit breaker of one dependency. It watches the work that is
// done with the dependency. Refused work opens the circuit: nothing is allowed
// until a probe succeeds. Work that fails many times in a row only makes the
// worker unready. Either way the breaker probes with backoff until the
// dependency is back. It is safe for concurrent use.
type Breaker struct {
	condition string
	probe     func(context.Context) error
	health    Health

	mu       sync.Mutex
	failures int
	refusals int // of work, since the last success
	probing  bool
	open     chan struct{} // nil while work is allowed; closed when it is allowed again
	base     context.Context
	probes   sync.WaitGroup
}

// NewBreaker returns a breaker that tells health of the condition. probe makes
// one request that shows whether work would succeed.
func NewBreaker(condition string, probe func(context.Context) error, health Health) *Breaker {
	return &Breaker{condition: condition, probe: probe, health: health}
}

// Start begins with a probe: nothing is known of the dependency yet, and work
// need not wait for it. Probes end with ctx.
func (b *Breaker) Start(ctx context.Context) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.base = ctx
	b.health.Set(b.condition, errors.New("not tried yet"))
	b.startProbing()
}

// Wait returns when work is allowed.
func (b *Breaker) Wait(ctx context.Context) error {
	for {
		b.mu.Lock()
		open := b.open
		b.mu.Unlock()
		if open == nil {
			return nil
		}
		select {
		case <-open:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// Allow reports whether work is allowed.
func (b *Breaker) Allow() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.open == nil
}

// Success tells of work that went well.
func (b *Breaker) Success() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.failures = 0
	if b.refusals > 0 && b.open == nil {
		b.refusals = 0
		b.health.Set(b.condition, nil)
	}
}

// Failure tells of work that failed. A [job.Error] of class refused opens the
// circuit.
func (b *Breaker) Failure(err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.failures++
	refused := job.IsRefused(err)
	if refused && b.open == nil {
		b.open = make(chan struct{})
		b.refusals++
	}
	if refused || b.failures == ManyFailures {
		b.health.Set(b.condition, err)
		b.startProbing()
	}
}

// startProbing is called with the lock held.
func (b *Breaker) startProbing() {
	if b.probing || b.base.Err() != nil {
		return
	}
	b.probing = true
	b.probes.Go(b.probeUntilBack)
}

func (b *Breaker) probeUntilBack() {
	backoff := probeBackoff.BackOff()
	if !b.pause() {
		return
	}
	for {
		err := b.probe(b.base)
		if b.base.Err() != nil {
			return
		}
		if b.onProbe(err) {
			return
		}
		select {
		case <-time.After(backoff.NextBackOff()):
		case <-b.base.Done():
			return
		}
	}
}

// pause waits before the first probe after work was refused, the longer the
// more often it was: the probe may not see why work is refused. A bucket may be
// looked at but not written to, for example.
func (b *Breaker) pause() bool {
	b.mu.Lock()
	refusals := b.refusals
	b.mu.Unlock()
	if refusals == 0 {
		return true
	}
	select {
	case <-time.After(probeBackoff.Delay(refusals - 1)):
		return true
	case <-b.base.Done():
		return false
	}
}

// onProbe takes the outcome of a probe, and reports whether probing is over.
func (b *Breaker) onProbe(err error) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err != nil {
		if job.IsRefused(err) && b.open == nil {
			b.open = make(chan struct{})
		}
		b.refusals = 0 // the probe sees what is wrong, so it can tell when it is not
		b.health.Set(b.condition, fmt.Errorf("waiting for it: %w", err))
		return false
	}
	b.probing, b.failures = false, 0
	if b.open != nil {
		close(b.open)
		b.open = nil
	}
	if b.refusals == 0 { // else the next work tells
		b.health.Set(b.condition, nil)
	}
	return true
}

// Stop waits for a running probe; the context of Start has ended.
func (b *Breaker) Stop() { b.probes.Wait() }
