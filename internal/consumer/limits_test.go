package consumer

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jobferry/jobferry/internal/broker"
	"github.com/jobferry/jobferry/internal/consumer/limit"
	"github.com/jobferry/jobferry/internal/job"
	"github.com/jobferry/jobferry/internal/secret"
	"github.com/prometheus/client_golang/prometheus/testutil"
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
	// One is being stored and one waits for its slot; the others go round.
	h.eventually(func() bool {
		return testutil.ToFloat64(r.worker.metrics.timers.WithLabelValues(causeNoSlot)) >= 2*(count-2)
	}, "the jobs do not come again")
	for i := range count {
		id := job.ID("job-" + strconv.Itoa(i))
		require.Equal(t, 1, h.api.polled(id), "%s is known to be finished: it is polled with a slot in hand", id)
	}
	close(release)
	for i := range count {
		require.Equal(t, job.OutcomeCompleted, h.event(job.ID("job-"+strconv.Itoa(i))).Data.Status)
	}
	h.settledEverywhere()
	require.Zero(t, testutil.ToFloat64(r.worker.metrics.timers.WithLabelValues(causeRunning)))
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
	require.Less(t, testutil.ToFloat64(r.worker.metrics.polls.WithLabelValues(string(job.Completed))), float64(2*count))
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
	require.Zero(t, w.noSlot(stagePoll, &j, nil).delay)
	var last time.Duration
	for range 100 {
		c := w.noSlot(stagePoll, &j, nil)
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
	inUse := func() [limit.Lanes]int {
		return [limit.Lanes]int{r.worker.polls.InUse(limit.Due), r.worker.polls.InUse(limit.Submitted)}
	}
	h.eventually(func() bool { return h.listens(h.subjects.Jobs()) && h.listens(h.subjects.Wait()) }, "the worker does not listen")
	require.Zero(t, inUse())
	h.submit("a")
	h.eventually(func() bool { return inUse() == [limit.Lanes]int{limit.Submitted: 1} }, "a job in hand has no slot")
	close(release)
	h.settledEverywhere()
	h.eventually(func() bool { return inUse() == [limit.Lanes]int{} }, "the slot is not free again")
}

// listens reports whether a request for messages of a stream waits at the
// broker.
func (h *harness) listens(stream string) bool {
	consumer, err := h.js.Consumer(h.t.Context(), stream, broker.Durable)
	return err == nil && consumer.CachedInfo().NumWaiting > 0
}

// TestJobsWhosePollHangsGetHalfOfTheSlots: others are never behind them.
func TestJobsWhosePollHangsGetHalfOfTheSlots(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	var hanging atomic.Int64
	const count = 64
	for i := range count {
		id := job.ID("hangs-" + strconv.Itoa(i))
		h.api.script(id, func(ctx context.Context, _ int) (job.Answer, error) {
			hanging.Add(1)
			defer hanging.Add(-1)
			<-ctx.Done()
			return job.Answer{}, ctx.Err()
		})
		h.schedule(job.Job{ID: id, Hung: true, SubmittedAt: time.Now(), Deadline: time.Now().Add(time.Hour)}, time.Now())
	}
	h.start()
	h.eventually(func() bool { return hanging.Load() == int64(h.cfg.Polls/2) }, "half of the slots are theirs")
	for i := range 20 {
		id := job.ID("good-" + strconv.Itoa(i))
		h.api.script(id, completed)
		h.submit(string(id))
		require.Equal(t, job.OutcomeCompleted, h.event(id).Data.Status)
	}
	require.EqualValues(t, h.cfg.Polls/2, hanging.Load())
}

// TestFirstPollsThatHangHoldUpNoOther: nothing is known of these jobs before.
func TestFirstPollsThatHangHoldUpNoOther(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	var hanging atomic.Int64
	for i := range 3 * h.cfg.Polls {
		id := job.ID("hangs-" + strconv.Itoa(i))
		h.api.script(id, func(ctx context.Context, _ int) (job.Answer, error) {
			hanging.Add(1)
			defer hanging.Add(-1)
			<-ctx.Done()
			return job.Answer{}, context.Cause(ctx)
		})
		h.submit(string(id))
	}
	h.start()
	h.eventually(func() bool { return hanging.Load() == int64(h.cfg.Polls) }, "all slots are theirs at first")
	for i := range 20 {
		id := job.ID("good-" + strconv.Itoa(i))
		h.api.script(id, completed)
		h.submit(string(id))
		require.Equal(t, job.OutcomeCompleted, h.event(id).Data.Status)
	}
	h.eventually(func() bool { return hanging.Load() == int64(h.cfg.Polls/2) }, "half of the slots are theirs in the end")
}

// TestAHostThatBringsNothingHoldsUpNoOther: its jobs get one connection at a time,
// and the API is not asked about the others meanwhile.
func TestAHostThatBringsNothingHoldsUpNoOther(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	var connections, most, tried atomic.Int64
	h.api.open = func(ctx context.Context, id job.ID, _ int) (job.Source, error) {
		if strings.HasPrefix(string(id), "good") {
			return &textPayload{strings.NewReader("x")}, nil
		}
		for n, seen := connections.Add(1), most.Load(); n > seen && !most.CompareAndSwap(seen, n); seen = most.Load() {
		}
		defer connections.Add(-1)
		defer tried.Add(1)
		select {
		case <-time.After(50 * time.Millisecond):
		case <-ctx.Done():
		}
		return nil, &job.Error{Class: job.ClassStalled, By: job.FileHost, Err: errors.New("nothing came")}
	}
	on := func(host string) func(context.Context, int) (job.Answer, error) {
		return func(context.Context, int) (job.Answer, error) {
			answer := files(1)
			answer.Files[0].URL = secret.New("https://" + host + "/f")
			return answer, nil
		}
	}
	for i := range 40 {
		id := job.ID("dead-" + strconv.Itoa(i))
		h.api.script(id, on("dead.test"))
		h.submit(string(id))
	}
	h.start()
	h.eventually(func() bool { return tried.Load() >= 3 }, "the host is not tried")
	for i := range 20 {
		id := job.ID("good-" + strconv.Itoa(i))
		h.api.script(id, on("good.test"))
		h.submit(string(id))
		require.Equal(t, job.OutcomeCompleted, h.event(id).Data.Status)
	}
	require.LessOrEqual(t, most.Load(), int64(h.cfg.Transfers/2))
}
