package consumer

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestIdleLaneListensWithItsShare(t *testing.T) {
	t.Parallel()
	s := newSlots(64, false)
	req, err := s.take(t.Context(), due)
	require.NoError(t, err)
	require.Equal(t, request{count: 8}, req)
}

func TestBacklogTakesAllButTheOthersShare(t *testing.T) {
	t.Parallel()
	for _, l := range []lane{due, fresh} {
		s := newSlots(64, false)
		s.note(l, 1000)
		req, err := s.take(t.Context(), l)
		require.NoError(t, err)
		require.Equal(t, request{count: 56, backlog: true}, req, l)
		other, err := s.take(t.Context(), lanes-1-l)
		require.NoError(t, err)
		require.Equal(t, 8, other.count)
	}
}

func TestRequestIsNeverLargerThanTheBacklog(t *testing.T) {
	t.Parallel()
	s := newSlots(64, false)
	s.note(fresh, 3)
	req, err := s.take(t.Context(), fresh)
	require.NoError(t, err)
	require.Equal(t, request{count: 3, backlog: true}, req)
}

func TestFreshJobsKeepOneSlotInEight(t *testing.T) {
	t.Parallel()
	s := newSlots(64, false)
	s.note(due, 1000)
	s.note(fresh, 1000)
	var taken [lanes]int
	for _, l := range []lane{fresh, due} {
		req, err := s.take(t.Context(), l)
		require.NoError(t, err)
		taken[l] = req.count
	}
	require.Equal(t, [lanes]int{due: 56, fresh: 8}, taken)
}

func TestTakeWaitsForARelease(t *testing.T) {
	t.Parallel()
	s := newSlots(2, false)
	_, err := s.take(t.Context(), due)
	require.NoError(t, err)
	taken := make(chan request)
	go func() {
		req, _ := s.take(t.Context(), due)
		taken <- req
	}()
	select {
	case <-taken:
		require.FailNow(t, "took a slot that is not free")
	default:
	}
	s.release(due, 1)
	require.Equal(t, 1, (<-taken).count)
}

func TestTakeEndsWithItsContext(t *testing.T) {
	t.Parallel()
	s := newSlots(2, false)
	_, err := s.take(t.Context(), due)
	require.NoError(t, err)
	ctx, cancel := context.WithCancelCause(t.Context())
	stop := errors.New("stop")
	cancel(stop)
	_, err = s.take(ctx, due)
	require.ErrorIs(t, err, stop)
}

func TestPacedLanesShareTheRate(t *testing.T) {
	t.Parallel()
	s := newSlots(64, true)
	s.note(due, 1000)
	s.note(fresh, 1000)
	served := [lanes]int{}
	for range 80 {
		for _, l := range []lane{fresh, due} {
			req, _ := s.tryTake(l)
			s.release(l, req.count)
			served[l] += req.count
		}
	}
	require.InDelta(t, served[due]/7, served[fresh], 2)
}

func TestSingleSlotServesBothLanes(t *testing.T) {
	t.Parallel()
	s := newSlots(1, false)
	for _, l := range []lane{due, fresh} {
		req, err := s.take(t.Context(), l)
		require.NoError(t, err)
		require.Equal(t, 1, req.count)
	}
}
