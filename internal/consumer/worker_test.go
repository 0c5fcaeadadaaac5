package consumer

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jobferry/jobferry/internal/job"
	"github.com/jobferry/jobferry/internal/secret"
	"github.com/nats-io/nats.go"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"
)

func TestJobIsPolledUntilItIsDone(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.api.script("a", after(3, text("hello")))
	h.start()

	h.submit(`{"jobID": "a", "metadata": {"orderID": "42"}}`)

	event := h.event("a")
	require.Equal(t, "1.0", event.SpecVersion)
	require.Equal(t, "com.jobferry.job.completed.v1", event.Type)
	require.Equal(t, job.OutcomeCompleted, event.Data.Status)
	require.Equal(t, job.KindText, event.Data.Kind)
	require.Equal(t, 4, event.Data.Polls)
	require.Equal(t, map[string]string{"orderID": "42"}, event.Data.Metadata)
	require.Equal(t, "hello", h.store.content("a/result"))
	h.settledEverywhere()
}

func TestTerminalAnswers(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	problem := &job.Problem{Type: "PDFIsPasswordProtected", Title: "PDF is password protected"}
	answers := map[job.ID]struct {
		answer  job.Answer
		err     error
		outcome job.Outcome
		reason  string
	}{
		"failed":    {job.Answer{Verdict: job.Failed, Error: problem}, nil, job.OutcomeFailed, "job_failed"},
		"canceled":  {job.Answer{Verdict: job.Canceled}, nil, job.OutcomeCanceled, ""},
		"rejected":  {job.Answer{}, &job.Error{Class: job.ClassPermanent, Reason: job.ReasonAPIRejected, Problem: problem}, job.OutcomeFailed, "api_rejected"},
		"expired":   {job.Answer{}, job.Fail(job.ReasonJobExpired, "gone"), job.OutcomeFailed, "job_expired"},
		"delivered": {job.Answer{Verdict: job.Completed, Kind: job.KindDelivered}, nil, job.OutcomeCompleted, ""},
	}
	for id, want := range answers {
		h.api.script(id, func(context.Context, int) (job.Answer, error) { return want.answer, want.err })
	}
	h.start()
	for id, want := range answers {
		h.submit(string(id))
		event := h.event(id)
		require.Equal(t, want.outcome, event.Data.Status, id)
		require.Equal(t, want.reason, event.Data.Reason, id)
		if want.reason == "job_failed" || want.reason == "api_rejected" {
			require.Equal(t, problem, event.Data.Error)
		}
	}
	h.settledEverywhere()
}

func TestBadSubmissionsBecomeRejectedEvents(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.start()
	bodies := []string{
		"", strings.Repeat("noise", 1000), "a/b", "a.b", "*", ">", "a b", "../a", `{"prefix": "x"}`, `{"jobID": 7}`, `{"jobID": "a`,
		`{"jobID": "ok", "prefix": "../up"}`, `{"jobID": "ok", "bucket": "other"}`,
		`{"jobID": "ok", "metadata": {"k": "` + strings.Repeat("v", 2000) + `"}}`,
	}
	for i, body := range bodies {
		h.submit(body)
		event := h.eventAt(h.subjects.Rejected(h.subjects.Jobs(), uint64(i+1)))
		require.Equal(t, job.OutcomeRejected, event.Data.Status, body)
		require.NotEmpty(t, event.Data.Reason)
		echoed, err := base64.StdEncoding.DecodeString(event.Data.Body)
		require.NoError(t, err)
		require.Equal(t, body, string(echoed))
	}
	require.Equal(t, job.ID("ok"), h.eventAt(h.subjects.Rejected(h.subjects.Jobs(), 12)).Data.JobID)
	h.settledEverywhere()
}

func TestUnreadableDueJobIsRejected(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.start()
	_, err := h.js.Publish(t.Context(), h.subjects.Due("x"), []byte("noise"))
	require.NoError(t, err)
	require.Equal(t, job.OutcomeRejected, h.eventAt(h.subjects.Rejected(h.subjects.Wait(), 1)).Data.Status)
	h.settledEverywhere()
}

