package test

import (
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jobferry/jobferry/internal/embedded"
	"github.com/jobferry/jobferry/internal/job"
	"github.com/jobferry/jobferry/internal/simulator"
	"github.com/stretchr/testify/require"
)

// stalling is a job whose first download stops in the middle of a multipart
// upload, until release is closed or the client goes away.
func stalling(id string, release <-chan struct{}) simulator.Job {
	return simulator.Job{ID: id, Files: []simulator.File{{
		Size: 12 << 20, Chunked: true, Faults: simulator.Faults{StallAt: []int64{8 << 20}, StallUntil: release},
	}}}
}

// inTransfer waits until a download of the job is under way.
func (w *world) inTransfer(id string) {
	w.t.Helper()
	w.eventually("no download of "+id, func() bool { return w.api.JobRecord(id).Files[0].Downloads > 0 })
}

func TestKilledWorkerLeavesItsJobsToTheOthers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	victim := w.start(nil)
	victim.ready()
	jobs := []simulator.Job{stalling("first", nil), stalling("second", nil)}
	w.add(jobs...)
	for _, j := range jobs {
		w.inTransfer(j.ID)
	}
	victim.signal(syscall.SIGKILL)
	require.Equal(t, -1, victim.status(), "ended by a signal")
	survivor := w.start(nil)
	survivor.ready()
	for _, j := range jobs {
		w.check(j)
	}
	w.nothingLeft()
	require.Equal(t, uint64(2), w.count("JOBS_EVENTS"))
}

func TestStoppedWorkerDoesNoHarmWhenItGoesOn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	sleeper := w.start(nil)
	sleeper.ready()
	release := make(chan struct{})
	j := stalling("contested", release)
	w.add(j)
	w.inTransfer(j.ID)
	sleeper.signal(syscall.SIGSTOP)
	w.start(nil).ready()
	w.eventually("the other worker does not take the job", func() bool { return len(w.api.JobRecord(j.ID).Polls) > 1 })
	close(release)
	w.check(j)
	sleeper.signal(syscall.SIGCONT)
	w.eventually("the stopped worker does not notice", func() bool {
		return strings.Contains(sleeper.out.String(), "left to its next delivery")
	})
	w.check(j)
	w.nothingLeft()
	require.Equal(t, uint64(1), w.count("JOBS_EVENTS"))
	sleeper.ready()
}

func TestTerminationLetsTransfersFinish(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.start(nil)
	p.ready()
	release := make(chan struct{})
	j := stalling("ferried", release)
	w.add(j, simulator.Job{ID: "waiting", Duration: simulator.Forever})
	w.inTransfer(j.ID)
	w.eventually("the other job does not wait", func() bool { return w.count("JOBS_WAIT") == 1 })
	p.signal(syscall.SIGTERM)
	close(release)
	require.Zero(t, p.status())
	w.check(j)
	require.Zero(t, w.count("JOBS"))
	require.Equal(t, uint64(1), w.count("JOBS_WAIT"), "the waiting job waits at the broker")
}

func TestTerminationHandsBackWhatDoesNotFinish(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.start(map[string]string{"WORKER_DRAIN_TIMEOUT": "300ms", "WORKER_MAX_CRASHES": "1"})
	p.ready()
	j := stalling("slow", nil)
	w.add(j)
	w.inTransfer(j.ID)
	p.signal(syscall.SIGTERM)
	require.Zero(t, p.status())
	require.Zero(t, w.count("JOBS"), "handed back, not left to the ack wait")
	require.Equal(t, uint64(1), w.count("JOBS_WAIT"))
	w.noUploads()
	w.start(map[string]string{"WORKER_MAX_CRASHES": "1"}).ready()
	w.check(j)
	w.nothingLeft()
}

func TestSecondSignalStopsAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.start(map[string]string{"WORKER_DRAIN_TIMEOUT": "1h"})
	p.ready()
	w.add(stalling("stuck", nil))
	w.inTransfer("stuck")
	p.signal(syscall.SIGTERM)
	w.eventually("the drain is not announced", func() bool { return strings.Contains(p.out.String(), "draining") })
	p.signal(syscall.SIGTERM)
	require.Equal(t, 1, p.status())
}

func TestBrokerThatRestartsLosesNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.start(nil)
	p.ready()
	w.start(nil).ready()
	var jobs []simulator.Job
	for i := range 40 {
		jobs = append(jobs, simulator.Job{ID: fmt.Sprint("job-", i), Duration: time.Duration(i) * 100 * time.Millisecond})
	}
	w.add(jobs...)
	w.event("job-5")
	addr := strings.TrimPrefix(w.nats.URL(), "nats://")
	w.nats.Stop()
	w.eventually("the loss does not show", func() bool {
		status, body := get(t, p.url()+"/readyz")
		return status == 503 && strings.Contains(body, "nats")
	})
	var err error
	w.nats, err = embedded.StartNATS(embedded.NATSOptions{Addr: addr, Dir: w.dir})
	require.NoError(t, err)
	for _, j := range jobs {
		w.check(j)
	}
	w.nothingLeft()
	require.Equal(t, uint64(len(jobs)), w.count("JOBS_EVENTS"))
	p.ready()
}

func TestWorkersShareTheWorkWithoutAnySetting(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	workers := []*process{w.start(nil), w.start(nil), w.start(nil)}
	for _, p := range workers {
		p.ready()
	}
	const count = 300
	for i := range count {
		w.api.Add(simulator.Job{ID: fmt.Sprint("shared-", i), Polls: i % 3})
	}
	for i := range count {
		w.submit(fmt.Sprint("shared-", i))
	}
	w.eventually("not all jobs settled", func() bool { return w.count("JOBS_EVENTS") == count })
	for i := range count {
		require.Equal(t, job.OutcomeCompleted, w.event(fmt.Sprint("shared-", i)).Data.Status)
	}
	w.nothingLeft()
	settled := 0
	for _, p := range workers {
		share := strings.Count(p.out.String(), `"msg":"job settled"`)
		require.Positive(t, share, "each worker has its part")
		settled += share
	}
	require.Equal(t, count, settled)
}
