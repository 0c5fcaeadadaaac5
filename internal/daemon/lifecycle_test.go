package daemon

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func TestLastOpenedIsFirstClosed(t *testing.T) {
	t.Parallel()
	var closed []string
	var open lifecycle
	open.addFunc("first", func() { closed = append(closed, "first") })
	open.add("second", func(context.Context) error {
		closed = append(closed, "second")
		return nil
	})
	open.addFunc("third", func() { closed = append(closed, "third") })
	require.NoError(t, open.close(t.Context()))
	require.Equal(t, []string{"third", "second", "first"}, closed)
}

func TestClosingGoesOnAfterAnErrorAndNamesEach(t *testing.T) {
	t.Parallel()
	stuck, broken := errors.New("stuck"), errors.New("broken")
	closed := false
	var open lifecycle
	open.add("cellar", func(context.Context) error { return broken })
	open.addFunc("stairs", func() { closed = true })
	open.add("door", func(context.Context) error { return stuck })
	err := open.close(t.Context())
	require.True(t, closed)
	require.ErrorIs(t, err, stuck)
	require.ErrorIs(t, err, broken)
	require.EqualError(t, err, "close door: stuck\nclose cellar: broken")
}

func TestClosingTwiceClosesOnce(t *testing.T) {
	t.Parallel()
	calls := 0
	var open lifecycle
	open.add("door", func(context.Context) error {
		calls++
		return errors.New("stuck")
	})
	require.Error(t, open.close(t.Context()))
	require.NoError(t, open.close(t.Context()))
	require.Equal(t, 1, calls)
}

// One deadline is over all: what takes it all leaves the next ones with an
// ended context, and they are called nevertheless.
func TestOneDeadlineIsOverAllClosers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		start := time.Now()
		var open lifecycle
		untilTheEnd := func(ctx context.Context) error {
			<-ctx.Done()
			return ctx.Err()
		}
		open.add("first", untilTheEnd)
		open.add("second", untilTheEnd)
		err := open.close(ctx)
		require.Equal(t, time.Minute, time.Since(start))
		require.EqualError(t, err, "close second: context deadline exceeded\nclose first: context deadline exceeded")
	})
}
