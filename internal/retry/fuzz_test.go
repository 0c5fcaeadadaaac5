package retry_test

import (
	"math"
	"testing"
	"time"

	"github.com/jobferry/jobferry/internal/retry"
	"github.com/stretchr/testify/require"
)

// FuzzDelay: the attempt comes from a timer, and so from outside; the policy
// from the operator. Whatever they are, a wait is neither none nor too long.
func FuzzDelay(f *testing.F) {
	f.Add(int64(time.Second), int64(30*time.Second), 1.5, 3)
	f.Add(int64(1), int64(1), 1.0, -1)
	f.Add(int64(time.Second), int64(math.MaxInt64), 1e300, math.MaxInt)
	f.Add(int64(5), int64(4), 2.0, 0)
	f.Add(int64(1), int64(2), math.NaN(), 1)
	f.Fuzz(func(t *testing.T, initial, most int64, multiplier float64, attempt int) {
		p := retry.Policy{Initial: time.Duration(initial), Max: time.Duration(most), Multiplier: multiplier}
		if p.Validate() != nil {
			return
		}
		delay := p.Delay(attempt)
		require.GreaterOrEqual(t, delay, time.Duration(0))
		require.LessOrEqual(t, delay, p.Max)
		least := min(float64(initial), float64(most)/2) * 0.7
		require.GreaterOrEqual(t, float64(delay), math.Floor(least)-1)
	})
}
