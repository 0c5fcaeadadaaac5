package test

import (
	"fmt"
	"io"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/jobferry/jobferry/internal/job"
	"github.com/jobferry/jobferry/internal/simulator"
)

// says is a gateway that answers each request in the store's place.
func says(status int, contentType, body string) *func(http.ResponseWriter, *http.Request) bool {
	answer := func(w http.ResponseWriter, r *http.Request) bool {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", contentType)
		w.WriteHeader(status)
		if r.Method != http.MethodHead {
			_, _ = io.WriteString(w, body)
		}
		return true
	}
	return &answer
}

// TestAGatewayBeforeTheStoreFailsNoJob, whatever it answers for some seconds: it speaks
// for no object. The readiness says that nothing moves.
func TestAGatewayBeforeTheStoreFailsNoJob(t *testing.T) {
	t.Parallel()
	for _, checksum := range []string{"auto", "md5"} {
		t.Run(checksum, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			proxy := newS3Proxy(t, w)
			p := w.start(map[string]string{"S3_CHECKSUM": checksum})
			w.add(simulator.Job{ID: "before"})
			w.check(simulator.Job{ID: "before"})
			answers := oddAnswers()
			proxy.instead.Store(&answers)
			jobs := make([]simulator.Job, 60)
			for i := range jobs {
				jobs[i] = simulator.Job{ID: fmt.Sprintf("job-%d", i), Files: []simulator.File{{Size: 1000, Chunked: i%2 == 0}}}
			}
			w.add(jobs...)
			w.eventually("it stays ready", func() bool {
				status, _ := get(t, p.url()+"/readyz")
				return status == http.StatusServiceUnavailable
			})
			time.Sleep(4 * time.Second) // more of the same
			require.EqualValues(t, 1, w.count("JOBS_EVENTS"))
			proxy.instead.Store(nil)
			for _, j := range jobs {
				w.check(j)
			}
			p.ready()
			w.nothingLeft()
		})
	}
}

// oddAnswers are pages of a gateway with one status after the other.
func oddAnswers() func(http.ResponseWriter, *http.Request) bool {
	statuses := []int{200, 302, 400, 401, 403, 404, 405, 411, 413, 414, 431, 500, 501}
	var requests atomic.Int64
	return func(w http.ResponseWriter, r *http.Request) bool {
		status := statuses[int(requests.Add(1))%len(statuses)]
		return (*says(status, "text/html", "<html><body>Sorry.</body></html>"))(w, r)
	}
}

// TestAStoreThatSaysNothingAnyMore of what it has checked, as behind a proxy that takes
// its headers away, gets each body with its Content-MD5 from then on.
func TestAStoreThatSaysNothingAnyMore(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	proxy := newS3Proxy(t, w)
	p := w.start(nil)
	w.add(simulator.Job{ID: "before"})
	w.check(simulator.Job{ID: "before"})
	proxy.silent.Store(true)
	jobs := []simulator.Job{{ID: "small"}, {ID: "large", Files: []simulator.File{{Size: 12 << 20}}}, {ID: "text", Kind: job.KindText}}
	w.add(jobs...)
	for _, j := range jobs {
		w.event(j.ID)
	}
	for _, r := range proxy.matching(creates) {
		require.NotContains(t, r.URL.Path, "jobferry-checksum")
	}
	_, metrics := get(t, p.url()+"/metrics")
	require.Contains(t, metrics, fmt.Sprintf("jobferry_store_checksum{bucket=%q,checksum=%q} 1", w.bucket, "md5"))
	require.Contains(t, metrics, fmt.Sprintf("jobferry_store_checksum{bucket=%q,checksum=%q} 0", w.bucket, "trailer"))
	w.nothingLeft()
}

// TestAGatewayThatTakesNoLargeBodies holds up none of the jobs that fit, and those that
// do not end at their deadline.
func TestAGatewayThatTakesNoLargeBodies(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	proxy := newS3Proxy(t, w)
	refuse := func(w http.ResponseWriter, r *http.Request) bool {
		if r.ContentLength < 1<<20 {
			return false
		}
		return (*says(http.StatusRequestEntityTooLarge, "text/html", "<html>413</html>"))(w, r)
	}
	proxy.instead.Store(&refuse)
	w.start(map[string]string{"WORKER_JOB_DEADLINE": "5s"}).ready()
	w.add(simulator.Job{ID: "large", Files: []simulator.File{{Size: 2 << 20}}})
	for i := range 20 {
		j := simulator.Job{ID: fmt.Sprintf("small-%d", i)}
		w.add(j)
		w.check(j)
	}
	event := w.event("large")
	require.Equal(t, string(job.ReasonStoreFailed), event.Data.Reason)
	w.nothingLeft()
}
