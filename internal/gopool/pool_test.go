package gopool

import (
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestPoolRunsAtOnceWhatItIsGiven(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := New()
		defer p.Close()
		running, release := 0, make(chan struct{})
		counted := make(chan struct{}, 1)
		counted <- struct{}{}
		for range 5 {
			p.Go(func() {
				<-counted
				running++
				counted <- struct{}{}
				<-release
			})
		}
		synctest.Wait()
		require.Equal(t, 5, running)
		close(release)
	})
}

// TestGoroutineIsReused: a function finds the goroutine of an earlier one.
func TestGoroutineIsReused(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := New()
		defer p.Close()
		p.Do(func() {})
		synctest.Wait() // it has nothing to do now
		select {
		case p.next <- func() {}:
		default:
			t.Fatal("no goroutine was kept")
		}
	})
}

func TestPoolDoWaits(t *testing.T) {
	t.Parallel()
	p := New()
	defer p.Close()
	done := false
	p.Do(func() { done = true })
	require.True(t, done)
}

// TestClosedPool ends its goroutines, which goleak sees, and still
// does what it is given.
func TestClosedPool(t *testing.T) {
	t.Parallel()
	p := New()
	p.Do(func() {})
	p.Close()
	p.Close()
	done := false
	p.Do(func() { done = true })
	require.True(t, done)
}
