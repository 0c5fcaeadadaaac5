package main

import (
	"bytes"
	"context"
	"errors"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/jobferry/jobferry/internal/cli"
	"github.com/jobferry/jobferry/test/chaos/check"
	"github.com/jobferry/jobferry/test/chaos/plan"
	"github.com/jobferry/jobferry/test/chaos/world"
)

// The real thing, small: every kind of fault but a worker that is stopped for
// longer than the ack wait. A long run is a command; see the package.
func TestNothingIsLostAndNothingTwice(t *testing.T) {
	report := small(t, "--jobs", "150", "--worker-kills", "5", "--node-kills", "2", "--duration", "25s", "--seed", "3")
	require.Equal(t, 150, report.Jobs)
	require.Equal(t, 5, report.WorkerKills)
	require.Equal(t, 2, report.NodeKills)
	for kind, count := range report.Faults {
		if kind != string(plan.WorkerStop) {
			require.Positive(t, count, kind)
		}
	}
}

// Without kills of workers their limit of crashes is the default: outages of
// whatever they depend on count as none.
func TestNoJobIsGivenUpWhereNoWorkerIsKilled(t *testing.T) {
	report := small(t, "--jobs", "80", "--worker-kills", "0", "--node-kills", "1", "--duration", "25s", "--seed", "5")
	require.Zero(t, report.WorkerKills)
	require.Positive(t, report.Faults[string(plan.Cut)])
	require.Positive(t, report.Faults[string(plan.Stall)])
}

// small is a run in which nothing may be wrong.
func small(t *testing.T, args ...string) check.Report {
	t.Helper()
	s, err := parse(args)
	require.NoError(t, err)
	s.dir = t.TempDir()
	programs, err := world.Build(t.Context(), s.dir)
	require.NoError(t, err)
	report, err := runIn(t.Context(), s, programs, t.Output())
	require.NoError(t, err)
	require.Empty(t, report.Violations)
	require.Zero(t, report.Unacknowledged)
	return report
}

// What a run has started ends with it, also when it is broken off.
func TestInterruptLeavesNothingBehind(t *testing.T) {
	ctx, interrupt := context.WithCancelCause(t.Context())
	dir := t.TempDir()
	interrupted := errors.New("interrupted")
	out := &trigger{text: "jobs settled", pull: func() { interrupt(interrupted) }}
	err := run(ctx, []string{"--jobs", "2000", "--dir", dir}, out)
	require.ErrorIs(t, err, interrupted)
	require.Equal(t, 1, cli.ExitStatus(err))
	require.Empty(t, children(t, dir))
}

// trigger pulls when a text is written.
type trigger struct {
	text string
	pull func()
	all  bytes.Buffer
}

func (o *trigger) Write(p []byte) (int, error) {
	o.all.Write(p)
	if strings.Contains(o.all.String(), o.text) {
		o.pull()
	}
	return len(p), nil
}

// children are the processes whose command line names the folder.
func children(t *testing.T, dir string) []string {
	t.Helper()
	list, err := exec.CommandContext(t.Context(), "ps", "-A", "-o", "args").Output()
	require.NoError(t, err)
	var found []string
	for line := range strings.Lines(string(list)) {
		if strings.Contains(line, dir) {
			found = append(found, line)
		}
	}
	return found
}

func TestFlags(t *testing.T) {
	t.Parallel()
	s, err := parse([]string{"--jobs", "10000", "--seed", "7"})
	require.NoError(t, err)
	require.Equal(t, 300, s.plan.WorkerKills)
	require.Equal(t, 30, s.plan.NodeKills)
	require.Equal(t, uint64(7), s.plan.Seed)
	require.Equal(t, 3, s.plan.Workers)
	require.Equal(t, time.Duration(0), s.plan.Length)
	require.Positive(t, s.maxCrashes())
	s, err = parse([]string{"--worker-kills", "0"})
	require.NoError(t, err)
	require.Zero(t, s.maxCrashes(), "the default")
	for _, wrong := range [][]string{{"--jobs", "0"}, {"--seed", "x"}, {"rest"}, {"--unknown"}, {"--node-kills", "9", "--duration", "10s"}} {
		_, err := parse(wrong)
		require.Equal(t, 2, cli.ExitStatus(err), wrong)
	}
	_, err = parse([]string{"--help"})
	require.True(t, isHelp(err))
}
