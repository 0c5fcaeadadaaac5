package simulator_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/jobferry/jobferry/internal/simulator"
)

func TestInventedJobs(t *testing.T) {
	t.Parallel()
	clock := newClock()
	c := start(t, simulator.Options{InventJobs: true, Now: clock.now})
	for _, kind := range simulator.InventedKinds() {
		require.Equal(t, 404, c.poll(kind+"-x1").status, kind)
		require.Equal(t, "running", c.status(kind + "-x1").object(t)["status"], kind)
	}
	clock.advance(6 * time.Second)
	for _, kind := range simulator.InventedKinds() {
		got := c.poll(kind + "-x1")
		require.Equal(t, 200, got.status, kind)
		want := kind
		if kind != "failed" && kind != "canceled" {
			want = "completed"
		}
		require.Equal(t, want, c.status(kind + "-x1").object(t)["status"], kind)
		if kind != "binary" {
			require.Equal(t, want, got.object(t)["status"], kind)
		}
	}
	require.Equal(t, 200, c.get(c.SignedURL("file-x1", 0)).status)
	require.Equal(t, 200, c.get(c.SignedURL("files-x1", 2)).status)
}

func TestNotInvented(t *testing.T) {
	t.Parallel()
	c := start(t, simulator.Options{InventJobs: true})
	c.Add(simulator.Job{ID: "failed-mine"})
	for _, id := range []string{"file", "file-", "papyrus-1", "1-file", "FILE-1"} {
		require.Equal(t, 404, c.status(id).status, id)
	}
	require.Equal(t, 200, c.poll("failed-mine").status)
	require.NotContains(t, string(c.poll("failed-mine").body), `"failed"`, "a job that was added stays what it is")
}

// The samples speak for themselves, so that a simulator that was started anew
// still knows them.
func TestSamplesCanBeInvented(t *testing.T) {
	t.Parallel()
	c := start(t, simulator.Options{InventJobs: true})
	for _, sample := range simulator.Samples("r") {
		invented := c.status(sample.Job.ID).status == 200
		require.Equal(t, sample.Deadline == 0, invented, sample.Job.ID)
		require.True(t, strings.HasSuffix(sample.Job.ID, "-r"))
	}
}

func TestInventedErrors(t *testing.T) {
	t.Parallel()
	clock := newClock()
	c := start(t, simulator.Options{InventJobs: true, Now: clock.now})
	require.Equal(t, 404, c.poll("failed-PDFIsPasswordProtected-1").status)
	clock.advance(6 * time.Second)
	got := c.poll("failed-PDFIsPasswordProtected-1").object(t)
	require.Equal(t, "PDFIsPasswordProtected", got["error"].(map[string]any)["type"])
}
