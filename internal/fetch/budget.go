package fetch

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

// budget bounds what lists of files hold, all together. It is safe for
// concurrent use.
type budget struct {
	total, reserve, short int64

	mu   sync.Mutex
	held int64
}

func newBudget() *budget {
	return &budget{total: listMemory, reserve: listReserve, short: shortList}
}

// longest is what one list may hold at most, with no other one beside it.
func (b *budget) longest() int64 { return b.total - b.reserve }

// take gives so many bytes more to a list, which is of that length then, or
// reports that there are not as many.
func (b *budget) take(more, length int64) bool {
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

// holding is one list's part of a budget. It grows in one goroutine.
type holding struct {
	budget  *budget
	length  int64 // of the list
	charged int64 // of the budget, never less; guarded by the budget's mutex once the list is read
}

// grow makes room for so many bytes more of the list. The error says what is to
// be done with the job: a list that no waiting would make room for is too
// large.
func (h *holding) grow(bytes int64) error {
	h.length += bytes
	if h.length <= h.charged {
		return nil
	}
	if h.length > h.budget.longest() {
		return job.Fail(job.ReasonResultTooLarge, "the list of the result's files takes more than %d bytes of memory", h.budget.longest())
	}
	more := min((h.length-h.charged+listStep-1)/listStep*listStep, h.budget.longest()-h.charged)
	if !h.budget.take(more, h.charged+more) {
		return &job.Error{Class: job.ClassNoRoom, By: job.API, Err: errListsFull}
	}
	h.charged += more
	return nil
}

// release gives everything back. It may be called again.
func (h *holding) release() {
	h.budget.mu.Lock()
	defer h.budget.mu.Unlock()
	h.budget.held -= h.charged
	h.length, h.charged = 0, 0
}
