package fleet_test

import (
	"sync"
	"testing"
	"time"

	"github.com/jobferry/jobferry/internal/fleet"
	"github.com/jobferry/jobferry/internal/job"
	"github.com/stretchr/testify/require"
)

func TestNowMakesAWaitingJobDueInThePlaceOfItsTimer(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.arm(job.Job{ID: "a", Attempt: 5}, time.Hour)
	at, err := w.Now(t.Context(), "a")
	require.NoError(t, err)
	require.Equal(t, fleet.Waiting, at.State)
	require.EqualValues(t, 1, w.messages(w.subjects.Wait()), "the timer is gone")
	due := w.find("a")
	require.Equal(t, fleet.Due, due.State)
	require.Equal(t, 5, due.Job.Attempt)
}

func TestNowOfAJobThatDoesNotWait(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, err := w.Now(t.Context(), "a")
	require.ErrorIs(t, err, fleet.ErrUnknown)
	w.submit("jobs.submit.a", "a")
	_, err = w.Now(t.Context(), "a")
	require.EqualError(t, err, "job a does not wait: it is submitted, and polled as soon as a worker takes it")
	w.settle(job.EventData{JobID: "a", Status: job.OutcomeCompleted})
	_, err = w.Now(t.Context(), "a")
	require.EqualError(t, err, "job a does not wait: it is settled")
}

// TestNowManyTimesAtOnceIsDueOnce: the timer may fire in the same moment.
func TestNowManyTimesAtOnceIsDueOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, id := range []job.ID{"a", "b", "c", "d"} {
		w.arm(job.Job{ID: id}, 300*time.Millisecond)
		var racing sync.WaitGroup
		for range 4 {
			racing.Go(func() { _, _ = w.Now(t.Context(), id) })
		}
		racing.Wait()
		msg := w.take(w.subjects.Wait())
		require.Equal(t, w.subjects.Due(id), msg.Subject())
		require.NoError(t, msg.DoubleAck(t.Context()))
		require.Zero(t, w.messages(w.subjects.Wait()))
	}
}
