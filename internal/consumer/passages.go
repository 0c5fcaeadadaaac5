package consumer

import (
	"cmp"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jobferry/jobferry/internal/job"
)

// Transfer is one file or payload on its way into the store, at one moment.
type Transfer struct {
	Job   job.ID    `json:"job"`
	Name  string    `json:"name"`  // of the object, without its extension
	Size  int64     `json:"size"`  // in bytes, -1 when it is not known
	Done  int64     `json:"done"`  // bytes that have come from the source
	Since time.Time `json:"since"` // when this try began
}

// passages are the transfers under way. What nobody looks at costs an addition
// for each read.
type passages struct {
	mu  sync.Mutex
	all map[*passage]struct{}
}

// passage counts what is read of a source.
type passage struct {
	job.Source

	what Transfer
	done atomic.Int64
}

// Read is the source's own.
func (p *passage) Read(buffer []byte) (int, error) {
	n, err := p.Source.Read(buffer)
	p.done.Add(int64(n))
	return n, err
}

// begin returns the source to read from instead, until end is called.
func (p *passages) begin(id job.ID, name string, src job.Source) (watched job.Source, end func()) {
	one := &passage{Source: src, what: Transfer{Job: id, Name: name, Size: src.Size(), Since: time.Now().UTC()}}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.all == nil {
		p.all = map[*passage]struct{}{}
	}
	p.all[one] = struct{}{}
	return one, func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.all, one)
	}
}

// list returns the transfers, the one that has run for longest first.
func (p *passages) list() []Transfer {
	p.mu.Lock()
	defer p.mu.Unlock()
	list := make([]Transfer, 0, len(p.all))
	for one := range p.all {
		now := one.what
		now.Done = one.done.Load()
		list = append(list, now)
	}
	slices.SortFunc(list, func(a, b Transfer) int {
		return cmp.Or(a.Since.Compare(b.Since), cmp.Compare(a.Job, b.Job), cmp.Compare(a.Name, b.Name))
	})
	return list
}

// Transfers are the files and payloads that this worker is storing right now,
// the one that has run for longest first. It may be called at any time.
func (w *Worker) Transfers() []Transfer { return w.passages.list() }
