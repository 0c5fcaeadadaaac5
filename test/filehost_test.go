package test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/jobferry/jobferry/internal/job"
	"github.com/jobferry/jobferry/internal/simulator"
	"github.com/stretchr/testify/require"
)

// oddHost is a file host that is in trouble for a while, and serves its files after
// that.
type oddHost struct {
	*httptest.Server
	well     atomic.Bool
	requests atomic.Int64
}

const oddFileSize = 300_000

// newOddHost starts one whose files are named by their jobs.
func newOddHost(t *testing.T, trouble http.HandlerFunc) *oddHost {
	t.Helper()
	h := &oddHost{}
	h.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.requests.Add(1)
		if !h.well.Load() {
			trouble(w, r)
			return
		}
		serveOddFile(w, r)
	}))
	t.Cleanup(h.Close)
	return h
}

func serveOddFile(w http.ResponseWriter, r *http.Request) {
	id := strings.TrimSuffix(path.Base(r.URL.Path), ".pdf")
	w.Header().Set("ETag", `"`+id+`"`)
	http.ServeContent(w, r, "", time.Time{}, simulator.Open(simulator.Noise(id, oddFileSize)))
}

// job has its only file there.
func (h *oddHost) job(id string) simulator.Job {
	size := int64(oddFileSize)
	return simulator.Job{ID: id, Files: []simulator.File{{
		URL: h.URL + "/" + id + ".pdf?X-Amz-Signature=secret", ContentType: "application/pdf", Content: simulator.Noise(id, size), DeclaredSize: &size,
	}}}
}

// sendStart sends the first bytes of a file and breaks the connection.
func sendStart(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Length", strconv.Itoa(oddFileSize))
	id := strings.TrimSuffix(path.Base(r.URL.Path), ".pdf")
	_, _ = io.CopyN(w, simulator.Open(simulator.Noise(id, oddFileSize)), oddFileSize/3)
	_ = http.NewResponseController(w).Flush()
	panic(http.ErrAbortHandler)
}

func redirectTo(code int, location string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		if location != "" {
			w.Header().Set("Location", location)
		}
		w.WriteHeader(code)
	}
}

// oddities are what a file host may do for a while.
func oddities() map[string]http.HandlerFunc {
	var shorter atomic.Int64
	all := map[string]http.HandlerFunc{
		"s3-error":       answerPage(200, "application/xml", `<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>`),
		"page":           answerPage(200, "text/html", "<html>Log in</html>"),
		"json":           answerPage(200, "application/json", `{"error": "link expired"}`),
		"nothing":        answerPage(200, "application/pdf", ""),
		"captive-portal": redirectTo(302, "http://10.255.255.1/login"),
		"loop":           redirectTo(302, "/again"),
		"nowhere":        redirectTo(302, ""),
		"not-modified":   redirectTo(304, ""),
		"long-headers": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("X-Long", strings.Repeat("x", 1536<<10))
			serveOddFile(w, r)
		},
		"hangs-up": func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
		"refuses-ranges": func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Range") != "" {
				w.WriteHeader(http.StatusForbidden)
				return
			}
			sendStart(w, r)
		},
		"short": func(w http.ResponseWriter, r *http.Request) { // no length, and no range either
			w.Header().Set("Transfer-Encoding", "identity")
			id := strings.TrimSuffix(path.Base(r.URL.Path), ".pdf")
			_, _ = io.CopyN(w, simulator.Open(simulator.Noise(id, oddFileSize)), 1000+shorter.Add(1))
		},
		"busy": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", "1")
			w.WriteHeader(http.StatusTooManyRequests)
		},
	}
	for _, code := range []int{400, 403, 404, 410, 503} {
		all["refused-"+strconv.Itoa(code)] = answerPage(code, "text/html", "<html>No</html>")
	}
	return all
}

// TestAFileHostsTroubleEndsNoJob: many jobs are done while their file hosts do odd
// things. Jobs on a healthy host do not wait for them, no host is asked all the time,
// and in the end each job is completed with the right bytes.
func TestAFileHostsTroubleEndsNoJob(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.start(nil).ready()
	const each = 4
	hosts := map[string]*oddHost{}
	var jobs []simulator.Job
	for name, trouble := range oddities() {
		hosts[name] = newOddHost(t, trouble)
		for i := range each {
			jobs = append(jobs, hosts[name].job(fmt.Sprintf("%s-%d", name, i)))
		}
	}
	w.add(jobs...)
	began := time.Now()
	for name, host := range hosts {
		w.eventually(name+" is not asked", func() bool { return host.requests.Load() >= 3 })
	}
	good := newOddHost(t, nil)
	good.well.Store(true)
	for i := range 20 {
		j := good.job(fmt.Sprintf("good-%d", i))
		w.add(j)
		w.check(j)
	}
	time.Sleep(time.Until(began.Add(6 * time.Second))) // fresh URLs are refused for longer than a renewal takes
	require.EqualValues(t, 20, w.count("JOBS_EVENTS"), "no job has ended")
	lasted := int64(time.Since(began)/time.Second) + 1
	require.LessOrEqual(t, hosts["busy"].requests.Load(), each*lasted, "it asks for a second each time")
	for _, host := range hosts {
		host.well.Store(true)
	}
	for _, j := range jobs {
		w.check(j)
	}
	w.nothingLeft()
}

