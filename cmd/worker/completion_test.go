package main

import (
	"bytes"
	"context"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jobferry/jobferry/internal/job"
	"github.com/spf13/cobra"
	"github.com/stretchr/testify/require"
)

// complete is what a shell is told of the last argument, descriptions aside,
// and whether it may offer names of files besides.
func (w *world) complete(args ...string) (offers []string, files bool) {
	w.t.Helper()
	w.t.Setenv("NATS_URL", "nats://"+w.addr)
	var out bytes.Buffer
	root := newRoot(w.t.Context())
	root.SetOut(&out)
	root.SetErr(&bytes.Buffer{})
	root.SetArgs(append([]string{cobra.ShellCompNoDescRequestCmd}, args...))
	require.NoError(w.t, root.ExecuteContext(context.Background()))
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	last := lines[len(lines)-1]
	directive, err := strconv.Atoi(strings.TrimPrefix(last, ":"))
	require.NoError(w.t, err)
	return lines[:len(lines)-1], cobra.ShellCompDirective(directive)&cobra.ShellCompDirectiveNoFileComp == 0
}

//nolint:paralleltest // it sets the environment
func TestCompletionOffersWhatFits(t *testing.T) {
	w := newWorld(t)
	for _, id := range []job.ID{"job-1", "job-2", "other"} {
		w.arm(job.Job{ID: id}, time.Hour)
	}
	w.settle(failed("old"))
	w.settle(job.EventData{JobID: "new", Status: job.OutcomeFailed, Reason: "store_failed", SettledAt: time.Now()})
	for line, offers := range map[string][]string{
		"status jo":                          {"job-1", "job-2"},
		"status job-1 ":                      {},
		"cancel ":                            {"job-1", "job-2", "other"},
		"cancel job-1 ":                      {"job-2", "other"},
		"now job-1 other j":                  {"job-2"},
		"events ":                            {},
		"events --job o":                     {"other"},
		"events --since ":                    {},
		"submit ":                            {},
		"submit --prefix ":                   {},
		"submit a ":                          {},
		"run ":                               {},
		"replay ":                            {"old", "new"},
		"replay new ":                        {"old"},
		"replay --reason store_failed ":      {"new"},
		"replay --since 1h ":                 {"new"},
		"replay --reason store_":             {"store_rejected", "store_failed"},
		"replay --reason job_failed,store":   {"job_failed,store_rejected", "job_failed,store_failed"},
		"replay --reason store_failed,sto":   {"store_failed,store_rejected"},
		"replay --reason=job_failed,st":      {"job_failed,store_rejected", "job_failed,store_failed"},
		"now --nats-url nats://127.0.0.1:1 ": {},
	} {
		have, files := w.complete(strings.Split(line, " ")...)
		require.ElementsMatch(t, offers, have, line)
		require.False(t, files, line)
	}
	_, files := w.complete("run", "--nats-creds", "")
	require.True(t, files, "that is a file")
	flags, _ := w.complete("run", "--worker-p")
	require.Contains(t, flags, "--worker-polls")
}