func TestDuplicateSubmissionIsDropped(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	release := make(chan struct{})
	h.api.script("a", func(_ context.Context, n int) (job.Answer, error) {
		if n < 4 {
			return job.Answer{Verdict: job.Running}, nil
		}
		<-release
		return text("once"), nil
	})
	h.start()
	h.submit("a")
	h.submit("a")
	h.eventually(func() bool { return h.count(h.subjects.Jobs()) == 0 }, "the duplicate was not dropped")
	require.Equal(t, uint64(1), h.count(h.subjects.Wait()), "one job, one timer")
	close(release)
	h.event("a")
	h.submit("a")
	h.settledEverywhere()
	require.Equal(t, uint64(1), h.count(h.subjects.Events()))
}

func TestDeadlineIsLookedAtAfterAnAnswer(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.api.status["running"] = job.Running
	h.api.status["done"] = job.Completed
	h.api.script("done", after(1, text("late, not lost")))
	h.start()
	for id, reason := range map[job.ID]string{"running": "deadline_exceeded", "never": "job_unknown", "done": ""} {
		h.submit(fmt.Sprintf(`{"jobID": %q, "deadline": "2020-01-01T00:00:00Z"}`, id))
		require.Equal(t, reason, h.event(id).Data.Reason, id)
	}
	h.settledEverywhere()
}

func TestDeadlineWaitsForAReadableStatus(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	refused := &job.Error{Class: job.ClassRefused, By: job.API, Err: errors.New("401")}
	h.api.statusErr["refused"] = refused
	h.api.statusErr["away"] = &job.Error{By: job.API, Err: errors.New("503")}
	h.api.statusErr["throttled"] = &job.Error{Class: job.ClassThrottled, By: job.API, Err: errors.New("429")}
	h.api.probe = func() error {
		if h.api.polls["refused"] > 0 {
			return refused
		}
		return nil
	}
	r := h.start()
	h.waitsFor("away", "causes no event", func(j job.Job) bool { return j.Attempt > 1 })
	h.waitsFor("throttled", "slows the pod", func(j job.Job) bool { return j.Attempt > 0 && testutil.ToFloat64(r.worker.metrics.throttled) > 0 })
	h.waitsFor("refused", "pauses the pod", func(j job.Job) bool {
		return j.Polls > 0 && j.Attempt == 0 && errors.Is(r.health.get("api"), refused)
	})
	require.Zero(t, h.count(h.subjects.Events()))
}

// waitsFor submits a job whose deadline is over and waits until its timer is
// as expected.
func (h *harness) waitsFor(id job.ID, what string, expected func(job.Job) bool) {
	h.t.Helper()
	h.submit(fmt.Sprintf(`{"jobID": %q, "deadline": "2020-01-01T00:00:00Z"}`, id))
	h.eventually(func() bool {
		body, found := h.last(h.subjects.Wait(), h.subjects.WaitFor(id))
		j, err := job.Decode(body, h.cfg.Rules)
		return found && err == nil && expected(j)
	}, what)
}

// TestATimerSaysWhyItsJobWaits: nothing, once the job only runs.
func TestATimerSaysWhyItsJobWaits(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	var back atomic.Bool
	h.api.script("a", func(context.Context, int) (job.Answer, error) {
		if back.Load() {
			return job.Answer{Verdict: job.Running}, nil
		}
		return job.Answer{}, &job.Error{By: job.API, Err: errors.New("502")}
	})
	h.api.status["a"] = job.Completed // as long as its deadline is over
	h.start()
	h.waitsFor("a", "says why", func(j job.Job) bool { return j.LastError.Count > 2 && j.LastError.Text == "502" })
	back.Store(true)
	h.eventually(func() bool {
		body, found := h.last(h.subjects.Wait(), h.subjects.WaitFor("a"))
		j, err := job.Decode(body, h.cfg.Rules)
		return found && err == nil && j.LastError == job.LastError{}
	}, "it still says why it waited before")
}

func TestOutageFailsNobody(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.api.script("a", func(_ context.Context, n int) (job.Answer, error) {
		if n <= 3 {
			return job.Answer{}, &job.Error{By: job.API, Err: errors.New("502"), RetryAfter: time.Millisecond}
		}
		return text("back"), nil
	})
	h.start()
	h.submit(`{"jobID": "a", "deadline": "2020-01-01T00:00:00Z"}`)
	require.Equal(t, job.OutcomeCompleted, h.event("a").Data.Status)
	h.settledEverywhere()
}

