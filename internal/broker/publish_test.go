package broker

import (
	"strings"
	"testing"
	"time"

	"github.com/jobferry/jobferry/internal/job"
	"github.com/stretchr/testify/require"
)

// TestMessageThatTheBrokerRefusesForGoodIsNotTriedAgain: it is too large for the
// broker, and would be tried for ever.
func TestMessageThatTheBrokerRefusesForGoodIsNotTriedAgain(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	for name, j := range map[string]job.Job{
		"header": {ID: "x", Traceparent: strings.Repeat("0", 70_000)},
		"body":   {ID: "x", Prefix: strings.Repeat("p", 2<<20)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.ErrorIs(t, h.client.Schedule(t.Context(), j, time.Now()), errPermanent)
		})
	}
}

func TestTimersOfAJobThatHasOneConflict(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	j, at := job.Job{ID: "a"}, time.Now().Add(time.Hour)
	require.NoError(t, h.client.Schedule(t.Context(), j, at))
	require.ErrorIs(t, h.client.Schedule(t.Context(), j, at), ErrConflict, "it is scheduled")
	require.ErrorIs(t, h.client.Reschedule(t.Context(), j, at, 1000), ErrConflict, "another message has the job")
}

// TestTimerOfAJobWhoseStreamWasDeleted: the worker has the last of the job.
func TestTimerOfAJobWhoseStreamWasDeleted(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	require.NoError(t, h.client.Reschedule(t.Context(), job.Job{ID: "a"}, time.Now().Add(time.Hour), 7))
	require.Equal(t, uint64(1), h.count(h.cfg.Subjects.Wait()))
}

// TestTimerOfACanceledJobConflicts: its event is there, and its due message gone.
func TestTimerOfACanceledJobConflicts(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	j := job.Job{ID: "a"}
	require.NoError(t, h.client.PublishEvent(t.Context(), j, job.Complete(j, job.EventData{Status: job.OutcomeCanceled})))
	require.ErrorIs(t, h.client.Reschedule(t.Context(), j, time.Now(), 7), ErrConflict)
	require.Zero(t, h.count(h.cfg.Subjects.Wait()))
}

// TestEventIsPublishedOnce, and a try whose answer was lost finds its own.
func TestEventIsPublishedOnce(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	j := job.Job{ID: "a"}
	data := job.Complete(j, job.EventData{Status: job.OutcomeCompleted})
	require.NoError(t, h.client.PublishEvent(t.Context(), j, data))
	require.NoError(t, h.client.PublishEvent(t.Context(), j, data), "it is the same event")
	data.SettledAt = data.SettledAt.Add(time.Second)
	require.ErrorIs(t, h.client.PublishEvent(t.Context(), j, data), ErrConflict)
	require.Equal(t, uint64(1), h.count(h.cfg.Subjects.Events()))
}
