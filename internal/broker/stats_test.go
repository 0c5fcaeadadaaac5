package broker

import (
	"fmt"
	"testing"
	"time"

	"github.com/jobferry/jobferry/internal/job"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"
)

// requireStats waits until the counts are these; the ages are another matter. The
// broker counts a message for its consumers a moment after it has acknowledged it.
func (h *harness) requireStats(want Stats) (have Stats) {
	h.t.Helper()
	require.Eventually(h.t, func() bool {
		var err error
		have, err = ReadStats(h.t.Context(), h.js, h.cfg.Subjects)
		counts := have
		counts.OldestSubmitted, counts.OldestDue = 0, 0
		return err == nil && counts == want
	}, patience, 5*time.Millisecond, fmt.Sprintf("the jobs are not counted as %+v", want))
	return have
}

// TestStatsFollowAJobThroughItsStates: a job is counted in one state at a time.
func TestStatsFollowAJobThroughItsStates(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.requireStats(Stats{})
	h.publish(h.cfg.Subjects.Submit(), "a")
	h.publish(h.cfg.Subjects.Submit(), "b")
	stats := h.requireStats(Stats{Submitted: 2})
	require.Positive(t, stats.OldestSubmitted)
	require.Zero(t, stats.OldestDue)

	consumer, err := h.js.Consumer(t.Context(), h.cfg.Subjects.Jobs(), Durable)
	require.NoError(t, err)
	first, err := consumer.Next(jetstream.FetchMaxWait(patience))
	require.NoError(t, err)
	h.requireStats(Stats{Submitted: 1, InFlight: 1})
	require.NoError(t, h.client.Schedule(t.Context(), job.Job{ID: "a"}, time.Now().Add(time.Hour)))
	require.NoError(t, h.client.Ack(t.Context(), &nats.Msg{Subject: first.Subject(), Reply: first.Reply()}))
	h.requireStats(Stats{Submitted: 1, Waiting: 1})
}

// TestStatsKnowTheOldestDueJob among timers that are older.
func TestStatsKnowTheOldestDueJob(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.publish(h.cfg.Subjects.WaitFor("a"), "")
	h.publish(h.cfg.Subjects.Due("b"), "")
	stats := h.requireStats(Stats{Waiting: 1, Due: 1})
	require.Positive(t, stats.OldestDue)
	require.Less(t, stats.OldestDue, patience)
}

// TestCollectorIsSilentWithoutABroker: old numbers would look as if all were well.
func TestCollectorIsSilentWithoutABroker(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	collector, ok := h.client.Collector().(*statsCollector)
	require.True(t, ok)
	series := func() int {
		reg := prometheus.NewRegistry()
		reg.MustRegister(collector)
		n, err := testutil.GatherAndCount(reg, "jobferry_jobs", "jobferry_oldest_job_seconds")
		require.NoError(t, err)
		return n
	}
	require.Equal(t, 6, series())
	h.nc.Close()
	require.Equal(t, 6, series(), "an answer is good for a while")
	collector.at = time.Time{}
	require.Zero(t, series())
}
