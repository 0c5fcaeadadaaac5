package consumer

import (
	"context"
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"

	"github.com/jobferry/jobferry/internal/broker"
	"github.com/jobferry/jobferry/internal/job"
	"github.com/jobferry/jobferry/internal/secret"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"
)

// schedule publishes a job's timer as a worker does.
func (h *harness) schedule(j job.Job, at time.Time) {
	h.t.Helper()
	require.NoError(h.t, h.broker().Schedule(h.t.Context(), j, at))
}

// broker makes the requests that a worker makes.
func (h *harness) broker() *broker.Client {
	h.t.Helper()
	client, err := broker.New(h.nc, h.cfg.Broker, newRecordedHealth())
	require.NoError(h.t, err)
	return client
}

// lose takes the next submission and leaves it, as a worker does
// that is killed.
func (h *harness) lose() {
	h.t.Helper()
	h.cfg.Broker.AckWait = 600 * time.Millisecond
	require.NoError(h.t, broker.Setup(h.t.Context(), h.nc, h.cfg.Broker))
	c, err := h.js.Consumer(h.t.Context(), h.subjects.Jobs(), broker.Durable)
	require.NoError(h.t, err)
	_, err = c.Next(jetstream.FetchMaxWait(patience))
	require.NoError(h.t, err)
}

// samples is how many values a histogram has.
func samples(t *testing.T, histogram prometheus.Observer) uint64 {
	t.Helper()
	metric, ok := histogram.(prometheus.Metric)
	require.True(t, ok)
	var written dto.Metric
	require.NoError(t, metric.Write(&written))
	return written.GetHistogram().GetSampleCount()
}

// typedFiles is a result of count files whose type the API tells.
func typedFiles(count int) job.Answer {
	answer := job.Answer{Verdict: job.Completed, Kind: job.KindFiles}
	for range count {
		answer.Files = append(answer.Files, job.File{URL: secret.New("https://files.example/x"), ContentType: "text/plain"})
	}
	return answer
}

func TestExistingObjectsAreNotDownloadedAgain(t *testing.T) {
	t.Parallel()
	for name, j := range map[string]job.Job{
		"after a lost worker":       {ID: "a", Lost: 1},
		"after a transfer in vain":  {ID: "a", Transfers: 1},
		"of a type yet to be found": {ID: "a", Lost: 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHarness(t)
			answer := typedFiles(3)
			if strings.HasPrefix(name, "of a type") {
				answer = files(3)
			}
			var opened []int
			var stored []string
			h.api.open = func(_ context.Context, _ job.ID, index int) (job.Source, error) {
				h.api.mu.Lock()
				defer h.api.mu.Unlock()
				opened = append(opened, index)
				return &textPayload{strings.NewReader("new")}, nil
			}
			h.store.put = func(_ context.Context, _ job.Job, name string) error {
				stored = append(stored, name)
				return nil
			}
			h.api.script("a", func(context.Context, int) (job.Answer, error) { return answer, nil })
			h.store.objects["a/result-001"] = []byte("old")
			h.store.objects["a/result-003"] = []byte("old")
			j.SubmittedAt, j.Deadline, j.FileList = time.Now(), time.Now().Add(time.Hour), answer.FileList()
			h.cfg.Transfers = 1 // one after the other: opened needs no order of its own
			h.schedule(j, time.Now())
			r := h.start()
			event := h.event("a")
			require.Len(t, event.Data.Objects, 3)
			require.Equal(t, []string{"result-002"}, stored)
			if answer.Files[0].Announced() != nil {
				require.Equal(t, []int{1}, opened, "not even asked for")
			}
			require.Equal(t, "old", h.store.content("a/result-001"))
			require.Equal(t, "new", h.store.content("a/result-002"))
			require.InDelta(t, 2, testutil.ToFloat64(r.worker.metrics.skipped), 0)
			require.InDelta(t, len("new"), testutil.ToFloat64(r.worker.metrics.bytes), 0, "of the one that was stored")
			require.EqualValues(t, 1, samples(t, r.worker.metrics.transfer), "of the one that was stored")
		})
	}
}

