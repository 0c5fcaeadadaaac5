package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/jobferry/jobferry/internal/cli"
	"github.com/jobferry/jobferry/internal/job"
	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"
)

// arm publishes a job's timer as a worker does.
func (w *world) arm(j job.Job, in time.Duration) {
	w.t.Helper()
	body, err := j.Encode()
	require.NoError(w.t, err)
	_, err = w.js.PublishMsg(w.t.Context(), &nats.Msg{Subject: w.subjects.WaitFor(j.ID), Data: body, Header: nats.Header{
		"Nats-Schedule": {"@at " + time.Now().Add(in).UTC().Format(time.RFC3339Nano)}, "Nats-Schedule-Target": {w.subjects.Due(j.ID)},
	}})
	require.NoError(w.t, err)
}

func TestStatusOfAllJobs(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.publish("jobs.submit.a", []byte("a"))
	w.arm(job.Job{ID: "b"}, time.Hour)
	w.arm(job.Job{ID: "c"}, time.Hour)
	w.settle(completed("d"))
	w.settle(failed("e"))
	w.settle(failed("f"))
	stdout, stderr, err := w.run("", "status")
	require.NoError(t, err)
	require.Empty(t, stderr)
	require.Regexp(t, `^submitted    1  the oldest for \S+
waiting      2
due          0
in hand      0
settled in the last hour
  completed  1
  failed     2
  canceled   0
  rejected   0
$`, stdout)

	stdout, _, err = w.run("", "status", "--json")
	require.NoError(t, err)
	var status map[string]any
	require.NoError(t, json.Unmarshal([]byte(stdout), &status))
	require.Positive(t, status["oldestSubmittedSeconds"])
	delete(status, "oldestSubmittedSeconds")
	require.Equal(t, map[string]any{
		"submitted": 1.0, "waiting": 2.0, "due": 0.0, "inHand": 0.0, "oldestDueSeconds": 0.0,
		"settledLastHour": map[string]any{"completed": 1.0, "failed": 2.0, "canceled": 0.0, "rejected": 0.0},
	}, status)
}

func TestStatusOfOneJob(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, _, err := w.run("", "status", "a")
	require.ErrorContains(t, err, "job a: the broker holds nothing of the job")
	require.Equal(t, 1, cli.ExitStatus(err))

	submitted := time.Now().Add(-time.Minute)
	w.arm(job.Job{
		ID: "a", Attempt: 2, Polls: 3, SubmittedAt: submitted, Deadline: submitted.Add(time.Hour), Prefix: "p/",
		Metadata:  map[string]string{"b": "2", "a": "1"},
		LastError: job.LastError{Text: "the job API answers 502", Streak: job.Streak{Count: 3, Since: submitted}},
	}, 30*time.Minute)
	stdout, _, err := w.run("", "status", "a")
	require.NoError(t, err)
	require.Regexp(t, `^job         a
state       waiting until \S+ \S+ \(in 30m0s\) for attempt 3
submitted   \S+ \S+ \(1m\ds ago\)
polled      3 times
deadline    \S+ \S+ \(in 5\S+\)
last error  the job API answers 502 \(3 times since \S+ \S+ \(1m\ds ago\)\)
metadata    a=1 b=2
prefix      p/
$`, stdout)
	stdout, _, err = w.run("", "status", "--json", "a")
	require.NoError(t, err)
	var status map[string]any
	require.NoError(t, json.Unmarshal([]byte(stdout), &status))
	require.Equal(t, "waiting", status["state"])
	require.InDelta(t, 3, status["attempt"], 0, "as people are told")
	require.Equal(t, "the job API answers 502", status["lastError"].(map[string]any)["text"])
	require.NotContains(t, status, "event")

	event := w.settle(failed("a"))
	stdout, _, err = w.run("", "status", "a")
	require.NoError(t, err)
	require.Contains(t, stdout, "state  failed")
	require.Contains(t, stdout, "failed a job_expired")
	stdout, _, err = w.run("", "status", "--json", "a")
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal([]byte(stdout), &status))
	require.Equal(t, "settled", status["state"])
	body, err := json.Marshal(status["event"])
	require.NoError(t, err)
	require.JSONEq(t, event, string(body))
}

func TestStatusIsWatchedUntilItIsInterrupted(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.begin(nil, "status", "--json", "--watch=10ms")
	c.printed(`"submitted":0`)
	w.publish("jobs.submit.a", []byte("a"))
	c.printed(`"submitted":1`)
	c.interrupt()
	require.NoError(t, c.wait())
	require.Greater(t, strings.Count(c.out.String(), "\n"), 1)
}

func TestHostileTextDoesNotControlATerminal(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.settle(job.EventData{JobID: "a", Status: job.OutcomeFailed, Reason: "\x1b[31m"})
	stdout, _, err := w.run("", "status", "a")
	require.NoError(t, err)
	require.NotContains(t, stdout, "\x1b")
}

func TestTablesAlignWhateverTheColour(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	colourful := style{colour: true}
	require.NoError(t, table{{"heading that is long"}, {colourful.paint(red, "é"), "1", "rest"}, {"three", "22"}}.print(&out))
	require.Equal(t, "heading that is long\n\x1b[31mé\x1b[0m      1  rest\nthree  22\n", out.String())
	require.Equal(t, "x", style{}.paint(red, "x"))
}
