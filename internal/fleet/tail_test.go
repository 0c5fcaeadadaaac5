package fleet_test

import (
	"fmt"
	"testing"

	"github.com/jobferry/jobferry/internal/job"
	"github.com/stretchr/testify/require"
)

// tail returns the IDs of the last events, and the sequence of the last one.
func (w *world) tail(after uint64, limit int) (ids []string, last uint64) {
	w.t.Helper()
	events, err := w.Tail(w.t.Context(), after, limit)
	require.NoError(w.t, err)
	for _, e := range events {
		ids, last = append(ids, e.ID), e.Sequence
	}
	return ids, last
}

func (w *world) settleAll(ids ...string) {
	w.t.Helper()
	for _, id := range ids {
		w.settle(job.EventData{JobID: job.ID(id), Status: job.OutcomeCompleted})
	}
}

func TestTailIsTheLastEvents(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ids, _ := w.tail(0, 3)
	require.Empty(t, ids)
	w.settleAll("a", "b")
	ids, _ = w.tail(0, 3)
	require.Equal(t, []string{"a", "b"}, ids, "fewer than the limit, the oldest first")
	w.settleAll("c", "d")
	ids, last := w.tail(0, 3)
	require.Equal(t, []string{"b", "c", "d"}, ids)
	require.EqualValues(t, 4, last)
	ids, _ = w.tail(0, 0)
	require.Empty(t, ids)
}

func TestTailGoesOnAfterASequence(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.settleAll("a", "b")
	_, last := w.tail(0, 10)
	ids, _ := w.tail(last, 10)
	require.Empty(t, ids, "nothing new")
	w.settleAll("c", "d", "e")
	ids, _ = w.tail(last, 10)
	require.Equal(t, []string{"c", "d", "e"}, ids)
	ids, _ = w.tail(last, 2)
	require.Equal(t, []string{"d", "e"}, ids, "the last ones, where there are more than the limit")
}

func TestTailOfAnotherStreamByTheSameName(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.settleAll("a")
	ids, _ := w.tail(1000, 10)
	require.Equal(t, []string{"a"}, ids)
}

func TestTailPassesOverWhatIsNotThere(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for i := range 6 {
		w.settleAll(fmt.Sprint("a", i))
	}
	stream, err := w.js.Stream(t.Context(), w.subjects.Events())
	require.NoError(t, err)
	require.NoError(t, stream.DeleteMsg(t.Context(), 5))
	w.submit(w.subjects.Event(job.OutcomeFailed, "odd"), "no event")
	ids, last := w.tail(2, 10)
	require.Equal(t, []string{"a2", "a3", "a5"}, ids)
	require.EqualValues(t, 6, last)
	require.NoError(t, stream.Purge(t.Context()))
	ids, _ = w.tail(0, 10)
	require.Empty(t, ids)
}

func TestTailNamesAMissingStream(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	require.NoError(t, w.js.DeleteStream(t.Context(), w.subjects.Events()))
	_, err := w.Tail(t.Context(), 0, 10)
	require.ErrorContains(t, err, "JOBS_EVENTS")
}