// TestExistingObjectsOfAnUnknownList: the worker that was lost may have had the files
// in another order. A size that only one of them has tells.
func TestExistingObjectsOfAnUnknownList(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		sizes   [2]int64
		skipped float64
	}{"different sizes": {[2]int64{3, 4}, 2}, "the same size": {[2]int64{3, 3}, 0}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHarness(t)
			answer := typedFiles(2)
			for i := range answer.Files {
				answer.Files[i].DeclaredSize = &row.sizes[i]
				h.store.objects["a/"+fileName(i, 2)] = make([]byte, row.sizes[i])
			}
			h.api.open = func(context.Context, job.ID, int) (job.Source, error) {
				return &textPayload{strings.NewReader("new")}, nil
			}
			h.api.script("a", func(context.Context, int) (job.Answer, error) { return answer, nil })
			h.schedule(job.Job{ID: "a", Lost: 1, SubmittedAt: time.Now(), Deadline: time.Now().Add(time.Hour)}, time.Now())
			r := h.start()
			require.Len(t, h.event("a").Data.Objects, 2)
			require.InDelta(t, row.skipped, testutil.ToFloat64(r.worker.metrics.skipped), 0)
		})
	}
}

// TestFilesThatComeInAnotherOrder: what an earlier try has stored, whichever, is not
// taken for another file.
func TestFilesThatComeInAnotherOrder(t *testing.T) {
	t.Parallel()
	for _, failures := range []int{1, 2, 3} { // tries that store something and fail
		t.Run(strconv.Itoa(failures), func(t *testing.T) {
			t.Parallel()
			h := newHarness(t)
			h.cfg.Transfers = 1
			order := func(n int) []string {
				if n > 1 {
					return []string{"two", "one"}
				}
				return []string{"one", "two"}
			}
			h.api.script("a", func(_ context.Context, n int) (job.Answer, error) {
				answer := typedFiles(2)
				for i, name := range order(n) {
					answer.Files[i].URL = secret.New("https://files.example/" + name)
				}
				return answer, nil
			})
			h.api.open = func(_ context.Context, _ job.ID, index int) (job.Source, error) {
				n := h.api.polled("a")
				name := order(n)[index]
				if n <= failures && name == "two" {
					return nil, &job.Error{Class: job.ClassStalled, By: job.FileHost, Err: errors.New("hangs")}
				}
				return &textPayload{strings.NewReader(name)}, nil
			}
			h.start()
			h.submit(`{"jobID": "a", "metadata": {"k": "v"}}`)
			event := h.event("a")
			require.Len(t, event.Data.Objects, 2)
			require.Equal(t, map[string]string{"k": "v"}, event.Data.Metadata)
			require.Equal(t, "two", h.store.content("a/result-001"))
			require.Equal(t, "one", h.store.content("a/result-002"))
		})
	}
}

// TestExistingBinaryPayloadIsNotStoredAgain, and counts neither bytes nor time.
func TestExistingBinaryPayloadIsNotStoredAgain(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.api.script("a", func(context.Context, int) (job.Answer, error) {
		return job.Answer{Verdict: job.Completed, Kind: job.KindBinary, Payload: binaryPayload{&textPayload{strings.NewReader("same")}}}, nil
	})
	h.store.objects["a/result"] = []byte("same")
	h.schedule(job.Job{ID: "a", Lost: 1, SubmittedAt: time.Now(), Deadline: time.Now().Add(time.Hour)}, time.Now())
	r := h.start()
	require.Len(t, h.event("a").Data.Objects, 1)
	h.settledEverywhere()
	require.InDelta(t, 1, testutil.ToFloat64(r.worker.metrics.skipped), 0)
	require.Zero(t, testutil.ToFloat64(r.worker.metrics.bytes))
	require.Zero(t, samples(t, r.worker.metrics.transfer))
}

// TestURLsThatAreRefusedForGood end the job when its result cannot be kept any more.
func TestURLsThatAreRefusedForGood(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.api.open = func(context.Context, job.ID, int) (job.Source, error) {
		return nil, &job.Error{Class: job.ClassURLRefused, By: job.FileHost, Reason: job.ReasonJobExpired, Err: errors.New("403")}
	}
	for id, ready := range map[job.ID]time.Duration{"old": resultLife, "young": 0} {
		h.api.script(id, func(context.Context, int) (job.Answer, error) { return files(1), nil })
		h.schedule(job.Job{ID: id, ReadyAt: time.Now().Add(-ready), SubmittedAt: time.Now(), Deadline: time.Now()}, time.Now())
	}
	h.start()
	require.Equal(t, "job_expired", h.event("old").Data.Reason)
	h.eventually(func() bool { return h.api.polled("young") > 3 }, "it is not tried again")
	require.Equal(t, uint64(1), h.count(h.subjects.Events()))
}

type binaryPayload struct{ *textPayload }

func (binaryPayload) Kind() job.Kind { return job.KindBinary }

