package consumer

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jobferry/jobferry/internal/job"
	"github.com/jobferry/jobferry/internal/retry"
	"github.com/stretchr/testify/require"
)

// answer is what a dependency says; tests change it while probes read it.
type answer struct{ atomic.Pointer[error] }

func (a *answer) set(err error) { a.Store(&err) }

func (a *answer) get() error {
	if err := a.Load(); err != nil {
		return *err
	}
	return nil
}

// newTestGate returns a started gate whose probes answer what *err says.
func newTestGate(ctx context.Context, probe func() error) (*gate, *recordedHealth) {
	health := newRecordedHealth()
	g := &gate{condition: "store", health: health, probe: func(context.Context) error { return probe() }}
	g.start(ctx)
	return g, health
}

func TestGateIsOpenButNotReadyUntilItsFirstProbe(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		answer := make(chan error)
		g, health := newTestGate(t.Context(), func() error { return <-answer })
		require.True(t, g.isOpen())
		require.Error(t, health.get("store"))
		answer <- nil
		synctest.Wait()
		require.NoError(t, health.get("store"))
	})
}

func TestGateClosesOnRefusalAndOpensAfterAGoodProbe(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var says answer
		g, health := newTestGate(t.Context(), says.get)
		synctest.Wait()
		refusal := &job.Error{Class: job.ClassRefused, By: job.Store, Err: errors.New("403")}
		says.set(refusal)
		g.failed(refusal)
		require.False(t, g.isOpen())
		require.ErrorIs(t, health.get("store"), refusal)

		passed := make(chan error, 1)
		go func() { passed <- g.wait(t.Context()) }()
		time.Sleep(10 * time.Minute) // of the bubble's clock: however long it takes
		require.Empty(t, passed)
		says.set(nil)
		require.NoError(t, <-passed)
		synctest.Wait()
		require.NoError(t, health.get("store"))
		g.stop()
	})
}

func TestGateStaysUnreadyWhileItsProbeIsBlind(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g, health := newTestGate(t.Context(), func() error { return nil })
		synctest.Wait()
		refusal := &job.Error{Class: job.ClassRefused, By: job.Store, Err: errors.New("PutObject: 403")}
		var last time.Duration
		for range 4 {
			g.failed(refusal)
			start := time.Now()
			require.NoError(t, g.wait(t.Context()))
			require.Greater(t, time.Since(start), last, "each pause is longer")
			last = time.Since(start)
			require.ErrorIs(t, health.get("store"), refusal, "open for a try, and not ready")
		}
		g.passed()
		require.NoError(t, health.get("store"))
	})
}

func TestGateIsUnreadyAfterManyFailuresOnly(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		away := errors.New("503")
		var says answer
		g, health := newTestGate(t.Context(), says.get)
		synctest.Wait()
		says.set(away)
		for range manyFailures - 1 {
			g.failed(away)
		}
		require.NoError(t, health.get("store"))
		g.passed()
		g.failed(away)
		require.NoError(t, health.get("store"), "a success in between starts the count again")
		for range manyFailures - 1 {
			g.failed(away)
		}
		synctest.Wait()
		require.ErrorIs(t, health.get("store"), away)
		require.True(t, g.isOpen(), "it may work for other jobs")
		says.set(nil)
		time.Sleep(time.Minute) // of the bubble's clock
		require.NoError(t, health.get("store"))
	})
}

func TestGateWaitEndsWithItsContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		refused := &job.Error{Class: job.ClassRefused, Err: errors.New("401")}
		ctx, cancel := context.WithCancel(t.Context())
		g, _ := newTestGate(ctx, func() error { return refused })
		synctest.Wait()
		require.False(t, g.isOpen())
		cancel()
		require.ErrorIs(t, g.wait(ctx), context.Canceled)
		g.stop()
	})
}

func TestThrottleHoldsThePodBack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		th := &throttle{backoff: retry.Policy{Initial: time.Second, Max: time.Minute, Multiplier: 2}}
		require.NoError(t, th.wait(t.Context()))

		start := time.Now()
		th.hit(7 * time.Second)
		th.hit(3 * time.Second) // the longer one holds
		require.NoError(t, th.wait(t.Context()))
		require.Equal(t, 7*time.Second, time.Since(start))

		start = time.Now()
		th.hit(0) // no time given: backoff, second step of the streak
		require.NoError(t, th.wait(t.Context()))
		require.InDelta(t, 2*time.Second, time.Since(start), float64(time.Second))

		th.hit(time.Hour)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		require.ErrorIs(t, th.wait(ctx), context.DeadlineExceeded)
	})
}
