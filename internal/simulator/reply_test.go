package simulator_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/jobferry/jobferry/internal/job"
	"github.com/jobferry/jobferry/internal/simulator"
)

func (c *client) pollURL(id string) string { return c.APIURL() + "/jobs/" + id }

func (c *client) tryPoll(id string) (reply, error) {
	return c.try(http.MethodGet, c.pollURL(id), nil, "Authorization", "Bearer "+c.token, "Accept", "application/json")
}

func TestScriptGoesFirst(t *testing.T) {
	t.Parallel()
	c := start(t, simulator.Options{})
	c.Add(simulator.Job{ID: "a", Polls: 1})
	c.Script("a",
		simulator.Problem(500).Times(2),
		simulator.Throttled(2500*time.Millisecond),
		simulator.Page(200),
		simulator.JSON("garbage"),
	)
	c.ScriptStatus("a", simulator.Problem(500))
	c.ScriptToken(simulator.Page(502))
	var statuses []int
	for range 7 {
		statuses = append(statuses, c.poll("a").status)
	}
	require.Equal(t, []int{500, 500, 429, 200, 200, 404, 200}, statuses)
	require.Equal(t, 500, c.status("a").status)
	require.Equal(t, 200, c.status("a").status)
	require.Equal(t, 502, c.fetchToken("simulator", "simulated").status)
	require.Equal(t, 200, c.fetchToken("simulator", "simulated").status)
}

func TestReplies(t *testing.T) {
	t.Parallel()
	c := start(t, simulator.Options{})
	c.Script("a", simulator.Throttled(2500*time.Millisecond), simulator.ThrottledInBody(2*time.Second), simulator.Page(200),
		simulator.JSON("{").With("X-Cache", "HIT").With("Retry-After", "7"))
	require.Equal(t, "3", c.poll("a").header.Get("Retry-After"), "never less than what is meant")
	require.Equal(t, map[string]any{"retry_after": 2.0}, c.poll("a").object(t)["extensions"])
	page := c.poll("a")
	require.Equal(t, "text/html; charset=utf-8", page.header.Get("Content-Type"))
	require.Contains(t, string(page.body), "<html>")
	last := c.poll("a")
	require.Equal(t, "{", string(last.body))
	require.Equal(t, "HIT", last.header.Get("X-Cache"))
	require.Equal(t, "7", last.header.Get("Retry-After"))
}

func TestRepliesForever(t *testing.T) {
	t.Parallel()
	c := start(t, simulator.Options{})
	c.Script("nobody", simulator.Problem(403).Forever())
	for range 5 {
		require.Equal(t, 403, c.poll("nobody").status)
	}
}

// Headers of a reply with no status are put on the endpoint's own answer.
func TestReplyToOwnAnswer(t *testing.T) {
	t.Parallel()
	c := start(t, simulator.Options{})
	c.Add(simulator.Job{ID: "a", Kind: job.KindText, Text: strings.Repeat("x", 1000)})
	c.Script("a", simulator.Reply{Delay: time.Millisecond}.With("Retry-After", "9"), simulator.CutAfter(100))
	got := c.poll("a")
	require.Equal(t, 200, got.status)
	require.NoError(t, got.err)
	require.Equal(t, "9", got.header.Get("Retry-After"))
	cut := c.poll("a")
	require.Equal(t, 200, cut.status)
	require.Error(t, cut.err, "cut short of its length")
	require.Equal(t, got.body[:100], cut.body)
}

// An answer of no length is cut before the end of its chunks.
func TestCutChunked(t *testing.T) {
	t.Parallel()
	c := start(t, simulator.Options{})
	c.Add(simulator.Job{ID: "a", Kind: job.KindTables, Chunked: true})
	c.Script("a", simulator.CutAfter(50))
	cut := c.poll("a")
	require.Error(t, cut.err)
	require.Len(t, cut.body, 50)
}

func TestReset(t *testing.T) {
	t.Parallel()
	c := start(t, simulator.Options{})
	c.Script("a", simulator.Reset())
	_, err := c.tryPoll("a")
	require.Error(t, err)
	require.Equal(t, 0, c.JobRecord("a").Polls[0].Status)
}

// A held answer comes when it is let go, and a hanging one never; Close ends
// what is still held.
func TestHeldAndHanging(t *testing.T) {
	t.Parallel()
	c := start(t, simulator.Options{})
	c.Add(simulator.Job{ID: "a"})
	released := make(chan struct{})
	c.Script("a", simulator.HeldUntil(released))
	c.Script("b", simulator.Hang())
	c.Script("c", simulator.Reply{Delay: time.Hour})

	held := make(chan reply, 1)
	broken := make(chan error, 2)
	go func() { got, _ := c.tryPoll("a"); held <- got }()
	for _, id := range []string{"b", "c"} {
		go func() { _, err := c.tryPoll(id); broken <- err }()
	}
	c.eventually(func() bool {
		record := c.Record()
		return len(record.Jobs["a"].Polls)+len(record.Jobs["b"].Polls)+len(record.Jobs["c"].Polls) == 3
	})
	require.Empty(t, held)
	close(released)
	require.Equal(t, 200, (<-held).status)
	require.Empty(t, broken)
	require.NoError(t, c.Close())
	require.Error(t, <-broken)
	require.Error(t, <-broken)
	record := c.Record()
	require.Equal(t, 3, record.PeakPolls)
	require.Equal(t, 0, record.Jobs["c"].Polls[0].Status, "nothing was sent")
}

// eventually polls with a deadline.
func (c *client) eventually(condition func() bool) {
	c.t.Helper()
	require.Eventually(c.t, condition, 10*time.Second, 2*time.Millisecond)
}
