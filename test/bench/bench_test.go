package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/jobferry/jobferry/test/bench/lab"
	"github.com/jobferry/jobferry/test/bench/report"
	"github.com/jobferry/jobferry/test/bench/servers"
)

// TestMain lets the binary of the tests be what that of the benchmark is: the
// servers too.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == lab.ServeCommand {
		if err := bench(context.Background(), os.Args[1:]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}

// TestRun measures a few of the workloads with very few jobs, in as many ways
// as there are: what the figures are is not its business.
func TestRun(t *testing.T) {
	t.Parallel()
	dir, out := t.TempDir(), filepath.Join(t.TempDir(), "out")
	var table, progress bytes.Buffer
	err := run(t.Context(), []string{
		"--workload", "small-2k,json,armed,ready", "--runs", "1", "--scale", "0.002",
		"--dir", dir, "--out", out, "--markdown",
	}, &table, &progress)
	require.NoError(t, err, progress.String())
	require.Contains(t, table.String(), "| 20 files of 2 KiB | ")
	require.Contains(t, table.String(), "| 2000 jobs armed, 20 more due within 120ms: due to event | ")
	requireSamples(t, filepath.Join(out, "runs.json"))
	left, err := filepath.Glob(filepath.Join(dir, "lab-*"))
	require.NoError(t, err)
	require.Empty(t, left, "a run takes its servers' data away")
}

// TestRunSideBySide compares two workers.
func TestRunSideBySide(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	binaries, err := build(t.Context(), settings{}, dir)
	require.NoError(t, err)
	var table, progress bytes.Buffer
	err = run(t.Context(), []string{
		"--workload", "small-2k", "--runs", "1", "--scale", "0.01", "--store", "discard", "--side-by-side",
		"--dir", dir, "--worker", binaries.setup, "--baseline", binaries.setup,
	}, &table, &progress)
	require.NoError(t, err, progress.String())
	require.Contains(t, table.String(), "CPU a job at most")
	require.NotContains(t, table.String(), "jobs/s at least", "they share the machine")
}

// TestRunWithProfiles leaves profiles of both programs that the go command
// reads, and in which the worker's own code is seen.
func TestRunWithProfiles(t *testing.T) {
	t.Parallel()
	profiles := filepath.Join(t.TempDir(), "profiles")
	err := run(t.Context(), []string{
		"--workload", "small-100k", "--runs", "1", "--scale", "0.1", "--store", "discard",
		"--dir", t.TempDir(), "--profile", profiles,
	}, io.Discard, io.Discard)
	require.NoError(t, err)
	for file, code := range map[string]string{
		"worker-*.cpu": "jobferry/internal/", "worker-*.allocs": "jobferry/internal/",
		"baseline-*.cpu": "main.", "baseline-*.allocs": "main.",
	} {
		found, err := filepath.Glob(filepath.Join(profiles, file))
		require.NoError(t, err)
		require.Len(t, found, 1, file)
		top, err := exec.CommandContext(t.Context(), "go", "tool", "pprof", "-top", "-nodefraction=0", found[0]).Output()
		require.NoError(t, err, file)
		require.Contains(t, string(top), code, file)
	}
}

// requireSamples asserts that everything that can be measured was.
func requireSamples(t *testing.T, path string) {
	t.Helper()
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	var saved report.Report
	require.NoError(t, json.Unmarshal(content, &saved))
	require.Len(t, saved.Rows, 4)
	require.Len(t, saved.Rows[0].Baseline, 1)
	require.Positive(t, saved.Machine.BinarySize)
	for _, row := range saved.Rows {
		require.Len(t, row.Worker, 1, row.Workload)
		for _, s := range append(row.Worker, row.Baseline...) {
			require.Positive(t, s.Elapsed, row.Workload)
			require.Positive(t, s.Program.CPU, row.Workload)
			require.Greater(t, s.Program.RSS, int64(5<<20), row.Workload)
			for _, server := range []string{servers.NATS, servers.Store, servers.API} {
				require.Positive(t, s.Servers[server].CPU, row.Workload)
				require.Positive(t, s.Servers[server].RSS, row.Workload)
			}
		}
	}
}
