package main

import (
	"strings"
	"testing"
	"time"

	"github.com/jobferry/jobferry/internal/cli"
	"github.com/jobferry/jobferry/internal/job"
	"github.com/stretchr/testify/require"
)

var settled = time.Date(2026, 11, 23, 20, 0, 0, 0, time.Local)

func completed(id job.ID) job.EventData {
	return job.EventData{
		JobID: id, Status: job.OutcomeCompleted, Kind: job.KindFile, SettledAt: settled,
		Objects: []job.Object{{Bucket: "b", Key: string(id) + "/result.pdf", Size: 2048}},
	}
}

func failed(id job.ID) job.EventData {
	return job.EventData{JobID: id, Status: job.OutcomeFailed, Reason: "job_expired", SettledAt: settled}
}

func TestEventsFromNowOn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.settle(completed("before"))
	c := w.begin(nil, "events")
	w.readers(1)
	w.settle(completed("one"))
	w.settle(failed("two"))
	w.publish("jobs.events.completed.three", []byte("no event"))
	w.settle(completed("four"))
	c.printed("four")
	c.interrupt()
	require.NoError(t, c.wait(), "stopped as asked")
	require.Equal(t, strings.Join([]string{
		"2026-11-23 20:00:00  completed  one                                   file               2.0 KiB  s3://b/one/result.pdf",
		"2026-11-23 20:00:00  failed     two                                   job_expired",
		"a message on jobs.events.completed.three cannot be read as an event",
		"2026-11-23 20:00:00  completed  four                                  file               2.0 KiB  s3://b/four/result.pdf",
		"",
	}, "\n"), c.out.String())
	require.Empty(t, c.errs.String())
}

func TestEventsAsJSONSinceATime(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	first, second := w.settle(completed("one")), w.settle(failed("two"))
	w.publish("jobs.events.completed.pretty", []byte("{\n  \"data\": {\"jobID\": \"pretty\"}\n}"))
	c := w.begin(nil, "events", "--json", "--since", "1h")
	c.printed("pretty")
	c.interrupt()
	require.NoError(t, c.wait())
	require.Equal(t, first+"\n"+second+"\n"+`{"data":{"jobID":"pretty"}}`+"\n", c.out.String())
}

func TestEventsOfOneJob(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.settle(completed("done"))
	stdout, _, err := w.run("", "events", "--job", "done")
	require.NoError(t, err, "its event is there already")
	require.Contains(t, stdout, "done/result.pdf")

	c := w.begin(nil, "events", "--job", "late")
	w.readers(2)
	w.settle(completed("other"))
	w.settle(failed("late"))
	err = c.wait()
	require.ErrorIs(t, err, errNotCompleted)
	require.Equal(t, 1, cli.ExitStatus(err))
	require.Contains(t, c.out.String(), "late")
	require.NotContains(t, c.out.String(), "other")
}

func TestEventsOfAJobWhoseSubmissionIsRejected(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	reject := func(sequence uint64, id job.ID) {
		body, err := job.NewEvent("JOBS.1", job.EventData{JobID: id, Status: job.OutcomeRejected, Reason: "bucket \"x\" is not allowed"}, "").Encode()
		require.NoError(t, err)
		w.publish(w.subjects.Rejected("JOBS", sequence), body)
	}
	reject(1, "mine")
	stdout, _, err := w.run("", "events", "--job", "mine", "--since", "1h")
	require.ErrorIs(t, err, errNotCompleted)
	require.Contains(t, stdout, `bucket "x" is not allowed`)

	c := w.begin(nil, "events", "--job", "mine")
	w.readers(2)
	reject(2, "other")
	w.settle(completed("mine"))
	require.NoError(t, c.wait(), "an earlier rejection does not count: the job may have been submitted again")

	c = w.begin(nil, "events", "--job", "third")
	w.readers(2)
	reject(3, "third")
	require.ErrorIs(t, c.wait(), errNotCompleted)
}

