package test

import (
	"fmt"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jobferry/jobferry/internal/broker"
	"github.com/jobferry/jobferry/internal/fleet"
	"github.com/jobferry/jobferry/internal/job"
	"github.com/jobferry/jobferry/internal/simulator"
	"github.com/stretchr/testify/require"
)

// must runs a command of the worker that has to succeed.
func (w *world) must(args ...string) string {
	w.t.Helper()
	status, stdout, stderr := w.run("", args...)
	require.Zero(w.t, status, stderr)
	return stdout
}

// fleet is what the commands do, without the commands.
func (w *world) fleet() *fleet.Fleet {
	w.t.Helper()
	names, err := broker.NewSubjects("jobs")
	require.NoError(w.t, err)
	return fleet.New(w.js, names)
}

// settledTwice waits until the worker has found the event of a job taken.
func (p *process) settledTwice() {
	p.t.Helper()
	require.Eventually(p.t, func() bool {
		_, metrics := get(p.t, p.url()+"/metrics")
		return strings.Contains(metrics, `jobferry_duplicates_dropped_total{job="settled"} 1`)
	}, patience, 20*time.Millisecond, "the worker does not find the event")
}

// TestCancelOfAJobThatIsBeingStored: its worker finds the event when it is done,
// whether it came by its submission or by a timer.
func TestCancelOfAJobThatIsBeingStored(t *testing.T) {
	t.Parallel()
	for _, polls := range []int{0, 1} {
		t.Run(fmt.Sprintf("after %d polls", polls), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			p := w.start(nil)
			p.ready()
			release := make(chan struct{})
			j := stalling("a", release)
			j.Polls = polls
			w.add(j)
			w.inTransfer("a")
			require.Contains(t, w.must("cancel", "a"), "a worker had it in hand")
			require.Equal(t, job.OutcomeCanceled, w.event("a").Data.Status)
			close(release)
			p.settledTwice()
			w.nothingLeft()
			require.Equal(t, job.OutcomeCanceled, w.event("a").Data.Status)
			require.Equal(t, uint64(1), w.count("JOBS_EVENTS"))
			p.signal(syscall.SIGTERM)
			require.Zero(t, p.status())
			require.NotContains(t, p.out.String(), "left to its next delivery")
		})
	}
}

// TestCancelOfAJobThatIsBeingPolled: the worker that learns that the job still
// runs arms no timer.
func TestCancelOfAJobThatIsBeingPolled(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.start(nil)
	p.ready()
	release := make(chan struct{})
	w.api.Script("a", simulator.Problem(404), simulator.Reply{Until: release})
	w.add(simulator.Job{ID: "a", Polls: 1000})
	w.eventually("it is not polled", func() bool { return len(w.api.JobRecord("a").Polls) == 2 })
	w.must("cancel", "a")
	close(release)
	w.eventually("the worker does not drop it", func() bool {
		_, metrics := get(t, p.url()+"/metrics")
		return strings.Contains(metrics, `jobferry_duplicates_dropped_total{job="waiting"} 1`)
	})
	w.nothingLeft()
	require.Len(t, w.api.JobRecord("a").Polls, 2)
	require.Equal(t, uint64(1), w.count("JOBS_EVENTS"))
}

func TestNowPollsAWaitingJob(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.start(map[string]string{"WORKER_BACKOFF_INITIAL": "1h", "WORKER_BACKOFF_MAX": "1h"}).ready()
	j := simulator.Job{ID: "a", Polls: 1}
	w.add(j)
	w.eventually("it does not wait", func() bool {
		at, err := w.fleet().Find(t.Context(), "a")
		return err == nil && at.State == fleet.Waiting
	})
	w.must("now", "a")
	w.check(j)
	w.nothingLeft()
}

