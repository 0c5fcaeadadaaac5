package fleet_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/jobferry/jobferry/internal/fleet"
	"github.com/jobferry/jobferry/internal/job"
	"github.com/stretchr/testify/require"
)

func TestAJobIsFoundInEachState(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, err := w.Find(t.Context(), "a")
	require.ErrorIs(t, err, fleet.ErrUnknown)
	require.ErrorContains(t, err, "job a")

	w.submit("jobs.submit.a", `{"jobID": "a", "bucket": "elsewhere", "metadata": {"k": "v"}}`)
	at := w.find("a")
	require.Equal(t, fleet.Submitted, at.State)
	require.Equal(t, map[string]string{"k": "v"}, at.Job.Metadata)
	require.WithinDuration(t, time.Now(), at.Since, patience)

	msg := w.take(w.subjects.Jobs())
	require.Equal(t, fleet.InFlight, w.find("a").State)

	until := w.arm(job.Job{ID: "a", Attempt: 3}, time.Hour)
	at = w.find("a")
	require.Equal(t, fleet.Waiting, at.State, "the submission that is about to be acknowledged does not count")
	require.NoError(t, msg.DoubleAck(t.Context()))
	at = w.find("a")
	require.Equal(t, fleet.Waiting, at.State)
	require.Equal(t, until, at.Until)
	require.Equal(t, 3, at.Job.Attempt)

	w.arm(job.Job{ID: "a", Attempt: 4}, 0)
	require.Eventually(t, func() bool { return w.find("a").State == fleet.Due }, patience, 5*time.Millisecond)
	w.take(w.subjects.Wait())
	at = w.find("a")
	require.Equal(t, fleet.InFlight, at.State)
	require.Equal(t, 4, at.Job.Attempt)
	require.Nil(t, at.Event)

	sequence := w.settle(job.EventData{JobID: "a", Status: job.OutcomeFailed, Reason: "job_failed"})
	at = w.find("a")
	require.Equal(t, fleet.Settled, at.State, "its message has not been acknowledged yet")
	require.Equal(t, sequence, at.Event.Sequence)
	require.Equal(t, "job_failed", at.Event.Data.Reason)
	require.Contains(t, string(at.Event.Body), `"specversion":"1.0"`)
}

func TestASubmissionIsFoundWhateverItsSubject(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for i := range 1200 { // more than are read at once
		w.submit("jobs.submit", fmt.Sprintf("other-%d", i))
	}
	w.submit("jobs.submit.tenant", "no job ID")
	w.submit("jobs.submit", "a")
	require.Equal(t, fleet.Submitted, w.find("a").State)
	w.submit("jobs.submit.tenant", "b")
	require.Equal(t, fleet.Submitted, w.find("b").State)
	_, err := w.Find(t.Context(), "c")
	require.ErrorIs(t, err, fleet.ErrUnknown)
}

func TestLongReadingsTellHowFarTheyAre(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const count = 700 // more than are read at once
	for i := range count {
		w.submit("jobs.submit", fmt.Sprint("other-", i))
		w.settle(job.EventData{JobID: job.ID(fmt.Sprint("failed-", i)), Status: job.OutcomeFailed})
	}
	told := 0
	f := w.WithProgress(func(read, left int) {
		told++
		require.Equal(t, told, read)
		require.Equal(t, count-told, left)
	})
	_, err := f.Find(t.Context(), "a")
	require.ErrorIs(t, err, fleet.ErrUnknown)
	require.Equal(t, count, told)
	told = 0
	ids, err := list(t.Context(), f)
	require.NoError(t, err)
	require.Len(t, ids, count)
	require.Equal(t, count, told)
}

// TestASearchThatTakesTooLongTellsHowFarItCame: that the job is unknown it
// cannot say.
func TestASearchThatTakesTooLongTellsHowFarItCame(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for i := range 4 {
		w.submit("jobs.submit", fmt.Sprint("other-", i))
	}
	f := w.through(map[string]limits{"DIRECT.GET.JOBS": func(answer int) int {
		return []int{-1, 3}[answer]
	}})
	_, err := f.Impatient(patience).Hurried(silence).Find(t.Context(), "a")
	require.NotErrorIs(t, err, fleet.ErrUnknown)
	require.EqualError(t, err, "job a: it is none of the 3 submissions that were searched, and 1 are left: read stream JOBS: given up after 1s")
}

func TestSettledCountsEventsByOutcome(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	before := time.Now()
	for i := range 3 {
		w.settle(job.EventData{JobID: job.ID(fmt.Sprintf("c%d", i)), Status: job.OutcomeCompleted})
	}
	w.settle(job.EventData{JobID: "f", Status: job.OutcomeFailed})
	w.submit(w.subjects.Rejected("JOBS", 7), "{}")
	counts, err := w.Settled(t.Context(), before.Add(-time.Minute))
	require.NoError(t, err)
	require.Equal(t, map[job.Outcome]int{job.OutcomeCompleted: 3, job.OutcomeFailed: 1, job.OutcomeCanceled: 0, job.OutcomeRejected: 1}, counts)
	counts, err = w.Settled(t.Context(), time.Now().Add(time.Minute))
	require.NoError(t, err)
	require.Zero(t, counts[job.OutcomeCompleted])
}

func TestWaitingJobsAreListedUpToALimit(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, id := range []job.ID{"a", "b", "c"} {
		w.arm(job.Job{ID: id}, time.Hour)
	}
	jobs, err := w.Waiting(t.Context(), 2)
	require.NoError(t, err)
	require.Len(t, jobs, 2)
	require.Equal(t, job.ID("a"), jobs[0].Job.ID)
	require.WithinDuration(t, time.Now().Add(time.Hour), jobs[0].Until, patience)
	jobs, err = w.Waiting(t.Context(), 9)
	require.NoError(t, err)
	require.Len(t, jobs, 3)
}

func TestAMissingStreamIsNamed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	require.NoError(t, w.js.DeleteStream(t.Context(), w.subjects.Events()))
	_, err := w.Find(t.Context(), "a")
	require.ErrorContains(t, err, "JOBS_EVENTS")
	require.ErrorContains(t, err, "worker setup")
	_, err = w.Settled(t.Context(), time.Now())
	require.ErrorContains(t, err, "JOBS_EVENTS")
}
