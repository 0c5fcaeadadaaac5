package consumer

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jobferry/jobferry/internal/broker"
	"github.com/jobferry/jobferry/internal/job"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"
)

func TestReasonThatQuotesTheSubmissionIsCut(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.start()
	h.submit(`{"jobID": "x", "deadline": "` + strings.Repeat("A", 600_000) + `"}`)
	event := h.eventAt(h.subjects.Rejected(h.subjects.Jobs(), 1))
	require.Less(t, len(event.Data.Reason), maxReason+10)
	h.settledEverywhere()
}

func TestTraceparentOfAnotherFormIsDropped(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.api.script("x", after(1, text("x")))
	h.start()
	msg := nats.NewMsg(h.subjects.Submit())
	msg.Data = []byte("x")
	msg.Header.Set("traceparent", strings.Repeat("0", 65_000))
	_, err := h.js.PublishMsg(t.Context(), msg)
	require.NoError(t, err)
	require.Empty(t, h.event("x").Traceparent)
	h.settledEverywhere()
}

func TestBrokerThatTakesNoEventsDoesNotFillThePod(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	_, err := h.js.UpdateStream(t.Context(), jetstream.StreamConfig{
		Name: h.subjects.Events(), Subjects: []string{h.subjects.AllEvents()}, AllowDirect: true,
		MaxMsgs: 1, Discard: jetstream.DiscardNew,
	})
	require.NoError(t, err)
	const count = 100
	for i := range count {
		id := job.ID("job-" + strconv.Itoa(i))
		h.api.script(id, completed)
		h.submit(string(id))
	}
	r := h.start()
	h.eventually(func() bool { return r.health.get("broker") != nil && r.health.get("broker").Error() != "not set" }, "nobody is told")
	inHand := 0
	for _, stream := range []string{h.subjects.Jobs(), h.subjects.Wait()} {
		c, err := h.js.Consumer(t.Context(), stream, broker.Durable)
		require.NoError(t, err)
		inHand += c.CachedInfo().NumAckPending
	}
	require.LessOrEqual(t, inHand, h.cfg.Polls+2*h.cfg.Transfers)

	_, err = h.js.UpdateStream(t.Context(), jetstream.StreamConfig{
		Name: h.subjects.Events(), Subjects: []string{h.subjects.AllEvents()}, AllowDirect: true, MaxMsgs: -1,
	})
	require.NoError(t, err)
	h.settledEverywhere()
	require.Equal(t, uint64(count), h.count(h.subjects.Events()))
	require.NoError(t, r.health.get("broker"))
}

// unsettled is a payload whose answer ends by saying "running".
type unsettled struct{ job.Payload }

func (unsettled) Read([]byte) (int, error) {
	return 0, job.NotCompleted(job.Answer{Verdict: job.Running})
}

func TestAnswerThatContradictsItselfEndsAtTheDeadline(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.api.status["x"] = job.Running
	h.api.script("x", func(context.Context, int) (job.Answer, error) {
		return job.Answer{Verdict: job.Completed, Kind: job.KindText, Payload: unsettled{text("").Payload}}, nil
	})
	h.start()
	h.submit(`{"jobID": "x", "deadline": "2020-01-01T00:00:00Z"}`)
	require.Equal(t, "deadline_exceeded", h.event("x").Data.Reason)
}

func TestThrottledRenewalIsNotTriedAtOnce(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	opens := 0
	h.api.open = func(context.Context, job.ID, int) (job.Source, error) {
		if opens++; opens == 1 {
			return nil, &job.Error{Class: job.ClassThrottled, By: job.API, Err: errors.New("429"), RetryAfter: 50 * time.Millisecond}
		}
		return &textPayload{strings.NewReader("x")}, nil
	}
	h.api.script("x", func(context.Context, int) (job.Answer, error) { return files(1), nil })
	h.start()
	h.submit("x")
	require.Equal(t, 2, h.event("x").Data.Polls, "it was polled anew, not tried again in hand")
	require.Equal(t, 2, opens)
}
