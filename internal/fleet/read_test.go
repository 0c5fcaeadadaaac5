package fleet_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/jobferry/jobferry/internal/fleet"
	"github.com/jobferry/jobferry/internal/job"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"
)

// silence is how long an answer is waited for that does not come.
const silence = time.Second

// limits says how many messages of an answer are let through; a negative limit
// means all. Answers are counted from 0.
type limits func(answer int) int

func none(int) int { return 0 }

// through is a fleet that asks the broker through a relay, which falls silent
// where the limits of a request say so.
func (w *world) through(requests map[string]limits) *fleet.Fleet {
	w.t.Helper()
	nc := w.js.Conn()
	prefix := nc.NewInbox()
	answers := map[string]int{}
	_, err := nc.Subscribe(prefix+".>", func(msg *nats.Msg) {
		request := msg.Subject[len(prefix)+1:]
		left := -1
		if limit, set := requests[request]; set {
			left = limit(answers[request])
		}
		answers[request]++
		w.relay(msg, "$JS.API."+request, left)
	})
	require.NoError(w.t, err)
	js, err := jetstream.NewWithAPIPrefix(nc, prefix)
	require.NoError(w.t, err)
	return fleet.New(js, w.subjects).Impatient(silence)
}

// relay passes a request on, and so many messages of its answer; a request that
// is to have none it keeps.
func (w *world) relay(request *nats.Msg, to string, left int) {
	if left == 0 {
		return
	}
	nc := w.js.Conn()
	inbox := nc.NewInbox()
	_, err := nc.Subscribe(inbox, func(answer *nats.Msg) {
		if left == 0 {
			return
		}
		left--
		answer.Subject = request.Reply
		_ = nc.PublishMsg(answer)
	})
	if err == nil {
		_ = nc.PublishRequest(to, inbox, request.Data)
	}
}

// list is the IDs of the failed events that a fleet tells of.
func list(ctx context.Context, f *fleet.Fleet) (ids []job.ID, err error) {
	for event, err := range f.Failed(ctx, time.Time{}) {
		if err != nil {
			return ids, err
		}
		ids = append(ids, event.Data.JobID)
	}
	return ids, nil
}

// TestAnAnswerThatBreaksOffIsAskedForAgain: from where it broke off, as long as
// the broker answers at all.
func TestAnAnswerThatBreaksOffIsAskedForAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for i := range 4 {
		w.fail(job.Job{ID: job.ID(fmt.Sprint("a", i))})
	}
	ids, err := list(t.Context(), w.through(map[string]limits{"DIRECT.GET.JOBS_EVENTS": func(answer int) int {
		return []int{3, -1}[answer]
	}}))
	require.NoError(t, err)
	require.Equal(t, []job.ID{"a0", "a1", "a2", "a3"}, ids)

	ids, err = list(t.Context(), w.through(map[string]limits{"DIRECT.GET.JOBS_EVENTS": func(answer int) int {
		return []int{3, 0}[answer]
	}}))
	require.ErrorContains(t, err, "the broker does not answer")
	require.Len(t, ids, 3)
}

func TestAReadingThatIsInterruptedSaysSo(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.fail(job.Job{ID: "a"})
	ctx, cancel := context.WithCancel(t.Context())
	f := w.through(map[string]limits{"DIRECT.GET.JOBS_EVENTS": func(int) int {
		cancel()
		return 0
	}})
	_, err := f.Find(ctx, "a")
	require.ErrorIs(t, err, context.Canceled)
}

// TestSilenceIsNotNothing: a request that the broker refuses is not answered at
// all.
func TestSilenceIsNotNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.submit("jobs.submit", "a")
	w.arm(job.Job{ID: "b"}, time.Hour)
	w.fail(job.Job{ID: "c"})
	settled := func(ctx context.Context, f *fleet.Fleet) error {
		_, err := f.Settled(ctx, time.Now().Add(-time.Hour))
		return err
	}
	tail := func(ctx context.Context, f *fleet.Fleet) error {
		_, err := f.Tail(ctx, 0, 10)
		return err
	}
	failed := func(ctx context.Context, f *fleet.Fleet) error {
		_, err := list(ctx, f)
		return err
	}
	waiting := func(ctx context.Context, f *fleet.Fleet) error {
		_, err := f.Waiting(ctx, 10)
		return err
	}
	find := func(id job.ID) func(context.Context, *fleet.Fleet) error {
		return func(ctx context.Context, f *fleet.Fleet) error {
			_, err := f.Find(ctx, id)
			return err
		}
	}
	for name, try := range map[string]struct {
		stream string
		ask    func(context.Context, *fleet.Fleet) error
	}{
		"settled":             {w.subjects.Events(), settled},
		"tail":                {w.subjects.Events(), tail},
		"failed":              {w.subjects.Events(), failed},
		"waiting":             {w.subjects.Wait(), waiting},
		"find an event":       {w.subjects.Events(), find("c")},
		"find a timer":        {w.subjects.Wait(), find("b")},
		"find a submission":   {w.subjects.Jobs(), find("a")},
		"find one that never": {w.subjects.Events(), find("d")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := try.ask(t.Context(), w.through(map[string]limits{"DIRECT.GET." + try.stream: none}))
			require.ErrorContains(t, err, "read stream "+try.stream+": the broker does not answer")
			require.NotErrorIs(t, err, fleet.ErrUnknown)
		})
	}
}