// TestNowWhileWorkersTakeTheJob: it does no harm at whatever moment.
func TestNowWhileWorkersTakeTheJob(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.start(nil).ready()
	w.start(nil).ready()
	j := simulator.Job{ID: "a", Polls: 12}
	w.add(j)
	done := make(chan struct{})
	var hurrying sync.WaitGroup
	for range 3 {
		hurrying.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
					_, _ = w.fleet().Now(t.Context(), "a")
				}
			}
		})
	}
	w.check(j)
	close(done)
	hurrying.Wait()
	w.nothingLeft()
	require.Equal(t, uint64(1), w.count("JOBS_EVENTS"))
}

// TestReplayReplacesTheEvent: at the end of a journey that takes several polls.
func TestReplayReplacesTheEvent(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.start(nil).ready()
	w.api.Add(simulator.Job{ID: "a", Outcome: simulator.Failed})
	w.must("submit", "--prefix", "again/", "--metadata", "k=v", "a")
	require.Equal(t, job.OutcomeFailed, w.event("a").Data.Status)
	w.api.Remove("a")
	j := simulator.Job{ID: "a", Polls: 2}
	w.api.Add(j)
	require.Contains(t, w.must("replay", "--reason", "job_failed", "--since", "1h"), "1 job submitted once more")
	w.eventually("no new event", func() bool { return w.event("a").Data.Status == job.OutcomeCompleted })
	w.nothingLeft()
	event := w.check(j)
	require.Equal(t, "again/a/result.bin", event.Data.Objects[0].Key)
	require.Equal(t, map[string]string{"k": "v"}, event.Data.Metadata)
	w.eventually("the old event stays", func() bool { return w.count("JOBS_EVENTS") == 1 })
}

// TestReplayAtTheMomentOfTheFirstEvent: its worker has not acknowledged the
// message yet that led to it.
func TestReplayAtTheMomentOfTheFirstEvent(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.start(nil).ready()
	const count = 20
	for i := range count {
		id := fmt.Sprintf("a%d", i)
		replies := []simulator.Reply{simulator.Problem(404), simulator.Problem(422)}
		w.api.Script(id, replies[i%2:]...)
		w.add(simulator.Job{ID: id, Polls: i % 3})
	}
	var replaying sync.WaitGroup
	for i := range count {
		replaying.Go(func() {
			id := job.ID(fmt.Sprintf("a%d", i))
			w.eventually("it is not replayed", func() bool {
				event, err := w.fleet().Replayable(t.Context(), id)
				return err == nil && w.fleet().Replay(t.Context(), event) == nil
			})
		})
	}
	replaying.Wait()
	for i := range count {
		id := fmt.Sprintf("a%d", i)
		w.eventually(id+" is not settled once more", func() bool { return w.event(id).Data.Status == job.OutcomeCompleted })
	}
	w.nothingLeft()
	w.eventually("old events stay", func() bool { return w.count("JOBS_EVENTS") == count })
}

// TestReplayOutlivesItsWorkerAndTheOldEvent: the sequence that it expects
// travels with the job; that nothing stands there any more is no reason to
// drop it.
func TestReplayOutlivesItsWorkerAndTheOldEvent(t *testing.T) {
	t.Parallel()
	for _, expired := range []bool{false, true} {
		t.Run(fmt.Sprintf("expired %v", expired), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			victim := w.start(nil)
			victim.ready()
			w.add(simulator.Job{ID: "a", Outcome: simulator.Failed})
			w.event("a")
			w.api.Remove("a")
			j := stalling("a", nil)
			j.Polls = 2
			w.api.Add(j)
			w.must("replay", "a")
			w.inTransfer("a")
			if expired {
				events, err := w.js.Stream(t.Context(), "JOBS_EVENTS")
				require.NoError(t, err)
				require.NoError(t, events.Purge(t.Context()))
			}
			victim.signal(syscall.SIGKILL)
			victim.status()
			w.start(nil).ready()
			w.eventually("no new event", func() bool { return w.event("a").Data.Status == job.OutcomeCompleted })
			w.check(j)
			w.nothingLeft()
			w.eventually("the old event stays", func() bool { return w.count("JOBS_EVENTS") == 1 })
		})
	}
}
