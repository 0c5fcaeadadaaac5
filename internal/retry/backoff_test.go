package retry_test

import (
	"math"
	"testing"
	"time"

	"github.com/jobferry/jobferry/internal/retry"
	"github.com/stretchr/testify/require"
)

var policy = retry.Policy{Initial: time.Second, Max: 30 * time.Second, Multiplier: 1.5}

func TestDelayGrowsWithinItsJitter(t *testing.T) {
	t.Parallel()
	for attempt, base := range []time.Duration{
		time.Second, 1500 * time.Millisecond, 2250 * time.Millisecond, 3375 * time.Millisecond,
	} {
		for range 1000 {
			delay := policy.Delay(attempt)
			require.GreaterOrEqual(t, delay, base*8/10)
			require.LessOrEqual(t, delay, base*12/10+1)
		}
	}
}

func TestDelayIsNeverLongerThanMax(t *testing.T) {
	t.Parallel()
	for _, attempt := range []int{9, 10, 100, 10_000, math.MaxInt} {
		for range 100 {
			delay := policy.Delay(attempt)
			require.LessOrEqual(t, delay, policy.Max)
			require.GreaterOrEqual(t, delay, policy.Max*6/10)
		}
	}
}

func TestDelayOfANegativeAttemptIsTheFirst(t *testing.T) {
	t.Parallel()
	require.LessOrEqual(t, policy.Delay(-5), 1200*time.Millisecond+1)
}

func TestDelaysAreSpread(t *testing.T) {
	t.Parallel()
	seen := map[time.Duration]bool{}
	for range 100 {
		seen[policy.Delay(3)] = true
	}
	require.Greater(t, len(seen), 50, "jobs submitted together must not stay together")
}

func TestBackOffNeverGivesUp(t *testing.T) {
	t.Parallel()
	b := policy.BackOff()
	for range 1000 {
		delay := b.NextBackOff()
		require.Positive(t, delay)
		require.LessOrEqual(t, delay, policy.Max*12/10+1)
	}
}

func TestValidate(t *testing.T) {
	t.Parallel()
	require.NoError(t, policy.Validate())
	err := retry.Policy{Multiplier: 0.5, Max: -1}.Validate()
	require.ErrorContains(t, err, "initial")
	require.ErrorContains(t, err, "longest")
	require.ErrorContains(t, err, "multiplier")
	require.Error(t, retry.Policy{Initial: 1, Max: 1, Multiplier: math.NaN()}.Validate())
}

func BenchmarkDelay(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		policy.Delay(5)
	}
}
