package consumer

import (
	"context"
	"strconv"
	"testing"

	"github.com/jobferry/jobferry/internal/job"
	"github.com/stretchr/testify/require"
)

func TestFinishedJobsWithoutASlotGoRoundUncharged(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.cfg.Transfers = 1
	release := make(chan struct{})
	h.store.put = func(ctx context.Context, _ job.Job, _ string) error {
		select {
		case <-release:
		case <-ctx.Done():
		}
		return nil
	}
	const count = 10
	for i := range count {
		id := job.ID("job-" + strconv.Itoa(i))
		h.api.script(id, completed)
		h.submit(string(id))
	}
	r := h.start()
	again := func() (jobs int) {
		for i := range count {
			if h.api.polled(job.ID("job-"+strconv.Itoa(i))) > 2 {
				jobs++
			}
		}
		return jobs
	}
	// One is being stored and one waits for its slot; the others go round.
	h.eventually(func() bool { return again() == count-2 }, "the jobs do not come again")
	close(release)
	for i := range count {
		require.Equal(t, job.OutcomeCompleted, h.event(job.ID("job-"+strconv.Itoa(i))).Data.Status)
	}
	h.settledEverywhere()
	require.GreaterOrEqual(t, r.value(t, "jobferry_timers_armed_total", causeNoSlot), float64(2*(count-2)))
	require.Zero(t, r.value(t, "jobferry_timers_armed_total", causeRunning))
}

func TestRoundsOfAJobWithoutASlotGrowLonger(t *testing.T) {
	t.Parallel()
	j := job.Job{ID: "a"}
	require.Zero(t, crowdedOut(&j).delay, "another pod may have a slot")
	last := crowdedOut(&j).delay
	require.Positive(t, last)
	for range 20 {
		c := crowdedOut(&j)
		require.False(t, c.charge)
		require.LessOrEqual(t, c.delay, crowdedBackoff.Max)
		last = c.delay
	}
	require.Greater(t, last, crowdedBackoff.Max/2)
	require.Equal(t, 22, j.Crowded)
}
