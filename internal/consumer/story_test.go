package consumer

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"

	"github.com/jobferry/jobferry/internal/job"
	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"
)

// TestOneLineTellsTheWholeStory of a settled job, and at info nothing else
// does.
func TestOneLineTellsTheWholeStory(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	core, lines := observer.New(zapcore.InfoLevel)
	h.log = zap.New(core)
	h.api.script("a", func(_ context.Context, n int) (job.Answer, error) {
		if n < 3 {
			return job.Answer{Verdict: job.Running}, nil
		}
		return text("done"), nil
	})
	var puts atomic.Int64
	h.store.put = func(context.Context, job.Job, string) error {
		if puts.Add(1) == 1 {
			return &job.StoreError{Err: errors.New("slow down")}
		}
		return nil
	}
	r := h.start()
	msg := nats.NewMsg(h.names.Submit())
	msg.Data = []byte("a")
	msg.Header.Set("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
	_, err := h.js.PublishMsg(t.Context(), msg)
	require.NoError(t, err)
	event := h.event("a").Data
	h.settledEverywhere()

	settled := lines.FilterMessage("job settled").All()
	require.Len(t, settled, 1)
	fields := settled[0].ContextMap()
	for _, name := range []string{"took", "settling"} {
		require.Positive(t, fields[name], name)
		delete(fields, name)
	}
	require.Equal(t, map[string]any{
		"job": "a", "outcome": "completed", "kind": "text", "polls": int64(event.Polls), "objects": int64(1),
		"bytes": int64(len("done")), "failed_tries": int64(1),
		"traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
	}, fields)
	families, err := r.reg.Gather()
	require.NoError(t, err)
	for _, family := range families {
		if family.GetName() == "jobferry_settle_duration_seconds" {
			for _, metric := range family.GetMetric() {
				completed := metric.GetLabel()[0].GetValue() == "completed"
				require.Equal(t, completed, metric.GetHistogram().GetSampleCount() == 1)
			}
			return
		}
	}
	require.Fail(t, "no metric of the time to settle")
}
