package simulator_test

import (
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/jobferry/jobferry/internal/job"
	"github.com/jobferry/jobferry/internal/simulator"
)

// clock is a time that stands still until it is told to go on.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func newClock() *clock { return &clock{at: time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)} }

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

func TestLifeByTime(t *testing.T) {
	t.Parallel()
	clock := newClock()
	c := start(t, simulator.Options{Now: clock.now})
	c.Add(simulator.Job{ID: "a", Kind: job.KindText, Text: "x", Duration: 10 * time.Second, ResultLife: time.Minute})
	require.Equal(t, 404, c.poll("a").status)
	clock.advance(4200 * time.Millisecond)
	require.Equal(t, 404, c.poll("a").status)
	require.JSONEq(t, `{"jobID":"a","status":"running","progress":0.42}`, string(c.status("a").body))
	clock.advance(5800 * time.Millisecond)
	require.Equal(t, 200, c.poll("a").status)
	require.JSONEq(t, `{"jobID":"a","status":"completed"}`, string(c.status("a").body))
	clock.advance(time.Minute)
	require.Equal(t, 410, c.poll("a").status)
	require.Equal(t, 410, c.status("a").status)
}

func TestLifeByPolls(t *testing.T) {
	t.Parallel()
	c := start(t, simulator.Options{})
	c.Add(simulator.Job{ID: "a", Polls: 2})
	require.Equal(t, 404, c.poll("a").status)
	require.Equal(t, 0.5, c.status("a").object(t)["progress"])
	require.Equal(t, 404, c.poll("a").status)
	require.Equal(t, 200, c.poll("a").status)
}

func TestRunningWithStatus200(t *testing.T) {
	t.Parallel()
	c := start(t, simulator.Options{})
	c.Add(simulator.Job{ID: "a", Duration: simulator.Forever, RunningAs200: true})
	got := c.poll("a")
	require.Equal(t, 200, got.status)
	require.JSONEq(t, `{"jobID":"a","status":"running"}`, string(got.body))
}

func TestUnknownJobs(t *testing.T) {
	t.Parallel()
	c := start(t, simulator.Options{})
	c.Add(simulator.Job{ID: "never", Outcome: simulator.Unknown}, simulator.Job{ID: "removed"})
	c.Remove("removed")
	for _, id := range []string{"never", "removed", "nobody", "file-1"} {
		require.Equal(t, 404, c.poll(id).status, id)
		require.Equal(t, 404, c.status(id).status, id)
	}
}

func TestEndsOtherThanCompleted(t *testing.T) {
	t.Parallel()
	c := start(t, simulator.Options{})
	e := simulator.JobError{Type: "PageLimitReached", Title: "Too many pages"}
	c.Add(
		simulator.Job{ID: "failed", Outcome: simulator.Failed, Error: e},
		simulator.Job{ID: "top", Outcome: simulator.Failed, Error: e, ErrorAtTop: true},
		simulator.Job{ID: "canceled", Outcome: simulator.Canceled},
	)
	require.JSONEq(t, `{"jobID":"failed","status":"failed","error":{"type":"PageLimitReached","title":"Too many pages"}}`,
		string(c.poll("failed").body))
	require.JSONEq(t, `{"jobID":"top","status":"failed","type":"PageLimitReached","title":"Too many pages"}`,
		string(c.poll("top").body))
	require.JSONEq(t, `{"jobID":"canceled","status":"canceled"}`, string(c.poll("canceled").body))
	require.Equal(t, "failed", c.status("failed").object(t)["status"])
}

func TestFileAnswers(t *testing.T) {
	t.Parallel()
	c := start(t, simulator.Options{})
	wrong := int64(7)
	c.Add(
		simulator.Job{ID: "one", Files: []simulator.File{{ContentType: "image/png", Size: 11, PageCount: 2}}},
		simulator.Job{ID: "lie", Files: []simulator.File{{DeclaredSize: &wrong, NoContentType: true}}},
		simulator.Job{ID: "gone", Kind: job.KindDelivered},
		simulator.Job{ID: "there", Files: []simulator.File{{URL: "http://169.254.169.254/latest"}}},
	)
	file := func(id string) map[string]any {
		return c.poll(id).object(t)["result"].(map[string]any)["file"].(map[string]any)
	}
	require.Equal(t, map[string]any{"fileSizeBytes": 11.0, "pageCount": 2.0}, file("one")["metadata"])
	require.Equal(t, "image/png", file("one")["contentType"])
	require.Equal(t, map[string]any{"fileSizeBytes": 7.0, "pageCount": nil}, file("lie")["metadata"])
	require.NotContains(t, file("lie"), "contentType")
	require.Nil(t, file("gone")["URL"])
	require.Equal(t, "http://169.254.169.254/latest", file("there")["URL"])
	got := c.get(file("one")["URL"].(string))
	require.Equal(t, bytesOf(t, simulator.FileContent("one", 0, 11)), got.body)
}

// A binary result is the body itself, and so is a file for a client that asks
// for bytes.
func TestBinaryAnswers(t *testing.T) {
	t.Parallel()
	c := start(t, simulator.Options{})
	picture := simulator.PNGFile()
	c.Add(
		simulator.Job{ID: "a", Kind: job.KindBinary, Files: []simulator.File{picture}},
		simulator.Job{ID: "b", Kind: job.KindBinary, Files: []simulator.File{picture}, Chunked: true},
		simulator.Job{ID: "c", Kind: job.KindFile, Files: []simulator.File{picture}},
	)
	for id, accept := range map[string]string{
		"a": "application/json", "b": "application/json", "c": "application/octet-stream",
	} {
		got := c.get(c.APIURL()+"/jobs/"+id, "Authorization", "Bearer "+fixedToken, "Accept", accept)
		require.Equal(t, "image/png", got.header.Get("Content-Type"), id)
		require.Equal(t, bytesOf(t, picture.Content), got.body, id)
		require.Equal(t, id == "b", got.header.Get("Content-Length") == "", id)
	}
	require.Equal(t, 1, c.Record().OtherAccept)
}

func TestMistakenJobsPanic(t *testing.T) {
	t.Parallel()
	c := start(t, simulator.Options{})
	require.Panics(t, func() { c.Add(simulator.Job{ID: "no dots.please"}) })
	require.Panics(t, func() { c.Add(simulator.Job{ID: "a", Kind: "papyrus"}) })
}

func TestNoSuchEndpoint(t *testing.T) {
	t.Parallel()
	c := start(t, simulator.Options{})
	got := c.get(c.APIURL() + "/jobs")
	require.Equal(t, 404, got.status)
	require.Equal(t, "application/problem+json", got.header.Get("Content-Type"))
}
