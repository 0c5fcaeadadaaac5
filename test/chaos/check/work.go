package check

import (
	"math"
	"time"
)

// soonest is the least time from arming a timer to its firing, as the contract
// has it.
const soonest = 250 * time.Millisecond

// doubled adds up the work beyond what was necessary.
func doubled(o Observation) Doubled {
	var d Doubled
	for _, id := range sorted(o.Work) {
		work := o.Work[id]
		downloads, polls := d.Downloads, d.Polls
		for _, f := range work.Files {
			d.file(f)
		}
		d.polls(work, o.Backoff)
		if d.Downloads > downloads || d.Polls > polls {
			d.Jobs++
		}
	}
	return d
}

// file leaves out what nobody had to download: a file that the API delivered
// elsewhere, or one that is the answer itself.
func (d *Doubled) file(f FileWork) {
	if f.Downloads == 0 {
		return
	}
	d.Files++
	d.FileBytes += f.Size
	d.Downloads += max(f.Downloads-1-f.ExtraDownloads, 0)
	d.Bytes += max(f.Bytes-f.Size-f.ExtraBytes, 0)
}

func (d *Doubled) polls(work Work, backoff Backoff) {
	asked := max(backoff.most(work.Duration), work.LeastPolls+1) + work.ExtraPolls
	d.Polled += len(work.Polls)
	d.PollsAsked += asked
	d.Polls += max(len(work.Polls)-asked, 0)
}

// most is how many polls a worker makes at most when nothing goes wrong: the
// first at once, then one after each delay, each as short as the jitter allows,
// until the first one at which the job has ended.
func (b Backoff) most(duration time.Duration) int {
	polls := 1
	for at := time.Duration(0); at < duration; polls++ {
		at += b.shortest(polls - 1)
	}
	return polls
}

// shortest is the least delay after that many earlier ones. The jitter of the
// longest ones stays below Max.
func (b Backoff) shortest(attempt int) time.Duration {
	base := min(float64(b.Initial)*math.Pow(b.Multiplier, float64(attempt)), float64(b.Max)/(1+b.Jitter))
	return max(time.Duration(base*(1-b.Jitter)), soonest)
}
