package limit

import (
	"context"
	"sync/atomic"

	"golang.org/x/sync/semaphore"
)

// Transfers hands out the transfer slots, one for each file that is streamed,
// in the order of asking. As many finished jobs again may wait for one, and so may
// those that hold a poll slot meanwhile. All of them count until they are settled,
// so that a broker which takes no events does not fill the pod with finished jobs.
// It is safe for concurrent use.
type Transfers struct {
	total    int
	files    *semaphore.Weighted
	queue    *semaphore.Weighted // jobs that wait for their first slot
	polled   *semaphore.Weighted // jobs that wait for it with a poll slot
	admitted *semaphore.Weighted // finished jobs in the pod

	filesInUse, queued, jobs atomic.Int64
}

// NewTransfers returns total slots, for which up to polled jobs may wait that hold
// a poll slot.
func NewTransfers(total, polled int) *Transfers {
	return &Transfers{
		total:    total,
		files:    semaphore.NewWeighted(int64(total)),
		queue:    semaphore.NewWeighted(int64(total)),
		polled:   semaphore.NewWeighted(int64(polled)),
		admitted: semaphore.NewWeighted(2*int64(total) + int64(polled)),
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
// freePoll before it does. When the queue is full, a job that may keep its poll
// slot waits with it; any other gets [ErrNoSlot].
func (t *Transfers) AcquireFirst(ctx context.Context, freePoll func(), mayKeep bool) error {
	if t.files.TryAcquire(1) {
		t.filesInUse.Add(1)
		return nil
	}
	if !t.queue.TryAcquire(1) {
		if !mayKeep || !t.polled.TryAcquire(1) {
			return ErrNoSlot
		}
		defer t.polled.Release(1)
		return t.Acquire(ctx)
	}
	t.queued.Add(1)
	defer t.queue.Release(1)
	defer t.queued.Add(-1)
	freePoll()
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
