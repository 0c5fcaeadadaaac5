// Package gopool reuses goroutines for work that needs a deep stack.
package gopool

import "sync"

// Pool runs functions on goroutines that stay for the next one. A stack that
// has grown for one function is there for the next: to grow it takes a copy for
// each doubling, a new goroutine begins anew, and the garbage collector takes
// half of it from one that waits in something shallow. The S3 client goes a
// hundred calls deep; see docs/PERFORMANCE.md for what that took.
//
// There are about as many goroutines as functions ran at once, and no bound.
type Pool struct {
	next   chan func() // to a goroutine that is idle
	closed chan struct{}
	once   sync.Once
}

// New returns a pool without goroutines.
func New() *Pool { return &Pool{next: make(chan func()), closed: make(chan struct{})} }

// Go runs f and does not wait for it. What f writes must be synchronised as with
// any goroutine.
func (p *Pool) Go(f func()) {
	select {
	case p.next <- f:
	default:
		go p.work(f)
	}
}

// Do runs f and waits until it has returned.
func (p *Pool) Do(f func()) {
	done := make(chan struct{})
	p.Go(func() {
		defer close(done)
		f()
	})
	<-done
}

func (p *Pool) work(f func()) {
	for {
		f()
		select {
		case f = <-p.next:
		case <-p.closed:
			return
		}
	}
}

// Close lets each goroutine end after its function. The pool still runs functions,
// and keeps no goroutine for them. Close may be called again.
func (p *Pool) Close() { p.once.Do(func() { close(p.closed) }) }
