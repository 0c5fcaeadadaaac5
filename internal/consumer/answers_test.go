package consumer

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jobferry/jobferry/internal/consumer/limit"
	"github.com/jobferry/jobferry/internal/job"
	"github.com/jobferry/jobferry/internal/retry"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
)

// decider is a worker that only decides, in a bubble of its own.
func decider(t *testing.T, test func(w *Worker)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		backoff := retry.Policy{Initial: time.Second, Max: 30 * time.Second, Multiplier: 1.5}
		well := func(context.Context) error { return nil }
		w := &Worker{
			cfg: Config{Backoff: backoff}, log: zap.NewNop(), metrics: newMetrics(prometheus.NewRegistry()),
			answers: limit.NewAnswers(), stored: limit.NewAnswers(), throttle: limit.NewThrottle(backoff),
			apiBreaker:   limit.NewBreaker("api", well, newRecordedHealth()),
			storeBreaker: limit.NewBreaker("store", well, newRecordedHealth()),
		}
		ctx, stop := context.WithCancel(t.Context())
		w.apiBreaker.Start(ctx)
		w.storeBreaker.Start(ctx)
		synctest.Wait()
		test(w)
		stop()
		w.apiBreaker.Stop()
		w.storeBreaker.Stop()
	})
}

// pollsOf decides about so many polls of a job that meet the same error, 20 s apart.
func (w *Worker) pollsOf(j *job.Job, count int, err *job.Error, between func()) (last decision) {
	for range count {
		between()
		last = w.decide(stagePoll, j, result{}, err)
		time.Sleep(20 * time.Second) // of the bubble's clock
	}
	return last
}

func newJob(deadline time.Duration) *job.Job {
	return &job.Job{ID: "a", SubmittedAt: time.Now(), Deadline: time.Now().Add(deadline)}
}

func refusedWith(status int) *job.Error {
	return &job.Error{
		Class: job.ClassForbidden, By: job.API, Reason: job.ReasonAPIRejected,
		Problem: &job.Problem{Title: "No", Status: status}, Err: errors.New("refused"),
	}
}

// TestForbiddenJob: whose refusal it is, what else is answered tells.
func TestForbiddenJob(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		status   int
		others   bool // are answered meanwhile
		count    int
		deadline time.Duration
		ends     bool
	}{
		"403, others served":                {403, true, 4, time.Hour, true},
		"403, too few":                      {403, true, 2, time.Hour, false},
		"403, too soon":                     {403, true, 3, time.Hour, false},
		"403, nobody served":                {403, false, 50, 0, false},
		"401, others served, past deadline": {401, true, 4, 0, true},
		"401, others served":                {401, true, 50, time.Hour, false},
		"402, others served, past deadline": {402, true, 50, 0, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			decider(t, func(w *Worker) {
				j := newJob(row.deadline)
				last := w.pollsOf(j, row.count, refusedWith(row.status), func() {
					if row.others {
						w.answers.Answered("other")
					}
				})
				if !row.ends {
					require.Equal(t, schedule, last.action)
					return
				}
				require.Equal(t, publish, last.action)
				require.Equal(t, "api_rejected", last.event.Reason)
				require.Equal(t, row.status, last.event.Error.Status)
			})
		})
	}
}

func TestSeveralForbiddenJobsPausePolling(t *testing.T) {
	t.Parallel()
	decider(t, func(w *Worker) {
		for _, id := range []job.ID{"a", "a", "a", "b"} {
			w.decide(stagePoll, &job.Job{ID: id}, result{}, refusedWith(403))
		}
		require.True(t, w.apiBreaker.Allow(), "two are not all")
		w.decide(stagePoll, &job.Job{ID: "c"}, result{}, refusedWith(403))
		require.False(t, w.apiBreaker.Allow())
	})
}

