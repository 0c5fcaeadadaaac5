// Package crew keeps goroutines for work that needs a deep stack.
package crew

import "sync"

// Crew runs functions on goroutines that stay for the next one. A stack that
// has grown for one function is there for the next: to grow it takes a copy for
// each doubling, a new goroutine begins anew, and the garbage collector takes
// half of it from one that waits in something shallow. The S3 client goes a
// hundred calls deep; see docs/PERFORMANCE.md for what that took.
//
// There are about as many goroutines as functions ran at once, and no bound.
type Crew struct {
	next    chan func() // to a goroutine that has nothing to do
	ended   chan struct{}
	dismiss sync.Once
}

// New returns a crew without goroutines.
func New() *Crew { return &Crew{next: make(chan func()), ended: make(chan struct{})} }

// Go runs f and does not wait for it. What f wants to tell must be
// synchronised as with any goroutine.
func (c *Crew) Go(f func()) {
	select {
	case c.next <- f:
	default:
		go c.stay(f)
	}
}

// Do runs f and waits until it has returned.
func (c *Crew) Do(f func()) {
	done := make(chan struct{})
	c.Go(func() {
		defer close(done)
		f()
	})
	<-done
}

func (c *Crew) stay(f func()) {
	for {
		f()
		select {
		case f = <-c.next:
		case <-c.ended:
			return
		}
	}
}

// Dismiss lets each goroutine end with what it does. The crew still takes
// functions, and keeps nobody for them. It may be called again.
func (c *Crew) Dismiss() { c.dismiss.Do(func() { close(c.ended) }) }