// TestADeadFileHostHoldsUpNoOther: it accepts connections and never answers.
func TestADeadFileHostHoldsUpNoOther(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.start(nil)
	p.ready()
	gone := make(chan struct{})
	dead := newOddHost(t, func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-r.Context().Done():
		case <-gone:
		}
	})
	t.Cleanup(func() { close(gone) })
	const stuck = 160
	for i := range stuck {
		w.add(dead.job(fmt.Sprintf("dead-%d", i)))
	}
	w.eventually("it is not asked", func() bool { return dead.requests.Load() > 0 })
	good := newOddHost(t, nil)
	good.well.Store(true)
	jobs := make([]simulator.Job, 40)
	for i := range jobs {
		jobs[i] = good.job(fmt.Sprintf("good-%d", i))
	}
	w.add(jobs...)
	for _, j := range jobs {
		w.check(j)
	}
	polls := 0
	for i := range stuck {
		polls += len(w.api.JobRecord(fmt.Sprintf("dead-%d", i)).Polls)
	}
	require.Less(t, polls, 3*stuck, "a finished job is polled again only with a slot in hand")
}

// TestJobsThatFinishAtOnceArePolledOnce: their files take longer than a poll.
func TestJobsThatFinishAtOnceArePolledOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	slow := newOddHost(t, func(w http.ResponseWriter, r *http.Request) {
		time.Sleep(time.Second)
		serveOddFile(w, r)
	})
	const count = 150
	jobs := make([]simulator.Job, count)
	for i := range jobs {
		jobs[i] = slow.job(fmt.Sprintf("job-%d", i))
	}
	w.start(nil)
	known := slow.job("known") // until a host has brought something, it gets few connections
	w.add(known)
	w.check(known)
	w.add(jobs...)
	polls := 0
	for _, j := range jobs {
		w.check(j)
		polls += len(w.api.JobRecord(j.ID).Polls)
	}
	require.Less(t, polls, count*3/2)
}

// TestAFileListThatChangesItsOrder: a try of a job stores some of its files, and the
// next answer of the API lists them in another order.
func TestAFileListThatChangesItsOrder(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.start(nil).ready()
	const count = 6
	var refusals atomic.Int64
	host := newOddHost(t, func(w http.ResponseWriter, r *http.Request) {
		if path.Base(r.URL.Path) == "last.pdf" && refusals.Add(1) <= 3 { // as often as a file is tried before its job waits
			answerPage(200, "text/html", "<html>Log in</html>")(w, r)
			return
		}
		serveOddFile(w, r)
	})
	names := make([]string, count)
	for i := range names {
		names[i] = fmt.Sprintf("file-%d", i)
	}
	names[count-1] = "last"
	list := func(names []string) simulator.Reply {
		files := make([]string, len(names))
		for i, name := range names {
			files[i] = fmt.Sprintf(`{"URL": "%s/%s.pdf", "contentType": "application/pdf", "metadata": {"fileSizeBytes": %d, "pageCount": null}}`, host.URL, name, oddFileSize)
		}
		return simulator.JSON(`{"jobID": "job", "status": "completed", "result": {"files": [` + strings.Join(files, ",") + `]}}`)
	}
	turned := append([]string{"last"}, names[:count-1]...)
	w.api.Script("job", append([]simulator.Reply{list(names)}, slices.Repeat([]simulator.Reply{list(turned)}, 50)...)...)
	w.submit("job")
	event := w.event("job")
	require.Equal(t, job.OutcomeCompleted, event.Data.Status)
	require.Len(t, event.Data.Objects, count)
	for i, object := range event.Data.Objects {
		require.True(t, bytes.Equal(w.object(object.Key), content(t, turned[i])), "%s is not %s", object.Key, turned[i])
	}
}

// content is a file of an odd host.
func content(t *testing.T, id string) []byte {
	t.Helper()
	all, err := io.ReadAll(simulator.Open(simulator.Noise(id, oddFileSize)))
	require.NoError(t, err)
	return all
}

// object is what stands in the bucket under a key.
func (w *world) object(key string) []byte {
	w.t.Helper()
	got, err := w.s3.GetObject(w.t.Context(), &awss3.GetObjectInput{Bucket: &w.bucket, Key: &key})
	require.NoError(w.t, err)
	defer got.Body.Close()
	all, err := io.ReadAll(got.Body)
	require.NoError(w.t, err)
	return all
}