func TestRefusedCredentialsPausePollingAndChargeNobody(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	refused := &job.Error{Class: job.ClassRefused, By: job.API, Err: errors.New("401")}
	probed := make(chan struct{}, 1)
	good := make(chan struct{})
	h.api.probe = func() error {
		select {
		case <-good:
			return nil
		default:
			select {
			case probed <- struct{}{}:
			default:
			}
			return refused
		}
	}
	h.api.script("a", completed)
	r := h.start()
	<-probed
	h.eventually(func() bool { return errors.Is(r.health.get("api"), refused) }, "readiness does not tell")
	h.submit("a")
	close(good)
	event := h.event("a")
	require.Equal(t, 1, event.Data.Polls, "nothing was polled while the credentials were refused")
	require.NoError(t, r.health.get("api"))
}

func TestStoreErrors(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	tries := 0
	h.store.put = func(_ context.Context, j job.Job, _ string) error {
		switch j.ID {
		case "rejected":
			return job.Fail(job.ReasonStoreRejected, "400")
		case "failed":
			return &job.Error{By: job.Store, Err: errors.New("503")}
		case "later":
			if tries++; tries < 3 {
				return &job.Error{By: job.Store, Err: errors.New("503")}
			}
		}
		return nil
	}
	for _, id := range []job.ID{"rejected", "failed", "later"} {
		h.api.script(id, completed)
	}
	h.start()
	h.submit("rejected")
	h.submit(`{"jobID": "failed", "deadline": "2020-01-01T00:00:00Z"}`)
	h.submit("later")
	require.Equal(t, "store_rejected", h.event("rejected").Data.Reason)
	require.Equal(t, "store_failed", h.event("failed").Data.Reason)
	require.Equal(t, job.OutcomeCompleted, h.event("later").Data.Status)
	require.Equal(t, 3, h.event("later").Data.Polls)
	h.settledEverywhere()
}

func TestTraceparentIsCarriedThroughTheWaits(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.api.script("a", after(2, text("x")))
	h.start()
	const traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
	msg := nats.NewMsg(h.subjects.SubmitJob("a"))
	msg.Data = []byte("a")
	msg.Header.Set("traceparent", traceparent)
	_, err := h.js.PublishMsg(t.Context(), msg)
	require.NoError(t, err)
	require.Equal(t, traceparent, h.event("a").Traceparent)
}

func TestFilesAreStoredBeforeTheEvent(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.api.open = func(_ context.Context, id job.ID, index int) (job.Source, error) {
		return &textPayload{strings.NewReader(fmt.Sprint(id, index))}, nil
	}
	h.api.script("a", func(context.Context, int) (job.Answer, error) { return files(20), nil })
	h.start()
	h.submit("a")
	event := h.event("a")
	require.Len(t, event.Data.Objects, 20)
	for i, object := range event.Data.Objects {
		require.Equal(t, fmt.Sprintf("a/result-%03d", i+1), object.Key)
		require.Equal(t, fmt.Sprint("a", i), h.store.content(object.Key))
	}
}

func TestVeryManyFilesGoIntoAManifest(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.api.open = func(context.Context, job.ID, int) (job.Source, error) {
		return &textPayload{strings.NewReader("xyz")}, nil
	}
	core, lines := observer.New(zapcore.InfoLevel)
	h.log = zap.New(core)
	h.api.script("a", func(context.Context, int) (job.Answer, error) { return files(4000), nil })
	h.start()
	h.submit("a")
	event := h.event("a")
	require.Equal(t, 4000, event.Data.ObjectCount)
	require.Nil(t, event.Data.Objects)
	require.Equal(t, "a/objects", event.Data.Manifest.Key)
	require.Equal(t, 4000, strings.Count(h.store.content("a/objects"), `"key"`))

	h.settledEverywhere()
	told := lines.FilterMessage("job settled").All()
	require.Len(t, told, 1)
	require.EqualValues(t, 4000, told[0].ContextMap()["objects"])
	require.EqualValues(t, 4000*len("xyz"), told[0].ContextMap()["bytes"], "of the files, whether the event lists them or not")
}

