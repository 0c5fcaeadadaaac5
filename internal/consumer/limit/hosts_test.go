package limit

import (
	"context"
	"errors"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"
)

// tryFirst takes the first connection of a job that does not wait.
func tryFirst(h *Hosts, name string) bool {
	return h.AcquireFirst(context.Background(), name, func() {}, false) == nil
}

func acquireAll(h *Hosts, name string) (n int) {
	for tryFirst(h, name) {
		if n++; n == 100 {
			break
		}
	}
	return n
}

func TestUnknownHostsShareHalfOfTheSlots(t *testing.T) {
	t.Parallel()
	h := NewHosts(16, zap.NewNop())
	for _, host := range []struct {
		name string
		want int
	}{{"a", 4}, {"b", 2}, {"c", 1}, {"d", 1}, {"e", 0}} {
		require.Equal(t, host.want, acquireAll(h, host.name), "%s has half of what the others leave", host.name)
	}
	h.Tried("a", nil)
	require.Equal(t, 100, acquireAll(h, "a"), "its connections are limited by the slots alone")
	require.Equal(t, 2, acquireAll(h, "e"))
	require.True(t, tryFirst(h, ""), "a payload comes from no host")
}

func TestAHostWhoseDownloadsBringNothing(t *testing.T) {
	t.Parallel()
	core, logs := observer.New(zapcore.DebugLevel)
	h := NewHosts(16, zap.New(core))
	broken := errors.New("broken")
	h.Tried("a", nil)
	for range minEmpty {
		require.True(t, tryFirst(h, "a"))
		h.Tried("a", broken)
		h.Release("a")
	}
	require.Equal(t, 1, acquireAll(h, "a"))
	require.Equal(t, 1, logs.Len())
	require.Equal(t, "a", logs.All()[0].ContextMap()["host"])
	h.Tried("a", broken)
	require.Equal(t, 1, logs.Len(), "one line when it begins")
	require.Equal(t, 4, acquireAll(h, "b"), "a host that fails takes nothing from the others")

	waiting := make(chan error, 1)
	go func() { waiting <- h.Acquire(t.Context(), "a") }()
	h.Tried("a", nil)
	require.NoError(t, <-waiting)
	require.Equal(t, 2, logs.Len(), "and one when it ends")
	require.Equal(t, 100, acquireAll(h, "a"))
}

func TestHostsAreForgotten(t *testing.T) {
	t.Parallel()
	h := NewHosts(2, zap.NewNop())
	require.True(t, tryFirst(h, "kept"))
	for i := range 3 * maxHosts {
		h.Tried(strconv.Itoa(i), nil)
	}
	require.LessOrEqual(t, len(h.hosts), maxHosts)
	require.Contains(t, h.hosts, "kept")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("stopped"))
	require.ErrorContains(t, h.Acquire(ctx, "kept"), "stopped")
}

func TestAFewJobsWaitForTheirFirstConnection(t *testing.T) {
	t.Parallel()
	h := NewHosts(2, zap.NewNop())
	require.Equal(t, 1, acquireAll(h, "a"))
	freed, waiting := make(chan struct{}, 2), make(chan error, 2)
	for range 2 {
		go func() { waiting <- h.AcquireFirst(t.Context(), "a", func() { freed <- struct{}{} }, true) }()
	}
	<-freed
	<-freed
	require.ErrorIs(t, h.AcquireFirst(t.Context(), "a", func() {}, true), ErrNoSlot, "as many as there are slots")
	h.Tried("a", nil)
	require.NoError(t, <-waiting)
	require.NoError(t, <-waiting)

	go func() { waiting <- h.AcquireFirst(t.Context(), "b", func() { freed <- struct{}{} }, true) }()
	require.NoError(t, <-waiting, "an unknown one has a connection")
	go func() { waiting <- h.AcquireFirst(t.Context(), "b", func() { freed <- struct{}{} }, true) }()
	<-freed
	for range minEmpty {
		h.Tried("b", errors.New("broken"))
	}
	require.ErrorIs(t, <-waiting, ErrNoSlot, "nobody waits in the pod for a host that fails")
}
