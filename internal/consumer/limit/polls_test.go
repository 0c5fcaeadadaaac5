package limit

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
)

func plenty() int { return 1000 }

func TestIdleLaneListensWithItsShare(t *testing.T) {
	t.Parallel()
	p := NewPolls(64, false, plenty)
	req, err := p.Take(t.Context(), Due)
	require.NoError(t, err)
	require.Equal(t, Request{Count: 8}, req)
}

func TestPendingMessagesTakeAllButTheOthersShare(t *testing.T) {
	t.Parallel()
	for _, l := range []Lane{Due, Submitted} {
		p := NewPolls(64, false, plenty)
		p.SetPending(l, 1000)
		req, err := p.Take(t.Context(), l)
		require.NoError(t, err)
		require.Equal(t, Request{Count: 56, Pending: true}, req, l)
		other, err := p.Take(t.Context(), Lanes-1-l)
		require.NoError(t, err)
		require.Equal(t, 8, other.Count)
	}
}

func TestRequestIsNeverLargerThanWhatIsPending(t *testing.T) {
	t.Parallel()
	p := NewPolls(64, false, plenty)
	p.SetPending(Submitted, 3)
	req, err := p.Take(t.Context(), Submitted)
	require.NoError(t, err)
	require.Equal(t, Request{Count: 3, Pending: true}, req)
}

func TestSubmissionsKeepOneSlotInEight(t *testing.T) {
	t.Parallel()
	p := NewPolls(64, false, plenty)
	p.SetPending(Due, 1000)
	p.SetPending(Submitted, 1000)
	var taken [Lanes]int
	for _, l := range []Lane{Submitted, Due} {
		req, err := p.Take(t.Context(), l)
		require.NoError(t, err)
		taken[l] = req.Count
	}
	require.Equal(t, [Lanes]int{Due: 56, Submitted: 8}, taken)
}

func TestTakeWaitsForARelease(t *testing.T) {
	t.Parallel()
	p := NewPolls(2, false, plenty)
	_, err := p.Take(t.Context(), Due)
	require.NoError(t, err)
	taken := make(chan Request)
	go func() {
		req, _ := p.Take(t.Context(), Due)
		taken <- req
	}()
	select {
	case <-taken:
		require.FailNow(t, "took a slot that is not free")
	default:
	}
	p.Release(Due, 1)
	require.Equal(t, 1, (<-taken).Count)
}

func TestTakeEndsWithItsContext(t *testing.T) {
	t.Parallel()
	p := NewPolls(2, false, plenty)
	_, err := p.Take(t.Context(), Due)
	require.NoError(t, err)
	ctx, cancel := context.WithCancelCause(t.Context())
	stop := errors.New("stop")
	cancel(stop)
	_, err = p.Take(ctx, Due)
	require.ErrorIs(t, err, stop)
}

func TestRateLimitedLanesShareTheRate(t *testing.T) {
	t.Parallel()
	p := NewPolls(64, true, plenty)
	p.SetPending(Due, 1000)
	p.SetPending(Submitted, 1000)
	served := [Lanes]int{}
	for range 80 {
		for _, l := range []Lane{Submitted, Due} {
			req, _ := p.tryTake(l)
			p.Release(l, req.Count)
			served[l] += req.Count
		}
	}
	require.InDelta(t, served[Due]/7, served[Submitted], 2)
}

func TestSingleSlotServesBothLanes(t *testing.T) {
	t.Parallel()
	p := NewPolls(1, false, plenty)
	for _, l := range []Lane{Due, Submitted} {
		req, err := p.Take(t.Context(), l)
		require.NoError(t, err)
		require.Equal(t, 1, req.Count)
	}
}

// TestJobsAreTakenForTheFreeTransfers: as many as are likely to need no more,
// at least one, and without a bound when none has a result.
func TestJobsAreTakenForTheFreeTransfers(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		free     int
		finished float64
		pending  uint64
		want     int
	}{
		"no result so far":           {free: 0, finished: 0, want: 56},
		"all have one":               {free: 20, finished: 1, want: 20},
		"all have one, no slot":      {free: 0, finished: 1, want: 1},
		"a quarter has, no slot":     {free: 0, finished: 0.25, want: 4},
		"a quarter has one":          {free: 5, finished: 0.25, want: 20},
		"free ones are for due jobs": {free: 5, finished: 1, pending: 1, want: 1},
	} {
		p := NewPolls(64, false, func() int { return c.free })
		p.finished[Submitted] = c.finished
		p.SetPending(Submitted, 1000)
		p.SetPending(Due, c.pending)
		req, _ := p.tryTake(Submitted)
		require.Equal(t, c.want, req.Count, name)
	}
}

func TestShareOfFinishedJobsFollowsThePolls(t *testing.T) {
	t.Parallel()
	p := NewPolls(64, false, plenty)
	for range 100 {
		p.ObservePoll(Due, true)
		p.ObservePoll(Submitted, false)
	}
	require.InDelta(t, 1, p.finished[Due], 0.01)
	require.Zero(t, p.finished[Submitted])
	for i := range 1000 {
		p.ObservePoll(Submitted, i%4 == 0)
	}
	require.InDelta(t, 0.25, p.finished[Submitted], 0.1)
}
