package consumer

import (
	"context"
	"errors"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/jobferry/jobferry/internal/broker"
	"github.com/jobferry/jobferry/internal/consumer/pull"
	"github.com/jobferry/jobferry/internal/job"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"
)

// blocked is a poll that lasts until its context ends or release is closed.
func blocked(entered chan<- struct{}, release <-chan struct{}) func(context.Context, int) (job.Answer, error) {
	return func(ctx context.Context, n int) (job.Answer, error) {
		if n > 1 {
			return text("second"), nil
		}
		close(entered)
		select {
		case <-release:
			return text("first"), nil
		case <-ctx.Done():
			return job.Answer{}, context.Cause(ctx)
		}
	}
}

func TestLongWorkKeepsItsLease(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.cfg.Broker.AckWait = 900 * time.Millisecond
	entered, release := make(chan struct{}), make(chan struct{})
	h.api.script("a", blocked(entered, release))
	h.start()
	h.start() // another pod, which would take the message after the ack wait
	h.submit("a")
	<-entered
	// Three ack waits by the broker's own clock: as many as a second message
	// takes that nobody acknowledges.
	h.redeliveries(3)
	close(release)
	h.event("a")
	require.Equal(t, "first", h.store.content("a/result"))
	require.Equal(t, 1, h.api.polled("a"))
}

// redeliveries waits until the broker has delivered a message of its own
// consumer, with the worker's ack wait, so many times more.
func (h *harness) redeliveries(n int) {
	h.t.Helper()
	ctx := h.t.Context()
	_, err := h.js.CreateStream(ctx, jetstream.StreamConfig{Name: "CLOCK", Subjects: []string{"clock"}})
	require.NoError(h.t, err)
	c, err := h.js.CreateConsumer(ctx, "CLOCK", jetstream.ConsumerConfig{AckPolicy: jetstream.AckExplicitPolicy, AckWait: h.cfg.Broker.AckWait})
	require.NoError(h.t, err)
	_, err = h.js.Publish(ctx, "clock", nil)
	require.NoError(h.t, err)
	for range n + 1 {
		_, err := c.Next(jetstream.FetchMaxWait(patience))
		require.NoError(h.t, err)
	}
}

func TestLostLeaseStopsTheWorkAndLeavesTheMessage(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.cfg.Broker.AckWait = 900 * time.Millisecond
	entered := make(chan struct{})
	var cause error
	stopped := make(chan struct{})
	h.api.script("a", func(ctx context.Context, n int) (job.Answer, error) {
		if n > 1 {
			return text("second"), nil
		}
		close(entered)
		<-ctx.Done()
		cause = context.Cause(ctx)
		close(stopped)
		return text("first"), nil
	})
	nc := h.connect()
	h.startOn(nc)
	h.submit("a")
	<-entered
	require.NoError(t, nc.ForceReconnect())
	nc.Close() // no progress gets through any more
	<-stopped
	require.ErrorIs(t, cause, pull.ErrLeaseLost)

	h.start()
	event := h.event("a")
	require.Equal(t, "second", h.store.content("a/result"))
	require.Equal(t, 1, event.Data.Polls, "the lost worker's poll is not counted")
	h.settledEverywhere()
}

func TestJobThatKillsItsWorkersIsGivenUp(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.cfg.Broker.AckWait = 600 * time.Millisecond
	require.NoError(t, broker.Setup(t.Context(), h.nc, h.cfg.Broker))
	h.submit("killer")
	c, err := h.js.Consumer(t.Context(), h.subjects.Jobs(), broker.Durable)
	require.NoError(t, err)
	for range h.cfg.MaxCrashes { // each delivery is a worker that dies with it
		_, err := c.Next(jetstream.FetchMaxWait(patience))
		require.NoError(t, err)
	}
	h.start()
	event := h.event("killer")
	require.Equal(t, "worker_crashed", event.Data.Reason)
	require.Zero(t, h.api.polled("killer"))
	h.settledEverywhere()
}

