package consumer

import (
	"context"
	"errors"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jobferry/jobferry/internal/broker"
	"github.com/jobferry/jobferry/internal/consumer/limit"
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

// TestFinishedJobsAreLeftInTheQueue: a pod whose slots are taken does not ask
// about many more jobs whose results it cannot take.
func TestFinishedJobsAreLeftInTheQueue(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.cfg.Transfers = 2
	next := make(chan struct{})
	h.store.put = func(ctx context.Context, _ job.Job, _ string) error {
		select {
		case <-next:
		case <-ctx.Done():
		}
		return nil
	}
	const count = 200
	for i := range count {
		id := job.ID("job-" + strconv.Itoa(i))
		h.api.script(id, completed)
		h.submit(string(id))
	}
	r := h.start()
	for range count {
		next <- struct{}{}
	}
	h.settledEverywhere()
	require.Less(t, r.value(t, "jobferry_polls_total", string(job.Completed)), float64(2*count))
}

// TestAnswerWithoutRoomIsNoFailureOfTheAPI: the pod has too much in hand.
func TestAnswerWithoutRoomIsNoFailureOfTheAPI(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.cfg.Polls = 2 * limit.ManyFailures
	for i := range 2 * limit.ManyFailures {
		id := job.ID("job-" + strconv.Itoa(i))
		h.api.script(id, func(_ context.Context, n int) (job.Answer, error) {
			if n == 1 {
				return job.Answer{}, &job.Error{Class: job.ClassNoRoom, By: job.API, Err: errors.New("lists are full")}
			}
			return text("done"), nil
		})
		h.submit(string(id))
	}
	var probes atomic.Int64
	h.api.probe = func() error {
		probes.Add(1)
		return nil
	}
	h.start()
	h.settledEverywhere()
	require.LessOrEqual(t, probes.Load(), int64(1), "beside the one at the start")
}

// TestFinishedJobsLookForASlotLessAndLess: at once the first time, for another
// pod may have one, and never so seldom that slots stay empty.
func TestFinishedJobsLookForASlotLessAndLess(t *testing.T) {
	t.Parallel()
	w := new(Worker)
	j := job.Job{ID: "a"}
	require.Zero(t, w.noTransferSlot(stagePoll, &j, nil).delay)
	var last time.Duration
	for range 100 {
		c := w.noTransferSlot(stagePoll, &j, nil)
		require.False(t, c.charge)
		require.Positive(t, c.delay)
		require.LessOrEqual(t, c.delay, noSlotBackoff.Max)
		last = c.delay
	}
	require.Equal(t, 101, j.SlotWaits)
	require.Greater(t, last, noSlotBackoff.Max/2)
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
	inUse := func() [limit.Lanes]float64 {
		return [limit.Lanes]float64{r.value(t, "jobferry_slots_in_use", "poll_due"), r.value(t, "jobferry_slots_in_use", "poll_fresh")}
	}
	h.eventually(func() bool { return h.listens(h.subjects.Jobs()) && h.listens(h.subjects.Wait()) }, "the worker does not listen")
	require.Zero(t, inUse())
	h.submit("a")
	h.eventually(func() bool { return inUse() == [limit.Lanes]float64{limit.Submitted: 1} }, "a job in hand has no slot")
	close(release)
	h.settledEverywhere()
	h.eventually(func() bool { return inUse() == [limit.Lanes]float64{} }, "the slot is not free again")
}

// listens reports whether a request for messages of a stream waits at the
// broker.
func (h *harness) listens(stream string) bool {
	consumer, err := h.js.Consumer(h.t.Context(), stream, broker.Durable)
	return err == nil && consumer.CachedInfo().NumWaiting > 0
}