func TestJobThatNeverGetsAnAnswer(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		status   int
		others   bool
		count    int
		deadline time.Duration
		reason   string
	}{
		"errors":             {500, true, maxUnanswered, 0, "deadline_exceeded"},
		"garbage":            {200, true, maxUnanswered, 0, "result_invalid"},
		"too few":            {500, true, maxUnanswered - 1, 0, ""},
		"before its deadine": {500, true, maxUnanswered, time.Hour, ""},
		"an outage":          {500, false, 10 * maxUnanswered, 0, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			decider(t, func(w *Worker) {
				err := &job.Error{By: job.Gateway, Problem: &job.Problem{Title: "T", Status: row.status}, Err: errors.New("x")}
				last := w.pollsOf(newJob(row.deadline), row.count, err, func() {
					if row.others {
						w.answers.Answered("other")
						w.apiBreaker.Success()
					}
				})
				require.Equal(t, row.reason, last.event.Reason)
				require.Equal(t, row.reason == "", last.action == schedule)
			})
		})
	}
}

func TestCompletedJobWhoseResultIsNotThere(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		kind    job.Kind
		count   int
		outcome job.Outcome
	}{
		"for a while":   {"", 4, ""},
		"for good":      {"", 5, job.OutcomeFailed},
		"an empty list": {job.KindFiles, 5, job.OutcomeCompleted},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			decider(t, func(w *Worker) {
				err := &job.Error{
					Class: job.ClassNotReady, By: job.API, Reason: job.ReasonResultInvalid, Answer: &job.Answer{Kind: row.kind}, Err: errors.New("no result"),
				}
				last := w.pollsOf(newJob(time.Hour), row.count, err, func() {})
				require.Equal(t, row.outcome, last.event.Status)
				require.Equal(t, row.outcome == "", last.action == schedule)
			})
		})
	}
}

// TestTimeWithoutAnAnswerDoesNotCount towards a job's deadline.
func TestTimeWithoutAnAnswerDoesNotCount(t *testing.T) {
	t.Parallel()
	for _, class := range []job.Class{job.ClassUnavailable, job.ClassStalled, job.ClassThrottled, job.ClassRefused} {
		decider(t, func(w *Worker) {
			j := newJob(time.Minute)
			want := j.Deadline.Add(10 * 20 * time.Second)
			w.pollsOf(j, 10, &job.Error{Class: class, By: job.API, Err: errors.New("502")}, func() {})
			w.answered(j)
			require.Equal(t, want, j.Deadline, "class %d", class)
			require.Zero(t, j.Unanswered)
		})
	}
}

func TestOneThrottledJobHasOnlyItsOwnWait(t *testing.T) {
	t.Parallel()
	decider(t, func(w *Worker) {
		err := &job.Error{Class: job.ClassThrottled, By: job.API, RetryAfter: time.Minute, Err: errors.New("429")}
		began := time.Now()
		for range 3 {
			require.GreaterOrEqual(t, w.decide(stagePoll, &job.Job{ID: "a"}, result{}, err).delay, time.Minute)
		}
		require.NoError(t, w.throttle.Wait(context.Background()))
		require.Zero(t, time.Since(began))
		w.decide(stagePoll, &job.Job{ID: "b"}, result{}, err)
		require.NoError(t, w.throttle.Wait(context.Background()))
		require.Equal(t, time.Minute, time.Since(began), "two are the pod")
	})
}

// TestWhoseFaultARefusalOfTheStoreIs: of one job alone it may be its own, and a second
// one proves that it is the bucket's.
func TestWhoseFaultARefusalOfTheStoreIs(t *testing.T) {
	t.Parallel()
	decider(t, func(w *Worker) {
		unclear := &job.Error{Class: job.ClassForbidden, By: job.Store, Err: errors.New("InvalidArgument (400)")}
		refuse := func(j *job.Job) decision {
			countFailure(j, unclear)
			return w.decide(stageTransfer, j, result{}, unclear)
		}
		odd := newJob(-time.Second)
		require.Equal(t, schedule, refuse(odd).action, "the first failure ends no job")
		require.True(t, w.storeBreaker.Allow())
		last := refuse(odd)
		require.True(t, w.storeBreaker.Allow(), "it is the same job")
		require.Equal(t, "store_failed", last.event.Reason)

		w.stored.Answered("good")
		require.Equal(t, schedule, refuse(&job.Job{ID: "a", Deadline: time.Now().Add(time.Hour)}).action)
		require.True(t, w.storeBreaker.Allow())
		require.Equal(t, schedule, refuse(&job.Job{ID: "b", Deadline: time.Now().Add(time.Hour)}).action)
		require.False(t, w.storeBreaker.Allow(), "transfers pause")
	})
}
