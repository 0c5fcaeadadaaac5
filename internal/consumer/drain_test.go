package consumer

import (
	"context"
	"strconv"
	"testing"
	"time"

	"github.com/jobferry/jobferry/internal/broker"
	"github.com/jobferry/jobferry/internal/job"
	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"
)

func TestDrainArmsWaitsAndFinishesTransfers(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	entered, release := make(chan struct{}), make(chan struct{})
	h.api.script("transfer", completed)
	h.store.put = func(context.Context, job.Job, string) error {
		close(entered)
		<-release
		return nil
	}
	polling, answer := make(chan struct{}), make(chan struct{})
	h.api.script("poll", func(_ context.Context, n int) (job.Answer, error) {
		if n == 1 {
			close(polling)
			<-answer
		}
		return job.Answer{Verdict: job.Running}, nil
	})
	r := h.start()
	h.submit("transfer")
	h.submit("poll")
	<-entered
	<-polling
	r.stop()
	close(answer)
	close(release)
	require.NoError(t, r.wait(t))
	require.Equal(t, job.OutcomeCompleted, h.event("transfer").Data.Status)
	require.Equal(t, uint64(0), h.count(h.subjects.Jobs()))
	require.Equal(t, uint64(1), h.count(h.subjects.Wait()), "the polled job waits at the broker")
}

func TestDrainHandsBackAtOnceWhatDoesNotFinish(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.cfg.DrainTimeout = 10 * time.Millisecond
	h.cfg.MaxCrashes = 1
	entered := make(chan struct{}, 1)
	h.api.script("a", completed)
	h.store.put = func(ctx context.Context, _ job.Job, _ string) error {
		select {
		case entered <- struct{}{}:
			<-ctx.Done()
			return context.Cause(ctx)
		default:
			return nil
		}
	}
	r := h.start()
	h.submit("a")
	<-entered
	r.stop()
	require.NoError(t, r.wait(t))
	require.Equal(t, uint64(1), h.count(h.subjects.Wait()))

	entered <- struct{}{} // the next worker's put goes through
	h.start()
	event := h.event("a") // long before the ack wait of 30 s, and not as a crash
	require.Equal(t, job.OutcomeCompleted, event.Data.Status)
	h.settledEverywhere()
}

func TestSecondSignalStopsAtOnce(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.cfg.DrainTimeout = time.Hour
	entered := make(chan struct{})
	h.api.script("a", func(ctx context.Context, _ int) (job.Answer, error) {
		close(entered)
		<-ctx.Done()
		return job.Answer{}, context.Cause(ctx)
	})
	r := h.start()
	h.submit("a")
	<-entered
	r.stop()
	r.kill()
	require.NoError(t, r.wait(t))
	require.Equal(t, uint64(1), h.count(h.subjects.Jobs()), "the message is left to its next delivery")
}

func TestIdleWorkerStopsAtOnce(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	r := h.start()
	h.eventually(func() bool { return r.health.get("api") == nil }, "not ready")
	r.stop()
	require.NoError(t, r.wait(t))
	h.api.script("later", completed)
	h.submit("later")
	h.start()
	h.event("later") // and not 30 s later, from an orphaned pull request
}

func TestDrainUnderLoadLosesNoDelivery(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.cfg.MaxCrashes = 1
	for i := range 300 {
		h.submit("job-" + strconv.Itoa(i))
	}
	for range 5 {
		r := h.start()
		h.eventually(func() bool { return r.health.get("streams") == nil }, "not working")
		r.stop()
		require.NoError(t, r.wait(t))
		for _, stream := range []string{h.subjects.Jobs(), h.subjects.Wait()} {
			c, err := h.js.Consumer(t.Context(), stream, broker.Durable)
			require.NoError(t, err)
			require.Zero(t, c.CachedInfo().NumAckPending, "%s: nothing is left to its ack wait", stream)
		}
	}
}

func TestSubmissionThatLooksLikeAStatusIsRejected(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.start()
	msg := nats.NewMsg(h.subjects.Submit())
	msg.Header.Set("Status", "100")
	_, err := h.js.PublishMsg(t.Context(), msg)
	require.NoError(t, err)
	require.Equal(t, job.OutcomeRejected, h.eventAt(h.subjects.Rejected(h.subjects.Jobs(), 1)).Data.Status)
	h.settledEverywhere()
}

func TestDeletedStreamsAndConsumersAreCreatedAgain(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	require.NoError(t, h.js.DeleteStream(t.Context(), h.subjects.Events()))
	r := h.start()
	h.api.script("a", completed)
	h.submit("a")
	h.event("a")
	require.NoError(t, h.js.DeleteConsumer(t.Context(), h.subjects.Jobs(), broker.Durable))
	h.api.script("b", completed)
	h.submit("b")
	h.event("b")
	require.NoError(t, h.js.DeleteStream(t.Context(), h.subjects.Events()))
	h.api.script("c", completed)
	h.submit("c")
	h.event("c")
	h.eventually(func() bool { return r.health.get("streams") == nil }, "not ready again")
}