func TestFirstTransferLooksForNothing(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.api.open = func(context.Context, job.ID, int) (job.Source, error) {
		return &textPayload{strings.NewReader("new")}, nil
	}
	h.api.script("a", func(_ context.Context, n int) (job.Answer, error) {
		if n == 1 {
			return job.Answer{Verdict: job.Running}, nil
		}
		return typedFiles(2), nil
	})
	h.store.objects["a/result-001"] = []byte("of another submission, long ago")
	h.start()
	h.submit("a")
	h.event("a")
	require.Zero(t, h.store.looks)
	require.Equal(t, "new", h.store.content("a/result-001"))
}

func TestTransferThatFailedGoesOnWhereItWas(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.cfg.Transfers = 1
	opened := map[int]int{}
	h.api.open = func(_ context.Context, _ job.ID, index int) (job.Source, error) {
		opened[index]++
		return &textPayload{strings.NewReader("content")}, nil
	}
	fails := transferAttempts
	h.store.put = func(_ context.Context, _ job.Job, name string) error {
		if name == "result-002" && fails > 0 {
			fails--
			return &job.Error{By: job.Store, Err: context.DeadlineExceeded}
		}
		return nil
	}
	h.api.script("a", func(context.Context, int) (job.Answer, error) { return typedFiles(2), nil })
	h.start()
	h.submit("a")
	require.Equal(t, 2, h.event("a").Data.Polls)
	require.Equal(t, 1, opened[0], "the first file was stored before the second failed")
}

// TestUploadsAreEndedWhenTheResultStands: an earlier try may have left some, and
// a store that was just broken may not end them at once.
func TestUploadsAreEndedWhenTheResultStands(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	puts, aborts := 0, 0
	h.store.put = func(context.Context, job.Job, string) error {
		if puts++; puts == 1 {
			return &job.Error{By: job.Store, Err: context.DeadlineExceeded}
		}
		return nil
	}
	h.store.abort = func() error {
		if aborts++; aborts < transferAttempts {
			return &job.Error{By: job.Store, Err: context.DeadlineExceeded}
		}
		return nil
	}
	h.api.script("a", completed)
	h.start()
	h.submit("a")
	require.Equal(t, job.OutcomeCompleted, h.event("a").Data.Status)
	require.Equal(t, transferAttempts, h.store.aborted["a"])
}

func TestSubmissionWhoseTimerStandsIsLeftToIt(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.submit("a")
	h.lose() // after its worker has armed the timer
	h.schedule(job.Job{ID: "a", SubmittedAt: time.Now(), Deadline: time.Now().Add(time.Hour)}, time.Now().Add(time.Hour))
	r := h.start()
	h.eventually(func() bool { return h.count(h.subjects.Jobs()) == 0 }, "the submission is not dropped")
	require.InDelta(t, 1, testutil.ToFloat64(r.worker.metrics.duplicates.WithLabelValues("waiting")), 0)
	require.Zero(t, h.api.polled("a"))
	require.Zero(t, h.store.aborted["a"], "the uploads may be those of the job's next worker")
}

func TestUploadsOfLostWorkersAreAborted(t *testing.T) {
	t.Parallel()
	t.Run("of a job that is given up", func(t *testing.T) {
		t.Parallel()
		h := newHarness(t)
		h.cfg.MaxCrashes = 1
		h.submit("a")
		h.lose()
		h.start()
		require.Equal(t, "worker_crashed", h.event("a").Data.Reason)
		require.Equal(t, 1, h.store.aborted["a"])
	})
	t.Run("of a job that another settled", func(t *testing.T) {
		t.Parallel()
		h := newHarness(t)
		h.submit("a")
		h.lose()
		_, err := h.js.Publish(t.Context(), h.subjects.Event(job.OutcomeCompleted, "a"), []byte("{}"))
		require.NoError(t, err)
		r := h.start()
		h.settledEverywhere()
		require.InDelta(t, 1, testutil.ToFloat64(r.worker.metrics.duplicates.WithLabelValues("settled")), 0)
		require.Equal(t, 1, h.store.aborted["a"])
	})
}

// short is a payload that ends before its own length.
type short struct{ job.Payload }

func (short) Read([]byte) (int, error) {
	return 0, &job.Error{Class: job.ClassWrongLength, By: job.FileHost, Err: errors.New("short")}
}

