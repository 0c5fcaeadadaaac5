package limit

import (
	"context"
	"errors"
	"strconv"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jobferry/jobferry/internal/job"
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

// startBreaker returns a started breaker whose probes answer what *err says.
func startBreaker(ctx context.Context, probe func() error) (*Breaker, *recordedHealth) {
	health := &recordedHealth{}
	b := NewBreaker("store", func(context.Context) error { return probe() }, health)
	b.Start(ctx)
	return b, health
}

func TestBreakerAllowsWorkBeforeItsFirstProbe(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		answer := make(chan error)
		b, health := startBreaker(t.Context(), func() error { return <-answer })
		require.True(t, b.Allow())
		require.Error(t, health.get())
		answer <- nil
		synctest.Wait()
		require.NoError(t, health.get())
	})
}

func TestBreakerOpensOnRefusalAndClosesAfterAGoodProbe(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var says answer
		b, health := startBreaker(t.Context(), says.get)
		synctest.Wait()
		refusal := &job.Error{Class: job.ClassRefused, By: job.Store, Err: errors.New("403")}
		says.set(refusal)
		b.Failure("a", refusal)
		require.False(t, b.Allow())
		require.ErrorIs(t, health.get(), refusal)

		passed := make(chan error, 1)
		go func() { passed <- b.Wait(t.Context()) }()
		time.Sleep(10 * time.Minute) // of the bubble's clock: however long it takes
		require.Empty(t, passed)
		says.set(nil)
		require.NoError(t, <-passed)
		synctest.Wait()
		require.NoError(t, health.get())
		b.Stop()
	})
}

func TestBreakerStaysUnreadyWhileItsProbeIsBlind(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b, health := startBreaker(t.Context(), func() error { return nil })
		synctest.Wait()
		refusal := &job.Error{Class: job.ClassRefused, By: job.Store, Err: errors.New("PutObject: 403")}
		var last time.Duration
		for range 4 {
			b.Failure("a", refusal)
			start := time.Now()
			require.NoError(t, b.Wait(t.Context()))
			require.Greater(t, time.Since(start), last, "each pause is longer")
			last = time.Since(start)
			require.ErrorIs(t, health.get(), refusal, "work is allowed for a try, and not ready")
		}
		b.Success()
		require.NoError(t, health.get())
	})
}

func TestBreakerIsUnreadyAfterManyFailuresOnly(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		away := errors.New("503")
		var says answer
		b, health := startBreaker(t.Context(), says.get)
		synctest.Wait()
		says.set(away)
		for i := range ManyFailures - 1 {
			b.Failure(job.ID(strconv.Itoa(i)), away)
		}
		require.NoError(t, health.get())
		b.Success()
		b.Failure("x", away)
		require.NoError(t, health.get(), "a success in between starts the count again")
		for i := range ManyFailures - 1 {
			b.Failure(job.ID(strconv.Itoa(i)), away)
		}
		synctest.Wait()
		require.ErrorIs(t, health.get(), away)
		require.True(t, b.Allow(), "it may work for other jobs")
		says.set(nil)
		time.Sleep(time.Minute) // of the bubble's clock
		require.NoError(t, health.get())
	})
}

// One job's failures are its own, unless the dependency is away.
func TestBreakerAsksWhoseTroubleItIs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var says answer
		b, health := startBreaker(t.Context(), says.get)
		synctest.Wait()
		for range 3 * ManyFailures {
			b.Failure("a", errors.New("451"))
			synctest.Wait()
			require.NoError(t, health.get())
		}
		away := errors.New("503")
		says.set(away)
		for range ManyFailures {
			b.Failure("a", away)
		}
		synctest.Wait()
		require.ErrorIs(t, health.get(), away)
		says.set(nil)
		time.Sleep(time.Minute)
	})
}

// A dependency that answers probes and fails work does not flap: after the second
// time only work that goes well makes the worker ready. A good answer counts at once.
func TestBreakerDoesNotFlap(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b, health := startBreaker(t.Context(), func() error { return nil })
		synctest.Wait()
		fails := func() {
			for i := range ManyFailures {
				b.Failure(job.ID(strconv.Itoa(i)), errors.New("html"))
			}
			time.Sleep(time.Minute)
		}
		fails()
		require.NoError(t, health.get(), "the probe may be right")
		for range 3 {
			fails()
			require.ErrorContains(t, health.get(), "html")
		}
		b.Success()
		require.NoError(t, health.get())
	})
}

// A probe that fails while work goes well changes nothing.
func TestBreakerBelievesWorkMoreThanAProbe(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		answer := make(chan error)
		b, health := startBreaker(t.Context(), func() error { return <-answer })
		synctest.Wait()
		b.Success()
		answer <- errors.New("404")
		synctest.Wait()
		require.NoError(t, health.get())
		b.Stop()
	})
}

func TestBreakerWaitEndsWithItsContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		refused := &job.Error{Class: job.ClassRefused, Err: errors.New("401")}
		ctx, cancel := context.WithCancel(t.Context())
		b, _ := startBreaker(ctx, func() error { return refused })
		synctest.Wait()
		require.False(t, b.Allow())
		cancel()
		require.ErrorIs(t, b.Wait(ctx), context.Canceled)
		b.Stop()
	})
}

// recordedHealth remembers the last word on the one condition.
type recordedHealth struct{ last answer }

func (h *recordedHealth) Set(_ string, err error) { h.last.set(err) }
func (h *recordedHealth) get() error              { return h.last.get() }
