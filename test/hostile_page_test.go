//go:build browser

package test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jobferry/jobferry/internal/broker"
	"github.com/jobferry/jobferry/internal/job"

	"github.com/jobferry/jobferry/internal/pod"
	"github.com/jobferry/jobferry/internal/simulator"
	"github.com/stretchr/testify/require"
)

// What somebody might write who hopes that it is taken for markup. Each would
// be seen: it runs, or asks for something, or the policy forbids it and the
// browser complains.
const (
	image  = `<img src=x onerror="window.hit = 1">`
	script = `"'></span></script><script>window.hit = 2</script>`
	turned = "\u202etxet denrut" // from right to left, and so for all that follows
	marked = "\ufffdtxet denrut" // how the page shows it
	long   = "01234567-89ab-cdef-0123-456789abcdef"
)

// longest is as long as a job ID may be.
var longest = strings.Repeat("x", 128)

func TestPageShowsWhateverComesAsText(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.start(map[string]string{"WORKER_BACKOFF_INITIAL": "1h", "WORKER_BACKOFF_MAX": "1h"})
	p.ready()
	w.settleHostile()
	w.serveHostile()
	b := open(t, p.url())
	for _, text := range []string{
		"a: " + image, "b: " + script, "c: " + marked, // metadata
		w.bucket + "/" + image + "/" + strings.TrimPrefix(script, `"'>`) + "/" + long + "/result", // a key
		"job_failed: " + image + script, // the API's own word
		fmt.Sprintf("bucket %q", image), // why a submission is rejected
	} {
		b.holds("events", text)
	}
	for _, text := range []string{image + marked, "api: " + script} {
		b.holds("pods", text)
	}
	b.holds("transfers", script)
	b.holds("transfers", image)
	b.looksGood("hostile")

	b.keepsToItself(p.url())
	require.True(t, eval[bool](b, `window.hit === undefined && document.scripts.length === 1`))
	require.Zero(t, eval[int](b, `document.querySelectorAll("body :is(img, a, iframe, object, embed, form, link, style)").length`))
	require.True(t, eval[bool](b, inOrder), "what is written from right to left turns nothing but itself")

	// The same by the way that the page does not go, to see that it would be seen.
	eval[any](b, `document.getElementById("events").innerHTML = %s`, image)
	w.eventually("the browser does not complain", func() bool {
		return strings.Contains(strings.Join(b.complained(), "\n"), "Content Security Policy")
	})
	require.True(t, eval[bool](b, "window.hit === undefined"), "the policy is the second wall")
}

// inOrder looks whether the metadata that begins with a turned text stands from
// left to right all the same.
const inOrder = `(() => {
  const note = [...document.querySelectorAll("#events div.note")].find((e) => e.textContent.startsWith("a: \ufffd"));
  const places = [...note.querySelectorAll(".given")].map((e) => e.getBoundingClientRect());
  return places.length === 4 && places.every((place, at) => at === 0 || place.left >= places[at - 1].right);
})()`

// holds waits until the text of the element with an ID holds a text as it is.
func (b *tab) holds(id, text string) {
	b.t.Helper()
	b.until("document.getElementById(%s).textContent.includes(%s)", id, text)
}

// settleHostile has jobs settle whose every word is hostile.
func (w *world) settleHostile() {
	w.t.Helper()
	w.api.Add(
		simulator.Job{ID: long, Files: []simulator.File{{Name: image, ContentType: `text/html; charset="` + image + `"`}}},
		simulator.Job{ID: longest, Outcome: simulator.Failed, Error: simulator.JobError{Type: script, Title: image + script}},
	)
	w.submitObject(map[string]any{
		"jobID": long, "prefix": image + "/" + strings.TrimPrefix(script, `"'>`) + "/",
		"metadata": map[string]string{"a": image, "b": script, "c": turned, "d": "plain"},
	})
	w.submitObject(map[string]any{"jobID": longest, "metadata": map[string]string{"a": turned, "b": "plain"}})
	w.submitObject(map[string]any{"jobID": "rejected", "bucket": image})
	w.eventually("they do not settle", func() bool { return w.count("JOBS_EVENTS") == 3 })
}

func (w *world) submitObject(submission map[string]any) {
	w.t.Helper()
	body, err := json.Marshal(submission)
	require.NoError(w.t, err)
	w.submit(string(body))
}

// serveHostile answers as another pod that says whatever it likes.
func (w *world) serveHostile() {
	w.t.Helper()
	names, err := broker.NewSubjects("jobs")
	require.NoError(w.t, err)
	service, err := pod.Serve(w.nc, names, func() pod.Report {
		return pod.Report{
			Name: image + turned, Started: time.Now(), Slots: 1, Problems: []string{"api: " + script},
			Transfers: []job.Transfer{{Job: image, Name: script, Size: -1, Done: 1 << 20, Since: time.Now()}},
		}
	})
	require.NoError(w.t, err)
	w.t.Cleanup(func() { require.NoError(w.t, service.Stop()) })
}