func TestPayloadOfWrongLengthIsInvalidTheThirdTime(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.api.script("a", func(context.Context, int) (job.Answer, error) {
		answer := text("x")
		answer.Payload = short{answer.Payload}
		return answer, nil
	})
	h.schedule(job.Job{ID: "a", ReadyAt: time.Now().Add(-minWrongLengthSince), SubmittedAt: time.Now(), Deadline: time.Now().Add(time.Hour)}, time.Now())
	h.start()
	event := h.event("a")
	require.Equal(t, "result_invalid", event.Data.Reason)
	require.Equal(t, 3, event.Data.Polls)
}

func TestOneStoreErrorPastTheDeadlineIsNoFailure(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	tries := 0
	h.store.put = func(context.Context, job.Job, string) error {
		if tries++; tries == 1 {
			return &job.Error{By: job.Store, Err: context.DeadlineExceeded}
		}
		return nil
	}
	h.api.script("a", completed)
	h.start()
	h.submit(`{"jobID": "a", "deadline": "2020-01-01T00:00:00Z"}`)
	require.Equal(t, job.OutcomeCompleted, h.event("a").Data.Status)
}

func TestBucketThatIsNoLongerAllowedFailsItsWaitingJobs(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	metadata := map[string]string{"orderID": "42"}
	h.schedule(job.Job{ID: "a", Bucket: "other", Metadata: metadata, SubmittedAt: time.Now(), Deadline: time.Now().Add(time.Hour)}, time.Now())
	h.start()
	event := h.event("a")
	require.Equal(t, job.OutcomeFailed, event.Data.Status)
	require.Equal(t, "store_rejected", event.Data.Reason)
	require.Equal(t, metadata, event.Data.Metadata)
	require.Zero(t, h.api.polled("a"))
}

func TestRejectedEventOfAnotherStreamsLifeIsSuperseded(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	subject := h.subjects.Rejected(h.subjects.Jobs(), 1)
	old, err := job.NewEvent("JOBS.1", job.EventData{Status: job.OutcomeRejected, Reason: "old", SubmittedAt: time.Unix(1, 0)}, "").Encode()
	require.NoError(t, err)
	_, err = h.js.Publish(t.Context(), subject, old)
	require.NoError(t, err)
	h.start()
	h.submit("not/an/id")
	h.settledEverywhere()
	var event job.Event
	body, found := h.last(h.subjects.Events(), subject)
	require.True(t, found)
	require.NoError(t, json.Unmarshal(body, &event))
	require.NotEqual(t, "old", event.Data.Reason)
	require.Equal(t, uint64(2), h.count(h.subjects.Events()))
}

func TestRejectedEventIsPublishedOnce(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.submit("not/an/id")
	r := h.start()
	h.settledEverywhere()
	r.stop()
	require.NoError(t, r.wait(t))
	event := h.eventAt(h.subjects.Rejected(h.subjects.Jobs(), 1))
	require.ErrorIs(t, h.broker().PublishRejected(t.Context(), event, &nats.MsgMetadata{
		Stream: h.subjects.Jobs(), Sequence: nats.SequencePair{Stream: 1}, Timestamp: event.Data.SubmittedAt,
	}), broker.ErrConflict)
	require.Equal(t, uint64(1), h.count(h.subjects.Events()))
}

// TestACompletedJobIsNotReplayed: every producer may name an event to
// replace.
func TestACompletedJobIsNotReplayed(t *testing.T) {
	t.Parallel()
	for _, outcome := range []job.Outcome{job.OutcomeCompleted, job.OutcomeFailed, job.OutcomeCanceled} {
		t.Run(string(outcome), func(t *testing.T) {
			t.Parallel()
			h := newHarness(t)
			h.api.script("a", completed)
			ack, err := h.js.Publish(t.Context(), h.subjects.Event(outcome, "a"), []byte("{}"))
			require.NoError(t, err)
			r := h.start()
			msg := nats.NewMsg(h.subjects.SubmitJob("a"))
			msg.Data = []byte("a")
			msg.Header.Set(broker.HeaderReplaces, strconv.FormatUint(ack.Sequence, 10))
			_, err = h.js.PublishMsg(t.Context(), msg)
			require.NoError(t, err)
			h.settledEverywhere()
			require.Equal(t, uint64(1), h.count(h.subjects.Events()))
			body, found := h.last(h.subjects.Events(), h.subjects.Event(job.OutcomeCompleted, "a"))
			require.True(t, found)
			if outcome != job.OutcomeCompleted {
				require.NotEqual(t, "{}", string(body), "it is replaced")
				return
			}
			require.Equal(t, "{}", string(body))
			require.Zero(t, h.api.polled("a"))
			require.InDelta(t, 1, testutil.ToFloat64(r.worker.metrics.duplicates.WithLabelValues("settled")), 0)
		})
	}
}
