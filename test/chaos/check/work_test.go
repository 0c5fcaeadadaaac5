package check_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/jobferry/jobferry/test/chaos/check"
)

// doubledBy is what is doubled by the work of one job.
func doubledBy(work check.Work) check.Doubled {
	return check.Run(check.Observation{
		Work:    map[string]check.Work{"j": work},
		Backoff: check.Backoff{Initial: time.Second, Max: 3 * time.Second, Multiplier: 2, Jitter: 0.2},
	}).Doubled
}

func TestDownloadsBeyondOneAreDoubledUnlessAFaultMadeThemNecessary(t *testing.T) {
	t.Parallel()
	d := doubledBy(check.Work{Files: []check.FileWork{
		{Size: 100, Downloads: 1, Bytes: 100},
		{Size: 100, Downloads: 4, Bytes: 330, ExtraDownloads: 1, ExtraBytes: 30},
		{Size: 100, Downloads: 2, Bytes: 100, ExtraDownloads: 3},
		{Size: 100}, // delivered elsewhere
	}})
	require.Equal(t, 2, d.Downloads)
	require.Equal(t, 3, d.Files)
	require.Equal(t, int64(200), d.Bytes)
	require.Equal(t, int64(300), d.FileBytes)
	require.Equal(t, 1, d.Jobs)
}

// The shortest delays of that backoff are 0.8, 1.6, and 2 s ever after: 3 s
// less the room for the jitter above, less the jitter below.
func TestPollsAreBoundedByTheShortestDelaysOfTheBackoff(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		duration time.Duration
		least    int
		extra    int
		want     int
	}{
		{0, 0, 0, 1},
		{time.Millisecond, 0, 0, 2},
		{800 * time.Millisecond, 0, 0, 2},
		{801 * time.Millisecond, 0, 0, 3},
		{2400 * time.Millisecond, 0, 0, 3},
		{2401 * time.Millisecond, 0, 0, 4},
		{4400 * time.Millisecond, 0, 0, 4},
		{4401 * time.Millisecond, 0, 0, 5},
		{6401 * time.Millisecond, 0, 0, 6},
		{0, 4, 0, 5},
		{time.Second, 0, 2, 5},
	} {
		polls := make([]time.Time, c.want+2)
		d := doubledBy(check.Work{Duration: c.duration, LeastPolls: c.least, ExtraPolls: c.extra, Polls: polls})
		require.Equal(t, c.want, d.PollsAsked, c)
		require.Equal(t, 2, d.Polls, c)
		require.Equal(t, c.want+2, d.Polled, c)
		require.Equal(t, 1, d.Jobs, c)
	}
}

func TestNoTimerFiresSoonerThanAQuarterOfASecond(t *testing.T) {
	t.Parallel()
	d := check.Run(check.Observation{
		Work:    map[string]check.Work{"j": {Duration: time.Second}},
		Backoff: check.Backoff{Initial: time.Millisecond, Max: time.Millisecond, Multiplier: 1, Jitter: 0.2},
	}).Doubled
	require.Equal(t, 5, d.PollsAsked)
}
