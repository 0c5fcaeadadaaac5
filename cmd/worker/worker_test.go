package main

import (
	"bytes"
	"errors"
	"fmt"
	"testing"

	"github.com/jobferry/jobferry/internal/config"
	"github.com/jobferry/jobferry/internal/job"
	"github.com/stretchr/testify/require"
)

func TestExitStatus(t *testing.T) {
	t.Parallel()
	require.Zero(t, exitStatus(nil))
	require.Equal(t, 1, exitStatus(errors.New("x")))
	require.Equal(t, 2, exitStatus(fmt.Errorf("wrapped: %w", &config.Problems{})))
	require.Equal(t, 2, exitStatus(usageError{errors.New("x")}))
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
	for _, args := range [][]string{{"run", "argument"}, {"run", "--nonsense"}, {"events", "--since", "soon"}} {
		root := newRoot(t.Context())
		root.SetArgs(args)
		require.Equal(t, 2, exitStatus(root.Execute()), args)
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

func TestDetailOfAnEvent(t *testing.T) {
	t.Parallel()
	object := job.Object{Bucket: "b", Key: "k", Size: 2048}
	for want, data := range map[string]job.EventData{
		"file  2KiB  s3://b/k":                    {Status: job.OutcomeCompleted, Kind: job.KindFile, Objects: []job.Object{object}},
		"files  4KiB  s3://b/k and 1 more":        {Status: job.OutcomeCompleted, Kind: job.KindFiles, Objects: []job.Object{object, object}},
		"files  9 objects, listed in s3://b/m":    {Status: job.OutcomeCompleted, Kind: job.KindFiles, ObjectCount: 9, Manifest: &job.Manifest{Bucket: "b", Key: "m"}},
		"delivered":                               {Status: job.OutcomeCompleted, Kind: job.KindDelivered},
		"job_failed: OCRFailed The scan is blank": {Status: job.OutcomeFailed, Reason: "job_failed", Error: &job.Problem{Type: "OCRFailed", Title: "The scan is blank"}},
		"deadline_exceeded":                       {Status: job.OutcomeFailed, Reason: "deadline_exceeded"},
		"the submission is empty":                 {Status: job.OutcomeRejected, Reason: "the submission is empty"},
	} {
		require.Equal(t, want, detail(data))
	}
}
