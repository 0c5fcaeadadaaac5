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

func acquireAll(h *Hosts, name string) (n int) {
	for h.TryAcquire(name) {
		if n++; n == 100 {
			break
		}
	}
	return n
}

func TestUnknownHostsShareHalfOfTheSlots(t *testing.T) {
	t.Parallel()
	h := NewHosts(16, zap.NewNop())
	require.Equal(t, 8, acquireAll(h, "a"))
	require.False(t, h.TryAcquire("b"), "no host is known to bring anything")
	h.Tried("a", nil)
	require.Equal(t, 100, acquireAll(h, "a"), "its connections are limited by the slots alone")
	require.Equal(t, 8, acquireAll(h, "b"))
	require.True(t, h.TryAcquire(""), "a payload comes from no host")
}

func TestAHostWhoseDownloadsBringNothing(t *testing.T) {
	t.Parallel()
	core, logs := observer.New(zapcore.DebugLevel)
	h := NewHosts(16, zap.New(core))
	broken := errors.New("broken")
	h.Tried("a", nil)
	for range minEmpty {
		require.True(t, h.TryAcquire("a"))
		h.Tried("a", broken)
		h.Release("a")
	}
	require.Equal(t, 1, acquireAll(h, "a"))
	require.Equal(t, 1, logs.Len())
	require.Equal(t, "a", logs.All()[0].ContextMap()["host"])
	h.Tried("a", broken)
	require.Equal(t, 1, logs.Len(), "one line when it begins")
	require.Equal(t, 8, acquireAll(h, "b"), "a host that fails takes nothing from the others")

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
	require.True(t, h.TryAcquire("kept"))
	for i := range 3 * maxHosts {
		h.Tried(strconv.Itoa(i), nil)
	}
	require.LessOrEqual(t, len(h.hosts), maxHosts)
	require.Contains(t, h.hosts, "kept")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("stopped"))
	require.ErrorContains(t, h.Acquire(ctx, "kept"), "stopped")
}
