package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/jobferry/jobferry/internal/cli"
	"github.com/jobferry/jobferry/internal/fleet"
	"github.com/jobferry/jobferry/internal/job"
	"github.com/stretchr/testify/require"
)

func TestCancel(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.arm(job.Job{ID: "a"}, time.Hour)
	w.settle(completed("b"))
	stdout, stderr, err := w.run("", "cancel", "a", "b", "c")
	require.EqualError(t, err, "2 jobs not changed")
	require.Equal(t, 1, cli.ExitStatus(err))
	require.Equal(t, "a                                     canceled; it was waiting\n", stdout)
	require.Contains(t, stderr, "job b is settled already: completed at 2026-11-23T20:00:00")
	require.Contains(t, stderr, "job c: the broker holds nothing of the job")
	stdout, _, err = w.run("", "cancel", "a")
	require.NoError(t, err, "it is as it was asked for")
	require.Contains(t, stdout, "canceled already")
	stdout, _, err = w.run("", "cancel", "--json", "a", "b")
	require.Error(t, err)
	lines := strings.Split(strings.TrimSpace(stdout), "\n")
	require.JSONEq(t, `{"jobID": "a", "done": true, "state": "settled"}`, lines[0])
	var line repaired
	require.NoError(t, json.Unmarshal([]byte(lines[1]), &line))
	require.False(t, line.Done)
	require.Contains(t, line.Error, "completed")
}

func TestNow(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.arm(job.Job{ID: "a"}, time.Hour)
	stdout, stderr, err := w.run("", "now", "a")
	require.NoError(t, err)
	require.Empty(t, stderr)
	require.Equal(t, "a                                     due now; it was waiting\n", stdout)
	stdout, stderr, err = w.run("", "now", "a")
	require.EqualError(t, err, "1 job not changed")
	require.Empty(t, stdout)
	require.Equal(t, "job a does not wait: it is due, and polled as soon as a worker takes it\n", stderr)
}

func TestReplay(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	now := time.Now()
	fail := func(id job.ID, reason job.Reason, at time.Time) {
		w.settle(job.EventData{JobID: id, Status: job.OutcomeFailed, Reason: string(reason), SettledAt: at})
	}
	fail("old", job.ReasonStoreFailed, now.Add(-2*time.Hour))
	fail("store", job.ReasonStoreFailed, now)
	fail("unknown", job.ReasonJobUnknown, now)
	w.settle(completed("done"))
	w.settle(job.EventData{JobID: "stopped", Status: job.OutcomeCanceled, SettledAt: now})

	stdout, _, err := w.run("", "replay", "--dry-run", "--reason", "store_failed,job_unknown", "--since", "1h")
	require.NoError(t, err)
	require.Regexp(t, `^store +would be submitted once more; it was failed \(store_failed\) \S+ ago
unknown +would be submitted once more; it was failed \(job_unknown\) \S+ ago
2 jobs would be submitted once more
$`, stdout)
	require.Empty(t, w.submissions())

	stdout, _, err = w.run("", "replay", "--reason", "store_failed")
	require.NoError(t, err)
	require.Contains(t, stdout, "2 jobs submitted once more")
	require.Len(t, w.submissions(), 2)
	stdout, stderr, err := w.run("", "replay", "--dry-run", "--since", "1h")
	require.EqualError(t, err, "1 job not changed", "as it is without --dry-run")
	require.Contains(t, stderr, "job store: the job is on its way once more already")
	require.Contains(t, stdout, "1 job would be submitted once more")

	stdout, stderr, err = w.run("", "replay", "store", "unknown", "done", "stopped", "nobody")
	require.EqualError(t, err, "3 jobs not changed")
	require.Contains(t, stdout, "2 jobs submitted once more")
	require.Contains(t, stderr, "job store: the job is on its way once more already")
	require.Contains(t, stderr, "job done is completed")
	require.Contains(t, stderr, "job nobody: the broker holds nothing")
	require.Len(t, w.submissions(), 4)
	_, stderr, err = w.run("", "replay", "--reason", "store_failed", "unknown")
	require.Error(t, err)
	require.NotEmpty(t, stderr)
}

func TestReplayWantsToKnowWhich(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"replay"}, {"replay", "--since=-1h"}, {"replay", "--reason", "bad_luck"}, {"cancel"}, {"now"}, {"now", "a b"}, {"status", "a", "b"}, {"status", "--watch=-1s"}} {
		root := newRoot(t.Context())
		root.SetArgs(args)
		require.Equal(t, 2, cli.ExitStatus(root.ExecuteContext(t.Context())), args)
	}
}

func TestAReportTellsWhatIsChangedInPart(t *testing.T) {
	t.Parallel()
	var out, errs bytes.Buffer
	r := &report{out: &out, errs: &errs, json: true, progress: newProgress(&errs)}
	require.NoError(t, r.close())
	leftover := &fleet.LeftoverError{JobID: "a", Err: errors.New("its old event stays: no right")}
	require.NoError(t, r.tell("a", fleet.Waiting, "", leftover))
	require.JSONEq(t, `{"jobID": "a", "done": true, "state": "waiting", "error": "job a is canceled, but its old event stays: no right"}`, out.String())
	require.EqualError(t, r.close(), "1 job not cleared away; run it again")
	require.NoError(t, r.tell("b", "", "", errors.New("no")))
	require.EqualError(t, r.close(), "1 job not changed, 1 job not cleared away; run it again")
}
