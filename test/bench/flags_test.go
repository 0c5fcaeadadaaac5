package main

import (
	"bytes"
	"io"
	"testing"

	"github.com/jobferry/jobferry/internal/cli"
	"github.com/spf13/pflag"
	"github.com/stretchr/testify/require"
)

func TestFlagsThatMeanNothingAreRefused(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{
		{"--runs", "0"}, {"--scale", "0"}, {"--scale", "NaN"}, {"--scale", "+Inf"}, {"--at-once", "0"}, {"--store", "disk"},
		{"--worker", "a", "--profile", "b"}, {"--baseline", "a", "--profile", "b"}, {"--nothing"}, {"small-2k"}, {"--workload", "nothing"},
	} {
		err := run(t.Context(), args, io.Discard, io.Discard)
		require.Equal(t, 2, cli.ExitStatus(err), "%v: %v", args, err)
	}
}

func TestHelpAndListMeasureNothing(t *testing.T) {
	t.Parallel()
	var help, list bytes.Buffer
	require.NoError(t, run(t.Context(), []string{"--help"}, &help, io.Discard))
	require.Contains(t, help.String(), "--scale")
	require.NoError(t, run(t.Context(), []string{"--list", "--scale", "0.5"}, &list, io.Discard))
	require.Contains(t, list.String(), "5000 files of 2 KiB\n")
}

func TestPick(t *testing.T) {
	t.Parallel()
	s := settings{scale: 1, workloads: []string{"ready", "known", "known-4m"}}
	picked, err := s.pick(workloads(&s))
	require.NoError(t, err)
	var names []string
	for _, w := range picked {
		names = append(names, w.name)
	}
	require.Equal(t, []string{"known-4m", "known-64m", "known-2g", "ready"}, names)
}

func TestCountIsAtLeastOne(t *testing.T) {
	t.Parallel()
	s := settings{scale: 0.001}
	require.Equal(t, 1, s.count(16))
	require.Equal(t, 10, s.count(10_000))
}

func TestPathsAreMadeAbsolute(t *testing.T) {
	t.Parallel()
	s, err := parse([]string{"--dir", "a", "--out", "b"}, io.Discard)
	require.NoError(t, err)
	require.True(t, s.dir[0] == '/' && s.out[0] == '/', "%+v", s)
	require.Empty(t, s.worker)
	_, err = parse([]string{"-h"}, io.Discard)
	require.ErrorIs(t, err, pflag.ErrHelp)
}
