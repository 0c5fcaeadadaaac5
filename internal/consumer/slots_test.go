package consumer

import (
	"context"
	"errors"
	"testing"

	"github.com/jobferry/jobferry/internal/job"
	"github.com/stretchr/testify/require"
)

func plenty() int { return 1000 }

func TestIdleLaneListensWithItsShare(t *testing.T) {
	t.Parallel()
	s := newSlots(64, false, plenty)
	req, err := s.take(t.Context(), due)
	require.NoError(t, err)
	require.Equal(t, request{count: 8}, req)
}

func TestBacklogTakesAllButTheOthersShare(t *testing.T) {
	t.Parallel()
	for _, l := range []lane{due, fresh} {
		s := newSlots(64, false, plenty)
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
	s := newSlots(64, false, plenty)
	s.note(fresh, 3)
	req, err := s.take(t.Context(), fresh)
	require.NoError(t, err)
	require.Equal(t, request{count: 3, backlog: true}, req)
}

func TestFreshJobsKeepOneSlotInEight(t *testing.T) {
	t.Parallel()
	s := newSlots(64, false, plenty)
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
	s := newSlots(2, false, plenty)
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
	s := newSlots(2, false, plenty)
	_, err := s.take(t.Context(), due)
	require.NoError(t, err)
	ctx, cancel := context.WithCancelCause(t.Context())
	stop := errors.New("stop")
	cancel(stop)
	_, err = s.take(ctx, due)
	require.ErrorIs(t, err, stop)
}

// TestIdleWorkerHasItsSlotsFree: those that a request holds while it waits for
// messages make no pod full.
func TestIdleWorkerHasItsSlotsFree(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	release := make(chan struct{})
	h.api.script("a", func(ctx context.Context, _ int) (job.Answer, error) {
		select {
		case <-release:
		case <-ctx.Done():
		}
		return text("done"), nil
	})
	r := h.start()
	inUse := func() [lanes]float64 {
		return [lanes]float64{r.value(t, "jobferry_slots_in_use", "poll_due"), r.value(t, "jobferry_slots_in_use", "poll_fresh")}
	}
	h.eventually(func() bool { return h.listens(h.names.Jobs()) && h.listens(h.names.Wait()) }, "the worker does not listen")
	require.Zero(t, inUse())
	h.submit("a")
	h.eventually(func() bool { return inUse() == [lanes]float64{fresh: 1} }, "a job in hand has no slot")
	close(release)
	h.settledEverywhere()
	h.eventually(func() bool { return inUse() == [lanes]float64{} }, "the slot is not free again")
}

// listens reports whether a request for messages of a stream waits at the
// broker.
func (h *harness) listens(stream string) bool {
	consumer, err := h.js.Consumer(h.t.Context(), stream, Durable)
	return err == nil && consumer.CachedInfo().NumWaiting > 0
}

func TestPacedLanesShareTheRate(t *testing.T) {
	t.Parallel()
	s := newSlots(64, true, plenty)
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
	s := newSlots(1, false, plenty)
	for _, l := range []lane{due, fresh} {
		req, err := s.take(t.Context(), l)
		require.NoError(t, err)
		require.Equal(t, 1, req.count)
	}
}

// TestJobsAreTakenForThePlacesThereAre: as many as are likely to need no more,
// at least one, and without a bound when none has a result.
func TestJobsAreTakenForThePlacesThereAre(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		places   int
		finished float64
		backlog  uint64
		want     int
	}{
		"no result so far":        {places: 0, finished: 0, want: 56},
		"all have one":            {places: 20, finished: 1, want: 20},
		"all have one, no place":  {places: 0, finished: 1, want: 1},
		"a quarter has, no place": {places: 0, finished: 0.25, want: 4},
		"a quarter has one":       {places: 5, finished: 0.25, want: 20},
		"places are for due jobs": {places: 5, finished: 1, backlog: 1, want: 1},
	} {
		s := newSlots(64, false, func() int { return c.places })
		s.finished[fresh] = c.finished
		s.note(fresh, 1000)
		s.note(due, c.backlog)
		req, _ := s.tryTake(fresh)
		require.Equal(t, c.want, req.count, name)
	}
}

func TestShareOfFinishedJobsFollowsThePolls(t *testing.T) {
	t.Parallel()
	s := newSlots(64, false, plenty)
	for range 100 {
		s.polled(due, true)
		s.polled(fresh, false)
	}
	require.InDelta(t, 1, s.finished[due], 0.01)
	require.Zero(t, s.finished[fresh])
	for i := range 1000 {
		s.polled(fresh, i%4 == 0)
	}
	require.InDelta(t, 0.25, s.finished[fresh], 0.1)
}
