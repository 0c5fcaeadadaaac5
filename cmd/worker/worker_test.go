package main

import (
	"bytes"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/jobferry/jobferry/internal/cli"
	"github.com/jobferry/jobferry/internal/config"
	"github.com/stretchr/testify/require"
)

func TestExitStatus(t *testing.T) {
	t.Parallel()
	require.Zero(t, cli.ExitStatus(nil))
	require.Equal(t, 1, cli.ExitStatus(errors.New("x")))
	require.Equal(t, 2, cli.ExitStatus(fmt.Errorf("wrapped: %w", &config.Problems{})))
	require.Equal(t, 2, cli.ExitStatus(cli.UsageError(errors.New("x"))))
}

func TestHelpShowsAnExampleOfEachCommand(t *testing.T) {
	t.Parallel()
	for _, command := range newRoot(t.Context()).Commands() {
		require.Contains(t, command.Example, "worker "+command.Name())
		var out bytes.Buffer
		root := newRoot(t.Context())
		root.SetOut(&out)
		root.SetArgs([]string{command.Name(), "--help"})
		require.NoError(t, root.Execute())
		require.Contains(t, out.String(), command.Example)
	}
}

func TestRunHasAFlagForEverySetting(t *testing.T) {
	t.Parallel()
	flags := newRun(t.Context()).Flags()
	for _, setting := range config.Settings() {
		require.NotNil(t, flags.Lookup(setting.Flag()), setting.Name)
	}
}

func TestWrongCommandLinesEndWithStatusTwo(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"run", "argument"}, {"run", "--nonsense"}, {"events", "--since", "soon"}, {"events", "--since=-1h"}, {"events", "--job", "a b"}, {"sumbit"}} {
		root := newRoot(t.Context())
		root.SetArgs(args)
		require.Equal(t, 2, cli.ExitStatus(root.Execute()), args)
	}
}

func TestVersion(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	root := newRoot(t.Context())
	root.SetOut(&out)
	root.SetArgs([]string{"version"})
	require.NoError(t, root.Execute())
	require.Regexp(t, `^jobferry \S+, revision \S+, go1\.\d+`, out.String())
}

//nolint:paralleltest // it changes what the linker sets
func TestVersionOfTheLinkerComesFirst(t *testing.T) {
	version, revision = "v1.2.3", "abcdef"
	t.Cleanup(func() { version, revision = "", "" })
	require.Regexp(t, `^jobferry v1\.2\.3, revision abcdef, go1\.\d+`, versionLine())
}

func TestSetupCreatesTheStreams(t *testing.T) {
	t.Parallel()
	w := newBroker(t)
	for range 2 {
		stdout, _, err := w.run("", "setup", "--worker-events-max-age", "2h")
		require.NoError(t, err)
		require.Equal(t, "streams JOBS, JOBS_WAIT and JOBS_EVENTS are ready; publish job IDs to jobs.submit\n", stdout)
	}
	stream, err := w.js.Stream(t.Context(), w.subjects.Events())
	require.NoError(t, err)
	require.Equal(t, 2*time.Hour, stream.CachedInfo().Config.MaxAge)
}

func TestSettingsOfACommandAreCheckedBeforeItConnects(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{
		{"setup", "--worker-stream-replicas", "9"}, {"submit", "--nats-url", "ftp://x", "one"}, {"events", "--worker-subject-prefix", "a b"},
	} {
		root := newRoot(t.Context())
		root.SetArgs(args)
		require.Equal(t, 2, cli.ExitStatus(root.ExecuteContext(t.Context())), args)
	}
}
