package fleet_test

import (
	"testing"
	"time"

	"github.com/jobferry/jobferry/internal/broker"

	"github.com/jobferry/jobferry/internal/fleet"
	"github.com/jobferry/jobferry/internal/job"
	"github.com/stretchr/testify/require"
)

const trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

// fail publishes the failed event of a job as a worker does.
func (w *world) fail(j job.Job) *fleet.Event {
	w.t.Helper()
	msg, err := broker.EventMessage(w.subjects, j, job.Complete(j, job.EventData{Status: job.OutcomeFailed, Reason: "job_unknown"}))
	require.NoError(w.t, err)
	_, err = w.js.PublishMsg(w.t.Context(), msg)
	require.NoError(w.t, err)
	return w.find(j.ID).Event
}

func TestReplaySubmitsTheSameJobOnceMore(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	failed := w.fail(job.Job{ID: "a", Bucket: "b", Prefix: "p /ü", Metadata: map[string]string{"k": "v"}, Traceparent: trace})
	require.NoError(t, w.Replay(t.Context(), failed))
	at := w.find("a")
	require.Equal(t, fleet.Submitted, at.State)
	require.Equal(t, "b", at.Job.Bucket)
	require.Equal(t, "p /ü", at.Job.Prefix)
	require.Equal(t, map[string]string{"k": "v"}, at.Job.Metadata)
	require.Equal(t, trace, at.Job.Traceparent)
	require.Equal(t, failed.Sequence, at.Job.Replaces)
	require.NotNil(t, at.Event, "it stands until there is another")

	require.ErrorIs(t, w.Replay(t.Context(), failed), fleet.ErrReplaying)
	require.EqualValues(t, 1, w.messages(w.subjects.Jobs()))
}

func TestReplayClearsWhatIsLeftOfTheOldJourney(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.arm(job.Job{ID: "a"}, time.Hour)
	failed := w.fail(job.Job{ID: "a"})
	require.NoError(t, w.Replay(t.Context(), failed))
	require.Zero(t, w.messages(w.subjects.Wait()))

	w.arm(job.Job{ID: "a", Replaces: failed.Sequence}, time.Hour)
	require.ErrorIs(t, w.Replay(t.Context(), failed), fleet.ErrReplaying)
	require.EqualValues(t, 1, w.messages(w.subjects.Wait()), "the new journey goes on")
}

func TestAReplayCanBeCanceled(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	failed := w.fail(job.Job{ID: "a"})
	require.NoError(t, w.Replay(t.Context(), failed))
	_, err := w.Cancel(t.Context(), "a")
	require.NoError(t, err)
	w.canceled("a")
}

func TestFailedEventsAreListedSinceATime(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.fail(job.Job{ID: "a"})
	w.settle(job.EventData{JobID: "b", Status: job.OutcomeCompleted})
	w.submit("jobs.events.failed.c", "no event")
	w.fail(job.Job{ID: "d"})
	list := func(since time.Time) (ids []job.ID) {
		for event, err := range w.Failed(t.Context(), since) {
			require.NoError(t, err)
			ids = append(ids, event.Data.JobID)
		}
		return ids
	}
	require.Equal(t, []job.ID{"a", "d"}, list(time.Time{}))
	require.Equal(t, []job.ID{"a", "d"}, list(time.Now().Add(-time.Minute)))
	require.Empty(t, list(time.Now().Add(time.Minute)))
}