func TestLostLeasesAreCountedAcrossWaits(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.cfg.Broker.AckWait = 600 * time.Millisecond
	require.NoError(t, broker.Setup(t.Context(), h.nc, h.cfg.Broker))
	h.api.script("a", func(_ context.Context, n int) (job.Answer, error) {
		if n == 1 {
			return job.Answer{}, &job.Error{By: job.API, Err: errors.New("503")}
		}
		return text("x"), nil
	})
	h.submit("a")
	c, err := h.js.Consumer(t.Context(), h.subjects.Jobs(), broker.Durable)
	require.NoError(t, err)
	_, err = c.Next(jetstream.FetchMaxWait(patience))
	require.NoError(t, err)
	h.start()
	h.event("a")
	h.store.mu.Lock()
	defer h.store.mu.Unlock()
	require.Equal(t, 2, h.store.aborted["a"], "uploads are cleaned up when the job is taken up again and when its result stands, and not at each poll in between")
}

func TestLostLeasesOfAJobThatRunsAreForgotten(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	j := job.Job{ID: "a", SubmittedAt: time.Now(), Deadline: time.Now().Add(time.Hour), Lost: h.cfg.MaxCrashes - 1}
	require.NoError(t, h.broker().Schedule(t.Context(), j, time.Now()))
	h.api.script("a", after(1000, text("x")))
	h.start()
	h.eventually(func() bool {
		body, found := h.last(h.subjects.Wait(), h.subjects.WaitFor("a"))
		waiting, err := job.Decode(body, h.cfg.Rules)
		return found && err == nil && waiting.Polls > 0 && waiting.Lost == 0
	}, "the job that runs still counts what was lost before")
}

func TestMessageThatArrivesTooLateIsLeftAlone(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.cfg.Broker.AckWait = 1200 * time.Millisecond
	entered, release := make(chan struct{}), make(chan struct{})
	h.api.script("a", blocked(entered, release))
	line := &heldLine{}
	nc, err := nats.Connect(h.url, nats.SetCustomDialer(line))
	require.NoError(t, err)
	t.Cleanup(nc.Close)
	late := h.startOn(nc)
	h.eventually(func() bool { return late.health.get("streams") == nil }, "the worker does not listen")
	line.hold()
	h.eventually(func() bool {
		c, err := h.js.Consumer(t.Context(), h.subjects.Jobs(), broker.Durable)
		return err == nil && c.CachedInfo().NumWaiting > 0
	}, "the worker does not listen")
	h.submit("a")
	h.start() // gets it when the ack wait of the first delivery is over
	<-entered
	line.release()
	h.redeliveries(1)
	require.Equal(t, 1, h.api.polled("a"), "a message that lay in a stalled connection is another worker's by now")
	close(release)
	h.event("a")
	h.settledEverywhere()
}

// heldLine dials connections that can be stalled towards the client.
type heldLine struct{ stalled sync.RWMutex }

func (l *heldLine) hold()    { l.stalled.Lock() }
func (l *heldLine) release() { l.stalled.Unlock() }

func (l *heldLine) Dial(network, address string) (net.Conn, error) {
	conn, err := net.Dial(network, address)
	return &heldConn{Conn: conn, line: l}, err
}

type heldConn struct {
	net.Conn
	line *heldLine
}

func (c *heldConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.line.stalled.RLock()
	defer c.line.stalled.RUnlock()
	return n, err
}

func TestLostLeasesOfAllDeliveriesCount(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	j := job.Job{ID: "a", SubmittedAt: time.Now(), Deadline: time.Now().Add(time.Hour), Lost: h.cfg.MaxCrashes}
	require.NoError(t, h.broker().Schedule(t.Context(), j, time.Now()))
	h.start()
	require.Equal(t, "worker_crashed", h.event("a").Data.Reason)
}

func TestHandedBackJobsAreNotCrashes(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.cfg.MaxCrashes = 1
	h.api.script("a", func(_ context.Context, n int) (job.Answer, error) {
		if n < 5 {
			return job.Answer{}, &job.Error{By: job.API, Err: errors.New("503")}
		}
		return text("x"), nil
	})
	h.start()
	h.submit("a")
	require.Equal(t, job.OutcomeCompleted, h.event("a").Data.Status)
}
