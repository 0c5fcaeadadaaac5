package limit

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestTransfersQueueAsManyJobsAsThereAreSlots(t *testing.T) {
	t.Parallel()
	slots := NewTransfers(1, 0)
	require.NoError(t, slots.Admit())
	require.NoError(t, slots.AcquireFirst(t.Context(), func() { require.Fail(t, "there is a free slot") }, false))
	require.NoError(t, slots.Admit())
	waiting, acquired := make(chan struct{}), make(chan error)
	go func() { acquired <- slots.AcquireFirst(t.Context(), func() { close(waiting) }, false) }()
	<-waiting
	require.ErrorIs(t, slots.Admit(), ErrNoSlot, "one is streamed and one waits")
	require.ErrorIs(t, slots.AcquireFirst(t.Context(), func() {}, false), ErrNoSlot, "the queue is full")
	require.Zero(t, slots.Free())
	slots.Release()
	require.NoError(t, <-acquired)
	slots.Release()
	slots.Done()
	slots.Done()
	require.Equal(t, 2, slots.Free())
	require.Zero(t, slots.InUse())
}

func TestAcquireEndsWithItsContext(t *testing.T) {
	t.Parallel()
	slots := NewTransfers(1, 0)
	require.NoError(t, slots.Acquire(t.Context()))
	stop := errors.New("stop")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(stop)
	require.ErrorIs(t, slots.Acquire(ctx), stop)
}
