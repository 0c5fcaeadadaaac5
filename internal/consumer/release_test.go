package consumer

import (
	"context"
	"sync/atomic"
	"testing"

	"github.com/jobferry/jobferry/internal/job"
	"github.com/stretchr/testify/require"
)

// TestEveryAnswerIsReleased: what a list of files takes is given back however
// its job goes on.
func TestEveryAnswerIsReleased(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	var given, released atomic.Int32
	answer := func(context.Context, int) (job.Answer, error) {
		given.Add(1)
		a := text("done")
		a.Release = func() { released.Add(1) }
		return a, nil
	}
	var puts atomic.Int32
	h.store.put = func(context.Context, job.Job, string) error {
		switch puts.Add(1) {
		case 1:
			return &job.Error{By: job.Store, Err: context.DeadlineExceeded}
		case 2:
			return &job.Error{By: job.API, Err: context.DeadlineExceeded}
		case 3:
			return &job.Error{Class: job.ClassPermanent, Reason: job.ReasonStoreRejected}
		}
		return nil
	}
	worker := h.start()
	for _, id := range []job.ID{"a", "b"} {
		h.api.script(id, answer)
		h.submit(string(id))
		h.event(id)
	}
	worker.stop()
	require.NoError(t, worker.wait(t))
	require.EqualValues(t, 4, given.Load())
	require.Equal(t, given.Load(), released.Load())
}
