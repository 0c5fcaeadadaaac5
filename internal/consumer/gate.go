package consumer

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/jobferry/jobferry/internal/job"
	"github.com/jobferry/jobferry/internal/retry"
)

// The worker's own waits for what it depends on.
var (
	pullBackoff  = retry.Policy{Initial: 100 * time.Millisecond, Max: 5 * time.Second, Multiplier: 2}
	probeBackoff = retry.Policy{Initial: time.Second, Max: 30 * time.Second, Multiplier: 2}
)

// manyFailures in a row, over all jobs, make a dependency count as away; a
// single job's trouble does not.
const manyFailures = 5

// gate watches one dependency through the work that is done with it. Refused
// work closes it: nobody passes until a probe is answered well. Work that
// fails many times in a row only makes the worker unready. Either way it
// probes with backoff until the dependency is back.
type gate struct {
	condition string
	probe     func(context.Context) error
	health    Health

	mu       sync.Mutex
	failures int
	refusals int // of work, since the last that went well
	probing  bool
	closed   chan struct{} // nil while open; closed when the gate opens again
	base     context.Context
	probes   sync.WaitGroup
}

// start begins with a probe: nothing is known of the dependency yet, and work
// need not wait for it.
func (g *gate) start(ctx context.Context) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.base = ctx
	g.health.Set(g.condition, errors.New("not tried yet"))
	g.startProbing()
}

// wait returns when the gate is open.
func (g *gate) wait(ctx context.Context) error {
	for {
		g.mu.Lock()
		closed := g.closed
		g.mu.Unlock()
		if closed == nil {
			return nil
		}
		select {
		case <-closed:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// isOpen reports whether work may pass.
func (g *gate) isOpen() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.closed == nil
}

// passed tells the gate of work that went well.
func (g *gate) passed() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.failures = 0
	if g.refusals > 0 && g.closed == nil {
		g.refusals = 0
		g.health.Set(g.condition, nil)
	}
}

// failed tells the gate of work that did not.
func (g *gate) failed(err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.failures++
	refused := job.IsRefused(err)
	if refused && g.closed == nil {
		g.closed = make(chan struct{})
		g.refusals++
	}
	if refused || g.failures == manyFailures {
		g.health.Set(g.condition, err)
		g.startProbing()
	}
}

// startProbing is called with the lock held.
func (g *gate) startProbing() {
	if g.probing || g.base.Err() != nil {
		return
	}
	g.probing = true
	g.probes.Go(g.probeUntilBack)
}

func (g *gate) probeUntilBack() {
	backoff := probeBackoff.BackOff()
	if !g.pause() {
		return
	}
	for {
		err := g.probe(g.base)
		if g.base.Err() != nil {
			return
		}
		if g.settle(err) {
			return
		}
		select {
		case <-time.After(backoff.NextBackOff()):
		case <-g.base.Done():
			return
		}
	}
}

// pause waits before the first probe after work was refused, the longer the
// more often it was: the probe may be blind to what refuses the work, such as
// a bucket that may be looked at but not written to.
func (g *gate) pause() bool {
	g.mu.Lock()
	refusals := g.refusals
	g.mu.Unlock()
	if refusals == 0 {
		return true
	}
	select {
	case <-time.After(probeBackoff.Delay(refusals - 1)):
		return true
	case <-g.base.Done():
		return false
	}
}

// settle takes the answer of a probe, and reports whether probing is over.
func (g *gate) settle(err error) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if err != nil {
		if job.IsRefused(err) && g.closed == nil {
			g.closed = make(chan struct{})
		}
		g.refusals = 0 // the probe sees what is wrong, so it can tell when it is not
		g.health.Set(g.condition, fmt.Errorf("waiting for it: %w", err))
		return false
	}
	g.probing, g.failures = false, 0
	if g.closed != nil {
		close(g.closed)
		g.closed = nil
	}
	if g.refusals == 0 { // else the next work tells
		g.health.Set(g.condition, nil)
	}
	return true
}

// stop waits for a probe under way; the context of start has ended.
func (g *gate) stop() { g.probes.Wait() }
