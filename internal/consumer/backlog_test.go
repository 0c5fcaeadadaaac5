package consumer

import (
	"context"
	"fmt"
	"maps"
	"testing"
	"time"

	"github.com/jobferry/jobferry/internal/job"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
)

// backlogSeries scrapes and returns what is exported about the fleet, by
// metric and state.
func backlogSeries(t *testing.T, reg *prometheus.Registry) map[string]float64 {
	t.Helper()
	families, err := reg.Gather()
	require.NoError(t, err)
	series := map[string]float64{}
	for _, f := range families {
		if f.GetName() != "jobferry_jobs" && f.GetName() != "jobferry_oldest_job_seconds" {
			continue
		}
		for _, m := range f.GetMetric() {
			series[f.GetName()+"/"+m.GetLabel()[0].GetValue()] = m.GetGauge().GetValue()
		}
	}
	return series
}

// expectJobs waits until the counts by state are these; the ages are another
// matter. The broker counts a message for its consumers a moment after it has
// acknowledged it.
func (h *harness) expectJobs(want map[string]float64) {
	h.t.Helper()
	h.eventually(func() bool {
		reg := prometheus.NewRegistry()
		reg.MustRegister(h.backlog())
		got := backlogSeries(h.t, reg)
		maps.DeleteFunc(got, func(name string, _ float64) bool { return name[:len("jobferry_jobs")] != "jobferry_jobs" })
		return maps.Equal(map[string]float64{
			"jobferry_jobs/submitted": want["submitted"], "jobferry_jobs/waiting": want["waiting"],
			"jobferry_jobs/due": want["due"], "jobferry_jobs/in_hand": want["in_hand"],
		}, got)
	}, fmt.Sprintf("the jobs are not counted as %v", want))
}

func (h *harness) backlog() *backlog {
	return newBacklog(broker{nc: h.nc, js: h.js, names: h.names})
}

// TestBacklogFollowsAJobThroughItsStates: a job is counted in one state at a
// time.
func TestBacklogFollowsAJobThroughItsStates(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.expectJobs(nil)

	h.submit("a")
	h.submit("b")
	h.expectJobs(map[string]float64{"submitted": 2})
	reg := prometheus.NewRegistry()
	reg.MustRegister(h.backlog())
	series := backlogSeries(t, reg)
	require.Positive(t, series["jobferry_oldest_job_seconds/submitted"])
	require.Zero(t, series["jobferry_oldest_job_seconds/due"])

	h.cfg.Backoff.Initial, h.cfg.Backoff.Max = time.Hour, time.Hour
	polled := make(chan struct{})
	h.api.script("a", func(ctx context.Context, _ int) (job.Answer, error) {
		polled <- struct{}{}
		<-ctx.Done()
		return job.Answer{}, ctx.Err()
	})
	h.api.script("b", func(context.Context, int) (job.Answer, error) { return job.Answer{Verdict: job.Running}, nil })
	h.start()
	<-polled
	h.eventually(func() bool { return h.count(h.names.Wait()) == 1 }, "no timer was armed")
	h.eventually(func() bool { return h.count(h.names.Jobs()) == 1 }, "the submission of the waiting job stayed")
	h.expectJobs(map[string]float64{"in_hand": 1, "waiting": 1})
}

// TestBacklogKnowsTheOldestDueJob among timers that are older.
func TestBacklogKnowsTheOldestDueJob(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	_, err := h.js.Publish(t.Context(), h.names.WaitFor("a"), nil)
	require.NoError(t, err)
	_, err = h.js.Publish(t.Context(), h.names.Due("b"), nil)
	require.NoError(t, err)
	h.expectJobs(map[string]float64{"waiting": 1, "due": 1})
	reg := prometheus.NewRegistry()
	reg.MustRegister(h.backlog())
	due := backlogSeries(t, reg)["jobferry_oldest_job_seconds/due"]
	require.Positive(t, due)
	require.Less(t, due, patience.Seconds())
}

// TestBacklogIsSilentWithoutABroker: figures of the past would look like calm.
func TestBacklogIsSilentWithoutABroker(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	b := h.backlog()
	reg := prometheus.NewRegistry()
	reg.MustRegister(b)
	require.Len(t, backlogSeries(t, reg), 6)
	h.nc.Close()
	require.Len(t, backlogSeries(t, reg), 6, "an answer is good for a while")
	b.at = time.Time{}
	require.Empty(t, backlogSeries(t, reg))
}
