package deployments

import (
	"math"
	"runtime/debug"
	"testing"

	"github.com/dustin/go-humanize"
	"github.com/jobferry/jobferry/internal/config"
	"github.com/jobferry/jobferry/internal/daemon"
	"github.com/spf13/pflag"
	"github.com/stretchr/testify/require"
)

// softLimit is what a worker with the settings of nobody sets itself, in
// bytes.
func softLimit(t *testing.T) uint64 {
	t.Helper()
	cfg, err := config.Bind(pflag.NewFlagSet("", pflag.ContinueOnError)).Load(func(name string) (string, bool) {
		value, set := map[string]string{"S3_BUCKET": "results", "NITRO_API_TOKEN": "token"}[name]
		return value, set
	})
	require.NoError(t, err)
	percent, limit := debug.SetGCPercent(100), debug.SetMemoryLimit(-1)
	defer func() { debug.SetGCPercent(percent); debug.SetMemoryLimit(limit) }()
	daemon.TuneMemory(cfg, func(string) (string, bool) { return "", false })
	soft := debug.SetMemoryLimit(-1)
	require.Less(t, soft, int64(math.MaxInt64))
	return uint64(soft)
}

// Not in parallel: the limit is the process's. That of a container counts
// what the kernel holds for it too.
func TestContainersLeaveRoomForWhatAWorkerNeeds(t *testing.T) {
	soft := softLimit(t)
	container := at(t, render(t, enough)["Deployment"], "spec", "template", "spec", "containers", 0)
	memory := func(kind string) uint64 {
		bytes, err := humanize.ParseBytes(at(t, container, "resources", kind, "memory").(string) + "B")
		require.NoError(t, err)
		return bytes
	}
	require.Greater(t, memory("requests"), soft)
	require.Greater(t, memory("limits"), 2*soft)
	require.EqualValues(t, memory("limits"), compose(t).Services["worker"].MemLimit)
	for _, env := range []map[string]string{variables(t, render(t, enough)["Deployment"]), effective(t, build(t, "base")["Deployment"], build(t, "base")["jobferry"])} {
		require.NotContains(t, env, "GOMEMLIMIT", "it would loosen the worker's own")
	}
}
