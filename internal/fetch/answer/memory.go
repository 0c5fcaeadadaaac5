package answer

import (
	"errors"
	"sync"

	"github.com/jobferry/jobferry/internal/job"
)

// The memory of all lists of files that a client holds at a time, from the
// reading of an answer until it is closed, in bytes.
const (
	listMemory = 128 << 20
	// shortList is as much as some 300 files need, and listReserve what only
	// lists up to that length may take: a result of a few files must not wait
	// until one of very many has been stored.
	shortList   = 512 << 10
	listReserve = 8 << 20
	// listStep is how much is asked for at a time.
	listStep = 64 << 10
)

// errListsFull is an answer whose list does not fit beside those that are held.
var errListsFull = errors.New("the lists of files of other results take up the memory that there is for lists; this one waits")

// memoryBudget bounds what all lists of files hold together. It is safe for
// concurrent use.
type memoryBudget struct {
	total    int64
	reserved int64 // for short lists only
	short    int64 // the longest list that is short

	mu   sync.Mutex
	held int64
}

func newMemoryBudget() *memoryBudget {
	return &memoryBudget{total: listMemory, reserved: listReserve, short: shortList}
}

// longest is what one list may hold at most, with no other one beside it.
func (b *memoryBudget) longest() int64 { return b.total - b.reserved }

// take adds so many bytes to a list, which then has that length, or reports that
// there is no room for them.
func (b *memoryBudget) take(more, length int64) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	limit := b.total
	if length > b.short {
		limit = b.longest()
	}
	if b.held+more > limit {
		return false
	}
	b.held += more
	return true
}

// reserve returns an empty reservation.
func (b *memoryBudget) reserve() *reservation { return &reservation{budget: b} }

// reservation is one list's part of a budget. It grows in one goroutine.
type reservation struct {
	budget  *memoryBudget
	length  int64 // of the list
	charged int64 // of the budget, never less; guarded by the budget's mutex once the list is read
}

// grow makes room for so many bytes more of the list. A list that is longer than
// the whole budget ends its job; any other one may be read later.
func (r *reservation) grow(bytes int64) error {
	r.length += bytes
	if r.length <= r.charged {
		return nil
	}
	if r.length > r.budget.longest() {
		return job.Fail(job.ReasonResultTooLarge, "the list of the result's files takes more than %d bytes of memory", r.budget.longest())
	}
	more := min((r.length-r.charged+listStep-1)/listStep*listStep, r.budget.longest()-r.charged)
	if !r.budget.take(more, r.charged+more) {
		return &job.Error{Class: job.ClassNoRoom, By: job.API, Err: errListsFull}
	}
	r.charged += more
	return nil
}

// release gives everything back. It may be called again.
func (r *reservation) release() {
	r.budget.mu.Lock()
	defer r.budget.mu.Unlock()
	r.budget.held -= r.charged
	r.length, r.charged = 0, 0
}
