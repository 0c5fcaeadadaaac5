package consumer

import (
	"context"
	"sync/atomic"

	"golang.org/x/sync/semaphore"
)

// berths hands out the transfer slots, one for each file being streamed, in
// the order of asking. As many finished jobs again may wait for one; and no
// more than both together are in hand until they are concluded, lest a broker
// that takes no events fill the pod with finished jobs.
type berths struct {
	total   int
	files   *semaphore.Weighted
	lobby   *semaphore.Weighted
	onBoard *semaphore.Weighted

	inUse, inLobby, aboard atomic.Int64
}

func newBerths(total int) *berths {
	return &berths{
		total:   total,
		files:   semaphore.NewWeighted(int64(total)),
		lobby:   semaphore.NewWeighted(int64(total)),
		onBoard: semaphore.NewWeighted(2 * int64(total)),
	}
}

// enter takes a finished job in, or reports false when there are too many. The
// job exits when it has been concluded.
func (b *berths) enter() bool {
	if !b.onBoard.TryAcquire(1) {
		return false
	}
	b.aboard.Add(1)
	return true
}

func (b *berths) exit() {
	b.aboard.Add(-1)
	b.onBoard.Release(1)
}

// places is about how many more finished jobs would be taken in and boarded
// now.
func (b *berths) places() int {
	free := 2*int64(b.total) - max(b.aboard.Load(), b.inUse.Load()+b.inLobby.Load())
	return int(max(free, 0))
}

// board takes the first slot of a job, waiting for it in the lobby. It reports
// false when the lobby is full. waiting is called before it waits.
func (b *berths) board(ctx context.Context, waiting func()) (bool, error) {
	if b.files.TryAcquire(1) {
		b.inUse.Add(1)
		return true, nil
	}
	if !b.lobby.TryAcquire(1) {
		return false, nil
	}
	b.inLobby.Add(1)
	defer b.lobby.Release(1)
	defer b.inLobby.Add(-1)
	waiting()
	return true, b.take(ctx)
}

// take waits for a slot.
func (b *berths) take(ctx context.Context) error {
	if err := b.files.Acquire(ctx, 1); err != nil {
		return context.Cause(ctx)
	}
	b.inUse.Add(1)
	return nil
}

// leave gives a slot back.
func (b *berths) leave() {
	b.inUse.Add(-1)
	b.files.Release(1)
}
