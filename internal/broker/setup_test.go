package broker

import (
	"context"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"
)

func TestSetupCreatesWhatTheContractNames(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	ctx := t.Context()
	require.NoError(t, Setup(ctx, h.nc, h.cfg), "a second time changes nothing")

	jobs := h.streamConfig("JOBS")
	require.Equal(t, []string{"jobs.submit", "jobs.submit.>"}, jobs.Subjects)
	require.Equal(t, jetstream.WorkQueuePolicy, jobs.Retention)
	require.Equal(t, jetstream.DiscardNew, jobs.Discard)
	wait := h.streamConfig("JOBS_WAIT")
	require.True(t, wait.AllowMsgSchedules)
	require.Equal(t, jetstream.WorkQueuePolicy, wait.Retention)
	events := h.streamConfig("JOBS_EVENTS")
	require.Equal(t, time.Hour, events.MaxAge)
	require.True(t, events.AllowDirect)

	for stream, filters := range map[string][]string{"JOBS": {"jobs.submit", "jobs.submit.>"}, "JOBS_WAIT": {"jobs.due.>"}} {
		c, err := h.js.Consumer(ctx, stream, "jobferry")
		require.NoError(t, err)
		have := c.CachedInfo().Config
		require.Equal(t, filters, append(have.FilterSubjects, nonEmpty(have.FilterSubject)...))
		require.Equal(t, jetstream.AckExplicitPolicy, have.AckPolicy)
		require.Equal(t, 30*time.Second, have.AckWait)
		require.Equal(t, -1, have.MaxDeliver)
		require.Equal(t, -1, have.MaxAckPending)
	}
}

func nonEmpty(s string) []string {
	if s == "" {
		return nil
	}
	return []string{s}
}

func TestSetupLeavesAnExistingStreamAlone(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.recreate(jetstream.StreamConfig{
		Name: "JOBS", Subjects: []string{"jobs.submit", "jobs.submit.>"},
		Retention: jetstream.WorkQueuePolicy, MaxMsgs: 77,
	})
	require.NoError(t, Setup(t.Context(), h.nc, h.cfg))
	require.Equal(t, int64(77), h.streamConfig("JOBS").MaxMsgs)
}

func TestSetupRefusesAWaitStreamThatWouldLoseTimers(t *testing.T) {
	t.Parallel()
	good := jetstream.StreamConfig{
		Name: "JOBS_WAIT", Subjects: []string{"jobs.wait.>", "jobs.due.>"},
		Retention: jetstream.WorkQueuePolicy, AllowMsgSchedules: true, AllowRollup: true, AllowDirect: true,
	}
	for name, test := range map[string]struct {
		spoil func(*jetstream.StreamConfig)
		says  string
	}{
		"no schedules":  {func(c *jetstream.StreamConfig) { c.AllowMsgSchedules = false }, "no message schedules"},
		"age":           {func(c *jetstream.StreamConfig) { c.MaxAge = time.Hour }, "limits"},
		"messages":      {func(c *jetstream.StreamConfig) { c.MaxMsgs = 10 }, "limits"},
		"bytes":         {func(c *jetstream.StreamConfig) { c.MaxBytes = 1 << 20 }, "limits"},
		"per subject":   {func(c *jetstream.StreamConfig) { c.MaxMsgsPerSubject = 1 }, "limits"},
		"retention":     {func(c *jetstream.StreamConfig) { c.Retention = jetstream.LimitsPolicy }, "work queue"},
		"no wait.>":     {func(c *jetstream.StreamConfig) { c.Subjects = c.Subjects[1:] }, "jobs.wait.>"},
		"no direct get": {func(c *jetstream.StreamConfig) { c.AllowDirect = false }, "allow_direct"},
		"nothing amiss": {func(*jetstream.StreamConfig) {}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHarness(t)
			spoiled := good
			test.spoil(&spoiled)
			h.recreate(spoiled)
			err := Setup(t.Context(), h.nc, h.cfg)
			if test.says == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, test.says)
			require.ErrorContains(t, err, "JOBS_WAIT")
			var wrong *Misconfigured
			require.ErrorAs(t, err, &wrong)
			require.ErrorAs(t, h.client.SetUp(t.Context()), &wrong, "no waiting mends it")
		})
	}
}

func TestSetupRefusesAnEventsStreamWithoutDirectGet(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.recreate(jetstream.StreamConfig{Name: "JOBS_EVENTS", Subjects: []string{"jobs.events.>"}})
	var wrong *Misconfigured
	err := Setup(t.Context(), h.nc, h.cfg)
	require.ErrorAs(t, err, &wrong)
	require.ErrorContains(t, err, "allow_direct")
}

func TestSetupNamesAnOverlappingStream(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	require.NoError(t, h.js.DeleteStream(t.Context(), "JOBS_EVENTS"))
	_, err := h.js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "AUDIT", Subjects: []string{"jobs.events.>"}})
	require.NoError(t, err)
	err = Setup(t.Context(), h.nc, h.cfg)
	require.ErrorContains(t, err, "AUDIT")
	require.ErrorContains(t, err, "JOBS_EVENTS")
}

func TestSetupErrorsThatMayPassAreNotFinal(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := Setup(ctx, h.nc, h.cfg)
	require.Error(t, err)
	var wrong *Misconfigured
	require.NotErrorAs(t, err, &wrong)
}

func TestSubjects(t *testing.T) {
	t.Parallel()
	n, err := NewSubjects("docs.eu-1")
	require.NoError(t, err)
	require.Equal(t, "DOCS_EU-1", n.Jobs())
	require.Equal(t, "DOCS_EU-1_WAIT", n.Wait())
	require.Equal(t, "docs.eu-1.events.failed.x", n.Event("failed", "x"))
	require.Equal(t, "docs.eu-1.events.rejected.DOCS_EU-1.7", n.Rejected(n.Jobs(), 7))
	for _, bad := range []string{"", ".", "a.", ".a", "a..b", "a.*", "a.>", "a b", "a\n"} {
		_, err := NewSubjects(bad)
		require.Error(t, err, bad)
	}
}
