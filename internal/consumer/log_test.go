package consumer

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jobferry/jobferry/internal/job"
	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"
)

// TestSettledJobIsLoggedInOneLine, and at info nothing else
// does.
func TestSettledJobIsLoggedInOneLine(t *testing.T) {
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
			return &job.Error{By: job.Store, Err: errors.New("slow down")}
		}
		return nil
	}
	r := h.start()
	msg := nats.NewMsg(h.subjects.Submit())
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
	for _, outcome := range job.Outcomes() {
		completed := outcome == job.OutcomeCompleted
		require.Equal(t, completed, samples(t, r.worker.metrics.settling.WithLabelValues(string(outcome))) == 1)
	}
}

// TestLostPubAckIsLoggedOnce has the broker's answer to an event come too late:
// the second try finds the first one's event.
func TestLostPubAckIsLoggedOnce(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	core, lines := observer.New(zapcore.InfoLevel)
	h.log = zap.New(core)
	line := &heldLine{}
	nc, err := nats.Connect(h.url, nats.SetCustomDialer(line))
	require.NoError(t, err)
	t.Cleanup(nc.Close)
	tries := make(chan *nats.Msg, 8)
	_, err = h.nc.ChanSubscribe(h.subjects.AnyEvent("a"), tries)
	require.NoError(t, err)
	require.NoError(t, h.nc.Flush())
	h.api.script("a", func(context.Context, int) (job.Answer, error) {
		line.hold()
		return text("done"), nil
	})
	h.startOn(nc)
	h.submit("a")
	for range 2 {
		select {
		case <-tries:
		case <-time.After(patience):
			require.FailNow(t, "the event was not tried twice")
		}
	}
	line.release()
	h.settledEverywhere()
	require.Len(t, lines.FilterMessage("job settled").All(), 1)
	require.Equal(t, uint64(1), h.count(h.subjects.Events()))
}
