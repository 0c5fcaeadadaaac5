package daemon

import (
	"math"
	"runtime/debug"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/jobferry/jobferry/internal/config"
)

func TestMemoryIsTunedUnlessTheEnvironmentSays(t *testing.T) {
	percent, limit := debug.SetGCPercent(100), debug.SetMemoryLimit(math.MaxInt64)
	t.Cleanup(func() {
		debug.SetGCPercent(percent)
		debug.SetMemoryLimit(limit)
	})
	var cfg config.Config
	cfg.Worker.Polls, cfg.Worker.Transfers = 64, 16

	TuneMemory(cfg, func(string) (string, bool) { return "", true })
	require.Equal(t, int64(math.MaxInt64), debug.SetMemoryLimit(-1))
	require.Equal(t, 100, debug.SetGCPercent(100))

	TuneMemory(cfg, func(string) (string, bool) { return "", false })
	require.Equal(t, int64(100<<20), debug.SetMemoryLimit(-1), "20 MiB, and 16 parts of 5 MiB")
	require.Equal(t, gcPercent, debug.SetGCPercent(100))
}
