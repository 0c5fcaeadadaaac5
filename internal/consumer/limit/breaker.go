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

// ManyFailures in a row of different jobs make a dependency count as away. So many
// of fewer jobs only have it probed: the probe tells whose trouble it is.
const ManyFailures = 5

// Breaker is the circuit breaker of one dependency. It watches the work that is
// done with the dependency. Refused work opens the circuit: nothing is allowed
// until a probe succeeds. Work of many jobs that fails in a row only makes the
// worker unready. Either way the breaker probes with backoff until the
// dependency is back. It is safe for concurrent use.
type Breaker struct {
	condition string
	probe     func(context.Context) error
	health    Health

	mu        sync.Mutex
	failures  int                 // in a row
	failed    map[job.ID]struct{} // whose they are, up to ManyFailures
	trips     int                 // how often the dependency counted as away since work last went well
	refusals  int                 // of work, since the last success
	successes int
	unready   bool // health has been told so
	probing   bool
	open      chan struct{} // nil while work is allowed; closed when it is allowed again
	base      context.Context
	probes    sync.WaitGroup
}

// NewBreaker returns a breaker that tells health of the condition. probe makes
// one request that shows whether work would succeed.
func NewBreaker(condition string, probe func(context.Context) error, health Health) *Breaker {
	return &Breaker{condition: condition, probe: probe, health: health, failed: map[job.ID]struct{}{}}
}

// Start begins with a probe: nothing is known of the dependency yet, and work
// need not wait for it. Probes end with ctx.
func (b *Breaker) Start(ctx context.Context) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.base = ctx
	b.set(errors.New("not tried yet"))
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
	b.successes++
	b.forget()
	if b.unready && b.open == nil {
		b.refusals, b.trips = 0, 0
		b.set(nil)
	}
}

// forget is called with the lock held.
func (b *Breaker) forget() {
	b.failures = 0
	clear(b.failed)
}

// set is called with the lock held.
func (b *Breaker) set(err error) {
	b.unready = err != nil
	b.health.Set(b.condition, err)
}

// Failure tells of a job's work that failed. A [job.Error] of class refused opens
// the circuit.
func (b *Breaker) Failure(id job.ID, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.failures++
	different := len(b.failed)
	if different < ManyFailures {
		b.failed[id] = struct{}{}
	}
	refused := job.IsRefused(err)
	if refused && b.open == nil {
		b.open = make(chan struct{})
		b.refusals++
	}
	switch many := different < ManyFailures && len(b.failed) == ManyFailures; {
	case refused, many:
		if many {
			b.trips++
		}
		b.set(err)
		b.startProbing()
	case b.failures%ManyFailures == 0:
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
		before := b.successesUntilNow()
		err := b.probe(b.base)
		if b.base.Err() != nil {
			return
		}
		if b.onProbe(err, before) {
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

func (b *Breaker) successesUntilNow() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.successes
}

// onProbe takes the outcome of a probe that began after so many successes, and
// reports whether probing is over.
func (b *Breaker) onProbe(err error, before int) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err != nil && b.open == nil && !job.IsRefused(err) && b.successes != before { // work tells more than a probe
		b.probing = false
		return true
	}
	if err != nil {
		if job.IsRefused(err) && b.open == nil {
			b.open = make(chan struct{})
		}
		b.refusals = 0 // the probe sees what is wrong, so it can tell when it is not
		b.set(fmt.Errorf("waiting for it: %w", err))
		return false
	}
	b.probing = false
	b.forget()
	if b.open != nil {
		close(b.open)
		b.open = nil
	}
	if b.refusals == 0 && b.trips < 2 { // else the next work tells: a probe did not see what was wrong
		b.set(nil)
	}
	return true
}

// Stop waits for a running probe; the context of Start has ended.
func (b *Breaker) Stop() { b.probes.Wait() }
