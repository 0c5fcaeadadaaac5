package crew

import (
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestCrewRunsAtOnceWhatItIsGiven(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := New()
		defer c.Dismiss()
		running, release := 0, make(chan struct{})
		counted := make(chan struct{}, 1)
		counted <- struct{}{}
		for range 5 {
			c.Go(func() {
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

// TestCrewStays: a function finds the goroutine of an earlier one.
func TestCrewStays(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := New()
		defer c.Dismiss()
		c.Do(func() {})
		synctest.Wait() // it has nothing to do now
		select {
		case c.next <- func() {}:
		default:
			t.Fatal("nobody stayed")
		}
	})
}

func TestCrewDoWaits(t *testing.T) {
	t.Parallel()
	c := New()
	defer c.Dismiss()
	done := false
	c.Do(func() { done = true })
	require.True(t, done)
}

// TestCrewThatIsDismissed ends its goroutines, which goleak sees, and still
// does what it is given.
func TestCrewThatIsDismissed(t *testing.T) {
	t.Parallel()
	c := New()
	c.Do(func() {})
	c.Dismiss()
	c.Dismiss()
	done := false
	c.Do(func() { done = true })
	require.True(t, done)
}