func TestThreeDownloadsOfWrongLengthAreInvalid(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.api.open = func(context.Context, job.ID, int) (job.Source, error) {
		return nil, &job.Error{Class: job.ClassWrongLength, By: job.FileHost, Err: errors.New("short")}
	}
	for id, ready := range map[job.ID]time.Duration{"old": minWrongLengthSince, "young": 0} {
		h.api.script(id, func(context.Context, int) (job.Answer, error) { return files(1), nil })
		h.schedule(job.Job{ID: id, ReadyAt: time.Now().Add(-ready), SubmittedAt: time.Now(), Deadline: time.Now().Add(time.Hour)}, time.Now())
	}
	h.start()
	old := h.event("old")
	require.Equal(t, "result_invalid", old.Data.Reason)
	require.Equal(t, 3, old.Data.Polls, "each download is of a fresh answer")
	h.eventually(func() bool { return h.api.polled("young") > 3 }, "three downloads within a moment are no proof")
	require.Equal(t, uint64(1), h.count(h.subjects.Events()))
}

// TestDownloadsThatNeverCome end the job at its deadline, when its result cannot be
// kept any more.
func TestDownloadsThatNeverCome(t *testing.T) {
	t.Parallel()
	for name, class := range map[string]job.Class{"broken": job.ClassUnavailable, "hanging": job.ClassStalled} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHarness(t)
			h.api.open = func(context.Context, job.ID, int) (job.Source, error) {
				return nil, &job.Error{Class: class, By: job.FileHost, Err: errors.New("certificate has expired")}
			}
			now := time.Now()
			for _, j := range []job.Job{
				{ID: "over", ReadyAt: now.Add(-resultLife), Deadline: now},
				{ID: "kept", ReadyAt: now, Deadline: now},
				{ID: "early", ReadyAt: now.Add(-resultLife), Deadline: now.Add(time.Hour)},
			} {
				answer := files(1)
				answer.Files[0].URL = secret.New("https://" + string(j.ID) + ".example/x") // none waits for another's host
				h.api.script(j.ID, func(context.Context, int) (job.Answer, error) { return answer, nil })
				j.SubmittedAt = now
				h.schedule(j, now)
			}
			h.start()
			event := h.event("over").Data
			require.Equal(t, "download_failed", event.Reason)
			require.Equal(t, "certificate has expired", event.Error.Title)
			h.eventually(func() bool { return min(h.api.polled("kept"), h.api.polled("early")) > 2 }, "they are not tried again")
			require.Equal(t, uint64(1), h.count(h.subjects.Events()))
			h.waitsFor("kept", "stalls are counted", func(j job.Job) bool { return (j.Stalls > 0) == (class == job.ClassStalled) })
		})
	}
}

// TestAFileOfAnotherSizeThanDeclared is downloaded once more: the same size again is
// that of the file.
func TestAFileOfAnotherSizeThanDeclared(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		contents []string // of one download after the other; the last goes on
		size     int64
		declared bool // the event says that it is another one
		opened   int
	}{
		"as declared":        {[]string{"12345"}, 5, false, 1},
		"the same again":     {[]string{"123"}, 3, true, 2},
		"whole the next":     {[]string{"123", "12345"}, 5, false, 2},
		"broken, then whole": {[]string{"123", "1234", "12345"}, 5, false, 3},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHarness(t)
			var opened atomic.Int64
			h.api.open = func(context.Context, job.ID, int) (job.Source, error) {
				n := int(opened.Add(1))
				return &textPayload{strings.NewReader(row.contents[min(n, len(row.contents))-1])}, nil
			}
			declared := int64(5)
			answer := files(1)
			answer.Files[0].DeclaredSize = &declared
			h.api.script("a", func(context.Context, int) (job.Answer, error) { return answer, nil })
			h.start()
			h.submit("a")
			object := h.event("a").Data.Objects[0]
			require.Equal(t, row.size, object.Size)
			require.Equal(t, row.declared, object.DeclaredSize != nil)
			require.EqualValues(t, row.opened, opened.Load())
		})
	}
}
