package limit_test

import (
	"testing"
	"time"

	"github.com/jobferry/jobferry/internal/consumer/limit"
	"github.com/stretchr/testify/require"
)

func TestASlowPollIsFarSlowerThanOthers(t *testing.T) {
	t.Parallel()
	var latency limit.Latency
	_, ok := latency.Slow()
	require.False(t, ok, "nothing is known yet")

	latency.Observe(20 * time.Millisecond)
	after, ok := latency.Slow()
	require.True(t, ok)
	require.Equal(t, 2*time.Second, after, "at least")

	for range 200 { // an API that takes its time
		latency.Observe(35 * time.Second)
	}
	after, _ = latency.Slow()
	require.InDelta(t, 350*time.Second, after, float64(time.Second))
}
