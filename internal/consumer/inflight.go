package consumer

import (
	"cmp"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jobferry/jobferry/internal/job"
)

// inFlight are the transfers under way. A transfer that is not listed costs an
// addition for each read.
type inFlight struct {
	mu  sync.Mutex
	all map[*trackedSource]struct{}
}

// trackedSource counts the bytes that are read of a source.
type trackedSource struct {
	job.Source

	transfer job.Transfer
	done     atomic.Int64
}

// Read is the source's own.
func (p *trackedSource) Read(buffer []byte) (int, error) {
	n, err := p.Source.Read(buffer)
	p.done.Add(int64(n))
	return n, err
}

// track returns the source to read from instead, until end is called.
func (p *inFlight) track(id job.ID, name string, src job.Source) (tracked job.Source, end func()) {
	one := &trackedSource{Source: src, transfer: job.Transfer{Job: id, Name: name, Size: src.Size(), Since: time.Now().UTC()}}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.all == nil {
		p.all = map[*trackedSource]struct{}{}
	}
	p.all[one] = struct{}{}
	return one, func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.all, one)
	}
}

// list returns the transfers, the one that has run for longest first.
func (p *inFlight) list() []job.Transfer {
	p.mu.Lock()
	defer p.mu.Unlock()
	list := make([]job.Transfer, 0, len(p.all))
	for one := range p.all {
		now := one.transfer
		now.Done = one.done.Load()
		list = append(list, now)
	}
	slices.SortFunc(list, func(a, b job.Transfer) int {
		return cmp.Or(a.Since.Compare(b.Since), cmp.Compare(a.Job, b.Job), cmp.Compare(a.Name, b.Name))
	})
	return list
}

// Transfers are the files and payloads that this worker is storing right now,
// the one that has run for longest first. It may be called at any time.
func (w *Worker) Transfers() []job.Transfer { return w.inFlight.list() }
