package watchdog_test

import (
	"testing"
	"time"

	"github.com/jobferry/jobferry/internal/fetch/watchdog"
	"github.com/stretchr/testify/require"
)

func TestMinRateCountsSlowWindowsInARow(t *testing.T) {
	t.Parallel()
	m := watchdog.MinRate{Rate: 10, Window: time.Second}
	window := func(n int) error { return m.Add(n, time.Second) }
	require.ErrorIs(t, window(9), watchdog.ErrSlow)
	require.ErrorIs(t, window(0), watchdog.ErrSlow)
	require.Equal(t, 2, m.Slow())
	require.NoError(t, window(10))
	require.Zero(t, m.Slow())
	require.ErrorIs(t, m.Add(19, 2*time.Second), watchdog.ErrSlow)
	require.Equal(t, 1, m.Slow())

	// Within a window nothing is said.
	require.NoError(t, m.Add(0, time.Second-1))
	require.NoError(t, m.Add(10, 1))
	require.NoError(t, (&watchdog.MinRate{}).Add(0, time.Hour))
}
