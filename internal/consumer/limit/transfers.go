package limit

import (
	"context"
	"sync/atomic"

	"golang.org/x/sync/semaphore"
)

// Transfers hands out the transfer slots, one for each file that is streamed,
// in the order of asking. As many finished jobs again may wait for one. All of
// them count until they are settled, so that a broker which takes no events
// does not fill the pod with finished jobs. It is safe for concurrent use.
type Transfers struct {
	total    int
	files    *semaphore.Weighted
	queue    *semaphore.Weighted // jobs that wait for their first slot
	admitted *semaphore.Weighted // finished jobs in the pod

	filesInUse, queued, jobs atomic.Int64
}

// NewTransfers returns total slots.
func NewTransfers(total int) *Transfers {
	return &Transfers{
		total:    total,
		files:    semaphore.NewWeighted(int64(total)),
		queue:    semaphore.NewWeighted(int64(total)),
		admitted: semaphore.NewWeighted(2 * int64(total)),
	}
}

// Total is how many slots there are.
func (t *Transfers) Total() int { return t.total }

// Admit takes a finished job in, or returns [ErrNoSlot] when there are too
// many. Done ends its stay.
func (t *Transfers) Admit() error {
	if !t.admitted.TryAcquire(1) {
		return ErrNoSlot
	}
	t.jobs.Add(1)
	return nil
}

// Done notes that an admitted job has been settled.
func (t *Transfers) Done() {
	t.jobs.Add(-1)
	t.admitted.Release(1)
}

// Free is about how many more finished jobs would be admitted and queued now.
func (t *Transfers) Free() int {
	free := 2*int64(t.total) - max(t.jobs.Load(), t.filesInUse.Load()+t.queued.Load())
	return int(max(free, 0))
}

// AcquireFirst takes the first slot of a job. It waits in the queue, and calls
// waiting before it does. When the queue is full it returns [ErrNoSlot].
func (t *Transfers) AcquireFirst(ctx context.Context, waiting func()) error {
	if t.files.TryAcquire(1) {
		t.filesInUse.Add(1)
		return nil
	}
	if !t.queue.TryAcquire(1) {
		return ErrNoSlot
	}
	t.queued.Add(1)
	defer t.queue.Release(1)
	defer t.queued.Add(-1)
	waiting()
	return t.Acquire(ctx)
}

// Acquire waits for a slot.
func (t *Transfers) Acquire(ctx context.Context) error {
	if err := t.files.Acquire(ctx, 1); err != nil {
		return context.Cause(ctx)
	}
	t.filesInUse.Add(1)
	return nil
}

// Release gives a slot back.
func (t *Transfers) Release() {
	t.filesInUse.Add(-1)
	t.files.Release(1)
}

// InUse is how many files are streamed.
func (t *Transfers) InUse() int { return int(t.filesInUse.Load()) }
