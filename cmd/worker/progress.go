package main

import (
	"fmt"
	"io"
	"time"
)

// progressEvery is how often the progress is drawn; a command that is faster
// shows none.
const progressEvery = 500 * time.Millisecond

// progress is a line on a terminal that is drawn over.
type progress struct {
	out  io.Writer // nil unless it is a terminal
	next time.Time
	open bool // the line stands there
}

func newProgress(out io.Writer) *progress {
	p := &progress{next: time.Now().Add(progressEvery)}
	if isTerminal(out) {
		p.out = out
	}
	return p
}

// show draws the line anew, if it is time for that.
func (p *progress) show(text func() string) {
	now := time.Now()
	if p.out == nil || now.Before(p.next) {
		return
	}
	p.next, p.open = now.Add(progressEvery), true
	fmt.Fprintf(p.out, "\r\x1b[K%s…", text())
}

// reading shows how far a long reading has come.
func (p *progress) reading(read, left int) {
	p.show(func() string { return fmt.Sprintf("%d of %d messages read", read, read+left) })
}

// clear makes room for other output.
func (p *progress) clear() {
	if p.open {
		fmt.Fprint(p.out, "\r\x1b[K")
		p.open = false
	}
}