func TestEventsGoOnAfterAnOutage(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.settle(completed("before"))
	c := w.begin(nil, "events", "--json")
	w.readers(1)
	w.stop()
	require.Eventually(t, func() bool { return strings.Contains(c.errs.String(), "worker: lost the connection to nats") },
		patience, 2*time.Millisecond)
	addr := w.addr
	w.addr = "127.0.0.1:0" // where the command does not find it
	w.startBroker()
	want := w.settle(completed("during")) + "\n"
	w.stop()
	w.addr = addr
	w.startBroker()
	want += w.settle(completed("after")) + "\n"
	c.printed("after")
	c.interrupt()
	require.NoError(t, c.wait())
	require.Equal(t, want, c.out.String(), "nothing is lost or printed twice")
}

func TestEventsEndDuringAnOutage(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.begin(nil, "events")
	w.readers(1)
	w.stop()
	require.Eventually(t, func() bool { return c.errs.String() != "" }, patience, 2*time.Millisecond)
	c.interrupt()
	require.NoError(t, c.wait())
}

func TestAnInterruptIsNoCompletion(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.settle(completed("other"))
	c := w.begin(nil, "events", "--job", "running")
	w.readers(2)
	c.interrupt()
	err := c.wait()
	require.ErrorIs(t, err, errNotSettled)
	require.Equal(t, 1, cli.ExitStatus(err))

	w.stop()
	c = w.begin(nil, "events", "--job", "running")
	c.interrupt()
	require.ErrorIs(t, c.wait(), errNotSettled, "not even while it connects")
}

func TestEventsWithoutAStreamSayWhatToDo(t *testing.T) {
	t.Parallel()
	w := newBroker(t)
	for _, args := range [][]string{{"events"}, {"events", "--since", "1h"}, {"events", "--job", "a"}} {
		_, _, err := w.run("", args...)
		require.EqualError(t, err, "there is no stream JOBS_EVENTS yet: run `worker setup`, or start a worker")
	}
}

func TestRowOfAnEvent(t *testing.T) {
	t.Parallel()
	object := job.Object{Bucket: "b", Key: "k", Size: 2048}
	for want, data := range map[string]job.EventData{
		"file               2.0 KiB  s3://b/k":             {Status: job.OutcomeCompleted, Kind: job.KindFile, Objects: []job.Object{object}},
		"files              4.0 KiB  s3://b/k and 1 more":  {Status: job.OutcomeCompleted, Kind: job.KindFiles, Objects: []job.Object{object, object}},
		"files              9 objects, listed in s3://b/m": {Status: job.OutcomeCompleted, Kind: job.KindFiles, ObjectCount: 9, Manifest: &job.Manifest{Bucket: "b", Key: "m"}},
		"delivered": {Status: job.OutcomeCompleted, Kind: job.KindDelivered},
		"job_failed         OCRFailed The scan is blank": {Status: job.OutcomeFailed, Reason: "job_failed", Error: &job.Problem{Type: "OCRFailed", Title: "The scan is blank"}},
		"deadline_exceeded":                                 {Status: job.OutcomeFailed, Reason: "deadline_exceeded"},
		"the submission is empty":                           {Status: job.OutcomeRejected, Reason: "the submission is empty"},
		"job_failed         \ufffd[31m\ufffdred":            {Status: job.OutcomeFailed, Reason: "job_failed", Error: &job.Problem{Title: "\x1b[31m\nred"}},
		"2026-11-23 20:00:00  canceled   the-id":            {JobID: "the-id", Status: job.OutcomeCanceled, SettledAt: settled},
		"2026-11-23 20:00:00  rejected   JOBS.1           ": {Status: job.OutcomeRejected, Reason: "x", SettledAt: settled},
	} {
		require.Contains(t, row(job.NewEvent("JOBS.1", data, "")), want)
	}
}
