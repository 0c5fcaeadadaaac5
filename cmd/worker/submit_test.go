package main

import (
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/jobferry/jobferry/internal/cli"
	"github.com/stretchr/testify/require"
)

func TestSubmitFromArguments(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	stdout, stderr, err := w.run("", "submit", "one", "two", "--", "-three")
	require.NoError(t, err)
	require.Equal(t, "submitted 3 jobs\n", stdout)
	require.Empty(t, stderr)
	require.Equal(t, map[string]string{"jobs.submit.one": "one", "jobs.submit.two": "two", "jobs.submit.-three": "-three"}, w.submissions())

	stdout, _, err = w.run("", "submit", "one", "four")
	require.NoError(t, err, "to submit again does no harm")
	require.Equal(t, "submitted 1 job, 1 was already submitted\n", stdout)
	require.Len(t, w.submissions(), 4)
}

func TestSubmitFromStandardInput(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	stdout, stderr, err := w.run("one\n\n  two\r\nbad id\n{\"jobID\": \"json\"}\nthree", "submit")
	require.EqualError(t, err, "2 jobs not submitted")
	require.Equal(t, 1, cli.ExitStatus(err))
	require.Equal(t, "submitted 3 jobs\n", stdout)
	require.Contains(t, stderr, `"bad id": the job ID has ' ' at byte 4`)
	require.Len(t, w.submissions(), 3, "nothing of a bad line is sent")
	require.Equal(t, "two", w.submissions()["jobs.submit.two"])
}

func TestSubmitMany(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var ids strings.Builder
	for i := range 5000 {
		fmt.Fprintf(&ids, "job-%d\n", i)
	}
	stdout, _, err := w.run(ids.String(), "submit")
	require.NoError(t, err)
	require.Equal(t, "submitted 5000 jobs\n", stdout)
}

func TestSubmitWithOptions(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, _, err := w.run("", "submit", "--prefix", "tenant-a/", "--metadata", "orderID=42,b=c", "--metadata", "note=", "--bucket", "other",
		"--deadline", "2026-11-23T21:00:00Z", "one")
	require.NoError(t, err)
	require.JSONEq(t, `{"jobID": "one", "prefix": "tenant-a/", "bucket": "other", "metadata": {"orderID": "42,b=c", "note": ""},
		"deadline": "2026-11-23T21:00:00Z"}`, w.submissions()["jobs.submit.one"])
}

func TestSubmitRefusesWrongOptionsBeforeItSendsAnything(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for option, problem := range map[string]string{
		"--prefix=/a":              "the prefix starts with /",
		"--metadata=novalue":       `--metadata "novalue" has no value`,
		"--metadata=job-id=x":      "reserved",
		"--deadline=soon":          "neither a duration",
		"--deadline=-1h":           "over already",
		"--worker-subject-prefix=": "",
	} {
		_, _, err := w.run("", "submit", option, "one")
		if problem == "" {
			require.NoError(t, err, option)
			continue
		}
		require.ErrorContains(t, err, problem)
		require.Equal(t, 2, cli.ExitStatus(err), option)
	}
	require.Len(t, w.submissions(), 1)
	_, _, err := w.run("", "submit", "--metadata=a=1", "--metadata=a=2", "one")
	require.ErrorContains(t, err, "twice")
}

func TestABadArgumentIsAMistakeInTheCommandLine(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, _, err := w.run("", "submit", "--metadata=novalue", "good", "bad/id", "bad id")
	require.Equal(t, 2, cli.ExitStatus(err))
	for _, problem := range []string{`--metadata "novalue"`, `"bad/id": the job ID has '/' at byte 4`, `"bad id": the job ID has ' ' at byte 4`} {
		require.ErrorContains(t, err, problem)
	}
	require.Empty(t, w.submissions(), "nothing is sent, not even what is good")
}

func TestDeadlineAsADuration(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 23, 20, 0, 0, 0, time.UTC)
	form, err := (&submitOptions{deadline: "90m"}).form(now)
	require.NoError(t, err)
	require.Equal(t, now.Add(90*time.Minute), *form.Deadline)
}

func TestSubmitWithoutAStreamSaysWhatToDo(t *testing.T) {
	t.Parallel()
	w := newBroker(t)
	ids, feed := io.Pipe()
	defer feed.Close()
	c := w.begin(ids, "submit")
	_, err := io.WriteString(feed, "one\ntwo\n")
	require.NoError(t, err)
	err = c.wait() // although more may come
	require.ErrorContains(t, err, "there is no stream JOBS yet: run `worker setup`")
	require.Equal(t, 1, cli.ExitStatus(err))
	require.Equal(t, "submitted 0 jobs\n", c.out.String())
	require.Empty(t, c.errs.String(), "it is said once, not for each ID")
}

func TestSubmitIsInterruptedWhileItWaitsForInput(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ids, feed := io.Pipe()
	defer feed.Close()
	c := w.begin(ids, "submit")
	_, err := io.WriteString(feed, "one\ntwo\n")
	require.NoError(t, err)
	require.Eventually(t, func() bool { return len(w.submissions()) == 2 }, patience, 2*time.Millisecond)
	c.interrupt()
	require.ErrorIs(t, c.wait(), errInterrupted)
	require.Equal(t, "submitted 2 jobs\n", c.out.String(), "what was sent is confirmed and counted")
}

func TestSubmitToAFullStreamTellsWhichJobsAreMissing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	stream, err := w.js.Stream(t.Context(), w.subjects.Jobs())
	require.NoError(t, err)
	full := stream.CachedInfo().Config
	full.MaxMsgs = 1
	_, err = w.js.UpdateStream(t.Context(), full)
	require.NoError(t, err)
	stdout, stderr, err := w.run("", "submit", "one", "two")
	require.EqualError(t, err, "1 job not submitted")
	require.Equal(t, "submitted 1 job\n", stdout)
	require.Contains(t, stderr, `"two": `)
	require.Contains(t, stderr, "maximum messages exceeded")
}
