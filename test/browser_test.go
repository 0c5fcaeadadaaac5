//go:build browser

package test

import (
	"fmt"
	"syscall"
	"testing"

	"github.com/jobferry/jobferry/internal/job"
	"github.com/jobferry/jobferry/internal/simulator"
)

// patiently are the settings of a worker that has waits last, and one slot for
// transfers, for new and for due jobs each.
var patiently = map[string]string{
	"WORKER_BACKOFF_INITIAL": "1h", "WORKER_BACKOFF_MAX": "1h", "WORKER_TRANSFERS": "1", "WORKER_POLLS": "2",
}

// TestPageShowsTheFleet needs Chromium, so it is built with the tag browser
// alone.
func TestPageShowsTheFleet(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	shown := w.start(patiently)
	shown.ready()
	w.start(patiently).ready()
	b := open(t, shown.url())
	b.shows("state", "Live, by "+hostname(t))
	b.emptyFleet()
	b.looksGood("empty")

	w.settle(b)
	w.wait(b)
	w.hang(b)
	w.transfer(b)
	b.looksGood("busy")
	b.keepsToItself(shown.url())

	w.nats.Stop()
	b.shows("state", "Nothing to show: ")
	shown.signal(syscall.SIGKILL)
	b.shows("state", "No connection to the worker")
	b.until("document.getElementById('main').classList.contains('old')")
	b.until(`/^Not live: this is how it was at \d\d:\d\d:\d\d\.$/.test(document.getElementById("stale").innerText)`)
	b.looksGood("lost")
}

// emptyFleet is what two pods show that have had nothing to do.
func (b *tab) emptyFleet() {
	b.t.Helper()
	for id, text := range map[string]string{
		"transfers": "Nothing right now.", "events": "No job has settled yet.", "reasons": "No failure.", "next": "No job waits.",
	} {
		b.shows(id, text)
	}
	for _, id := range []string{"submitted", "waiting", "due", "inHand", "completed", "failed", "canceled", "rejected"} {
		b.counts(id, 0)
	}
	b.rows("pods", 2)
	b.until(`document.getElementById("pods").innerText.split("(shows this page)").length === 2`)
	b.until(`document.querySelectorAll("#pods .ready").length === 2`)
}

// settle lets jobs of every outcome settle.
func (w *world) settle(b *tab) {
	w.t.Helper()
	w.api.Add(simulator.Job{ID: "three", Kind: job.KindFiles, Files: []simulator.File{simulator.PDFFile(1), {}, {}}})
	w.submit(`{"jobID": "three", "prefix": "tenant-a/2026/", "metadata": {"orderID": "42"}}`)
	b.counts("completed", 1)
	for _, text := range []string{"three", w.bucket + "/tenant-a/2026/three/result-001.pdf", "result-003.bin", "orderID: 42"} {
		b.shows("events", text)
	}
	for i := range 2 {
		w.add(simulator.Job{ID: fmt.Sprint("failed-", i), Outcome: simulator.Failed})
		b.counts("failed", i+1)
		b.shows("reasons", fmt.Sprintf("job_failed\t\t%d", i+1))
	}
	b.shows("events", "job_failed: Conversion failed")
	w.add(simulator.Job{ID: "canceled", Outcome: simulator.Canceled})
	b.counts("canceled", 1)
	w.submit("no job ID")
	b.counts("rejected", 1)
	b.rows("events", 5)
	b.shows("looked", "of the last 5 events")
}

// wait lets jobs wait: fewer are listed than there are.
func (w *world) wait(b *tab) {
	w.t.Helper()
	w.api.Script("waiting-00", simulator.Reply{Status: 403, ContentType: "text/html", Body: "<html>Request blocked</html>"})
	for i := range 14 {
		w.add(simulator.Job{ID: fmt.Sprintf("waiting-%02d", i), Duration: simulator.Forever})
	}
	b.counts("waiting", 14)
	b.rows("next", 12)
	b.shows("more", "12 of 14")
	b.shows("next", "403") // why it waits, by a gateway's word
	b.shows("next", "(once, since ")
	b.until(`/^waiting-\d\d\t2\t\d\d min$/m.test(document.getElementById("next").innerText)`)
}

// transfer has more jobs in hand than there are slots in all pods.
func (w *world) transfer(b *tab) {
	w.t.Helper()
	slow := simulator.File{Size: 64 << 20, Faults: simulator.Faults{Rate: 1 << 20}}
	for i := range 4 {
		w.add(simulator.Job{ID: fmt.Sprint("slow-", i), Files: []simulator.File{slow}})
	}
	b.rows("transfers", 2)
	b.until(`document.getElementById("pods").innerText.split("1 of 1").length === 3`)
	b.until(`document.getElementById("inHand").innerText >= 2`)
	b.until(`/^2 files, .*iB\/s$/.test(document.getElementById("rate").innerText)`)
	const progress = `[...document.querySelectorAll("#transfers progress")].map((p) => p.value)`
	for range 2 {
		before := eval[[]float64](b, progress)
		b.until(progress+`.every((value, i) => value > %s[i])`, before)
	}
	b.shows("transfers", "of 64 MiB")
	b.shows("transfers", hostname(w.t))
}

// hang keeps jobs from being taken: both pods wait for answers of the API, in
// the slot for new jobs and in the one for due jobs.
func (w *world) hang(b *tab) {
	w.t.Helper()
	release := make(chan struct{})
	for i := range 2 {
		w.hanging(fmt.Sprint("hanging-", i), release, w.submit)
		w.hanging(fmt.Sprint("waiting-0", i), release, func(id string) { w.must("now", id) })
	}
	w.add(simulator.Job{ID: "later", Duration: simulator.Forever})
	b.counts("submitted", 1)
	w.must("now", "waiting-02")
	b.counts("due", 1)
	b.shows("oldest", "oldest that is not waiting: ")
	close(release)
	b.counts("submitted", 0)
	b.counts("due", 0)
	b.counts("waiting", 17)
}

// hanging has the next poll of a job wait for its answer.
func (w *world) hanging(id string, release <-chan struct{}, begin func(id string)) {
	w.t.Helper()
	polls := len(w.api.JobRecord(id).Polls)
	w.api.Script(id, simulator.Reply{Status: 404, Until: release})
	begin(id)
	w.eventually(id+" is not polled", func() bool { return len(w.api.JobRecord(id).Polls) > polls })
}
