package consumer

import (
	"context"
	"slices"
	"strconv"
	"testing"
	"time"

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

// TestFinishedJobsComeOneAfterTheOther: a hundred thousand that wait for a slot do not
// ask all at once, and none waits beyond the horizon.
func TestFinishedJobsComeOneAfterTheOther(t *testing.T) {
	t.Parallel()
	w := new(Worker)
	j := job.Job{ID: "a"}
	require.Zero(t, w.crowdedOut(&j).delay, "another pod may have a slot")
	var last time.Duration
	for range 100_000 {
		c := w.crowdedOut(&j)
		require.False(t, c.charge)
		require.Positive(t, c.delay)
		require.LessOrEqual(t, c.delay, horizon)
		last = max(last, c.delay)
	}
	require.Equal(t, 100_001, j.Crowded)
	require.Greater(t, last, horizon/2)
}

// TestTurnsFollowTheSlots: whatever the time between two slots that become
// free is, jobs come about as often, seldom in vain, and the slots are not left
// empty.
func TestTurnsFollowTheSlots(t *testing.T) {
	t.Parallel()
	for _, every := range []time.Duration{5 * time.Millisecond, 50 * time.Millisecond, time.Second} {
		turns, now := new(turns), time.Unix(0, 0)
		const jobs = 1000
		var waiting []time.Time // when each comes, in order
		for range jobs {
			waiting = append(waiting, now.Add(turns.take(now)))
		}
		slices.SortFunc(waiting, time.Time.Compare)
		freeAt, polls, done := now, 0, now
		for len(waiting) > 0 {
			now, waiting = waiting[0], waiting[1:]
			polls++
			if now.Before(freeAt) {
				again := now.Add(turns.take(now))
				at, _ := slices.BinarySearchFunc(waiting, again, time.Time.Compare)
				waiting = slices.Insert(waiting, at, again)
				continue
			}
			done, freeAt = now, now.Add(every)
			turns.leave(freeAt)
		}
		took := done.Sub(time.Unix(0, 0))
		require.Less(t, polls, jobs*(3+int(took/horizon)), "%v: a job is asked about in vain", every)
		require.Less(t, took, jobs*every*5/4+10*time.Second, "%v: slots are left empty", every)
	}
}
