package limit

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jobferry/jobferry/internal/retry"
	"github.com/stretchr/testify/require"
)

func TestThrottleHoldsThePodBack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		th := NewThrottle(retry.Policy{Initial: time.Second, Max: time.Minute, Multiplier: 2})
		require.NoError(t, th.Wait(t.Context()))

		start := time.Now()
		th.Throttled(7 * time.Second)
		th.Throttled(3 * time.Second) // the longer one holds
		require.NoError(t, th.Wait(t.Context()))
		require.Equal(t, 7*time.Second, time.Since(start))

		start = time.Now()
		th.Throttled(0) // no time given: backoff, second step of the streak
		require.NoError(t, th.Wait(t.Context()))
		require.InDelta(t, 2*time.Second, time.Since(start), float64(time.Second))

		for range 10 { // polls that were in flight together
			th.Throttled(0)
		}
		require.InDelta(t, 4*time.Second, th.Left(), float64(2*time.Second), "a burst is one step, the third")
		require.NoError(t, th.Wait(t.Context()))
		th.Success()
		th.Throttled(0)
		require.InDelta(t, time.Second, th.Left(), float64(time.Second)/2, "a good answer ends the streak")
		require.NoError(t, th.Wait(t.Context()))

		th.Throttled(time.Hour)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		require.ErrorIs(t, th.Wait(ctx), context.DeadlineExceeded)
	})
}
