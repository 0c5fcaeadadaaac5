package fleet_test

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jobferry/jobferry/internal/broker"

	"github.com/jobferry/jobferry/internal/fleet"
	"github.com/jobferry/jobferry/internal/job"
	"github.com/stretchr/testify/require"
)

// canceled asserts that a job has one event, a canceled one, and that nothing
// carries it any further.
func (w *world) canceled(id job.ID) job.Event {
	w.t.Helper()
	events := w.events(id)
	require.Len(w.t, events, 1)
	require.Equal(w.t, job.OutcomeCanceled, events[0].Data.Status)
	require.Zero(w.t, w.messages(w.subjects.Wait())+w.messages(w.subjects.Jobs()))
	return events[0]
}

func TestCancelOfAQueuedJob(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.submit("jobs.submit", `{"jobID": "a", "metadata": {"k": "v"}}`)
	at, err := w.Cancel(t.Context(), "a")
	require.NoError(t, err)
	require.Equal(t, fleet.Submitted, at.State)
	event := w.canceled("a")
	require.Equal(t, map[string]string{"k": "v"}, event.Data.Metadata)
	require.Equal(t, "com.jobferry.job.canceled.v1", event.Type)
	require.False(t, event.Data.SubmittedAt.IsZero())
}

func TestCancelOfAWaitingOrDueJob(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.arm(job.Job{ID: "a", Polls: 7}, time.Hour)
	at, err := w.Cancel(t.Context(), "a")
	require.NoError(t, err)
	require.Equal(t, fleet.Waiting, at.State)
	require.Equal(t, 7, w.canceled("a").Data.Polls)

	w.arm(job.Job{ID: "b"}, 0)
	require.Eventually(t, func() bool { return w.find("b").State == fleet.Due }, patience, 5*time.Millisecond)
	_, err = w.Cancel(t.Context(), "b")
	require.NoError(t, err)
	w.canceled("b")
}

func TestCancelOfASubmissionInHandWaitsForItsWorker(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.submit("jobs.submit.a", "a")
	msg := w.take(w.subjects.Jobs())
	done := make(chan error, 1)
	go func() {
		_, err := w.Cancel(t.Context(), "a")
		done <- err
	}()
	require.Eventually(t, func() bool { return len(w.events("a")) == 1 }, patience, 2*time.Millisecond)
	w.arm(job.Job{ID: "a"}, time.Hour) // what the worker does that has not seen the event
	require.NoError(t, msg.DoubleAck(t.Context()))
	require.NoError(t, <-done)
	w.canceled("a")
}

func TestCancelTwiceAndOfASettledJob(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, err := w.Cancel(t.Context(), "a")
	require.ErrorIs(t, err, fleet.ErrUnknown)
	w.arm(job.Job{ID: "a"}, time.Hour)
	for range 2 {
		_, err = w.Cancel(t.Context(), "a")
		require.NoError(t, err)
		w.canceled("a")
		w.arm(job.Job{ID: "a"}, time.Hour) // left over by a cancel that broke off
	}
	w.settle(job.EventData{JobID: "b", Status: job.OutcomeCompleted})
	_, err = w.Cancel(t.Context(), "b")
	var settled *fleet.SettledError
	require.ErrorAs(t, err, &settled)
	require.ErrorContains(t, err, "job b is settled already: completed at ")
}

// TestTheBrokerDecidesBetweenCancelsAndAWorker: whoever publishes first wins,
// and one event stands.
func TestTheBrokerDecidesBetweenCancelsAndAWorker(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var canceled, refused, byWorker atomic.Int64
	for _, id := range []job.ID{"a", "b", "c", "d", "e", "f", "g", "h"} {
		j := job.Job{ID: id}
		w.arm(j, time.Hour)
		var racing sync.WaitGroup
		for range 3 {
			racing.Go(func() {
				_, err := w.Cancel(t.Context(), id)
				if err == nil {
					canceled.Add(1)
				} else {
					refused.Add(1)
				}
			})
		}
		racing.Go(func() {
			msg, err := broker.EventMessage(w.subjects, j, job.Complete(j, job.EventData{Status: job.OutcomeCompleted}))
			if err == nil {
				_, err = w.js.PublishMsg(t.Context(), msg)
			}
			if err == nil {
				byWorker.Add(1)
			}
		})
		racing.Wait()
		require.Len(t, w.events(id), 1)
	}
	require.EqualValues(t, 24, canceled.Load()+refused.Load())
	require.Equal(t, refused.Load(), 3*byWorker.Load(), "all of a job's cancels learn the same")
}

// replayed has a failed job on its way once more.
func (w *world) replayed(id job.ID) *fleet.Event {
	w.t.Helper()
	failed := w.fail(job.Job{ID: id})
	require.NoError(w.t, w.Replay(w.t.Context(), failed))
	return failed
}

// TestCancelOfAReplayWithoutTheRightToPurgeEvents: the job goes no further, and
// the next cancel that may do so removes the old event.
func TestCancelOfAReplayWithoutTheRightToPurgeEvents(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.replayed("a")
	at, err := w.through(map[string]limits{"STREAM.PURGE.JOBS_EVENTS": none}).Cancel(t.Context(), "a")
	var leftover *fleet.LeftoverError
	require.ErrorAs(t, err, &leftover)
	require.EqualError(t, err, "job a is canceled, but its old event stays: the broker does not answer: "+
		"it is overloaded, or refuses this user $JS.API.STREAM.PURGE.JOBS_EVENTS")
	require.Equal(t, fleet.Submitted, at.State)
	require.Zero(t, w.messages(w.subjects.Wait())+w.messages(w.subjects.Jobs()), "nothing carries it further")
	require.Len(t, w.events("a"), 2)

	_, err = w.Cancel(t.Context(), "a")
	require.NoError(t, err)
	w.canceled("a")
}

func TestCancelWithoutTheRightToPurgeNamesAllThatStays(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.replayed("a")
	_, err := w.through(map[string]limits{"STREAM.PURGE.JOBS_EVENTS": none, "STREAM.PURGE.JOBS_WAIT": none}).Cancel(t.Context(), "a")
	require.ErrorContains(t, err, "job a is canceled, but its old event stays: ")
	require.ErrorContains(t, err, "; its timer stays: ")
}

func TestCancelOfAReplayWhoseOldEventHasExpired(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	failed := w.replayed("a")
	events, err := w.js.Stream(t.Context(), w.subjects.Events())
	require.NoError(t, err)
	require.NoError(t, events.DeleteMsg(t.Context(), failed.Sequence))
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	_, err = w.Cancel(ctx, "a")
	require.NoError(t, err)
	w.canceled("a")
}
