package watchdog

import (
	"errors"
	"fmt"
	"time"
)

// ErrSlow ends a source that brings bytes, and too few of them.
var ErrSlow = errors.New("the source is too slow")

// MinRate watches that a source does not only drip. With a limit for stalls alone,
// one byte a second could hold a transfer slot for as long as a file has bytes:
// 170 years for 5 GiB.
//
// Only the time counts in which the source is waited for: a slow store is no
// reason to hang up on a fast source. A MinRate is used by one goroutine; a copy
// has counters of its own.
type MinRate struct {
	Rate   int64         // bytes a second that are enough; 0: any number is
	Window time.Duration // over which the average is taken

	waited time.Duration // in this window
	got    int64         // bytes in this window
	slow   int           // windows that were too slow, in a row
}

// Slow is how many windows in a row were too slow.
func (m *MinRate) Slow() int { return m.slow }

// Add notes what waiting so long for the source has brought. It returns an
// [ErrSlow] if that ends a window that was too slow.
func (m *MinRate) Add(n int, waited time.Duration) error {
	m.got += int64(n)
	m.waited += waited
	if m.Rate == 0 || m.waited < m.Window {
		return nil
	}
	average := float64(m.got) / m.waited.Seconds()
	m.got, m.waited = 0, 0
	if average >= float64(m.Rate) {
		m.slow = 0
		return nil
	}
	m.slow++
	return fmt.Errorf("%w: %.0f bytes a second on average over %v, where %d are the least", ErrSlow, average, m.Window, m.Rate)
}
