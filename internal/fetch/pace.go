package fetch

import (
	"errors"
	"fmt"
	"time"
)

// errSlow ends a connection that brings bytes, and too few of them.
var errSlow = errors.New("the source is too slow")

// maxSlow is how many slow windows in a row make a download wait: by then two
// other connections have been no better.
const maxSlow = 3

// pace watches that a source does not only drip. A watch for stalls alone would
// let one byte a second hold a transfer slot for as long as a file has bytes:
// 170 years for 5 GiB.
//
// Time counts while the source is waited for, and only then: a slow store is no
// reason to hang up on a fast source.
type pace struct {
	rate   int64         // bytes a second that are enough; 0: any is
	window time.Duration // over which the average is taken
	waited time.Duration // in this window
	got    int64         // bytes in this window
	slow   int           // windows that were too slow, in a row
}

// add notes what waiting so long for the source has brought. It returns an
// errSlow when that ends a window that was too slow.
func (p *pace) add(n int, waited time.Duration) error {
	p.got += int64(n)
	p.waited += waited
	if p.rate == 0 || p.waited < p.window {
		return nil
	}
	average := float64(p.got) / p.waited.Seconds()
	p.got, p.waited = 0, 0
	if average >= float64(p.rate) {
		p.slow = 0
		return nil
	}
	p.slow++
	return fmt.Errorf("%w: %.0f bytes a second on average over %v, where %d are the least", errSlow, average, p.window, p.rate)
}
