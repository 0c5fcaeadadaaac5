package test

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"net/http"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jobferry/jobferry/internal/job"
	"github.com/jobferry/jobferry/internal/simulator"
	"github.com/stretchr/testify/require"
)

func TestUnreadableAnswersAreWaitedOut(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.start(nil).ready()
	answers := map[string]simulator.Reply{
		"html":      simulator.Page(200),
		"html-502":  simulator.Page(502),
		"cut":       simulator.CutAfter(20),
		"reset":     simulator.Reset(),
		"shape":     simulator.JSON(`["completed"]`),
		"no-status": simulator.JSON(`{"jobID": "x"}`),
		"unknown":   simulator.JSON(`{"status": "queued"}`),
		"truncated": simulator.JSON(`{"status": "completed", "result": {"file": {"URL": "https://`),
		"429":       simulator.Throttled(time.Second),
		"429-body":  simulator.ThrottledInBody(time.Second),
		"408":       simulator.Problem(408),
		"500":       simulator.Problem(500),
		"503":       simulator.Problem(503),
		"302":       simulator.Reply{Status: 302}.With("Location", "https://example.com/"),
		"teapot":    simulator.Problem(418),
	}
	for id, reply := range answers {
		w.api.Script(id, reply.Times(2))
		w.add(simulator.Job{ID: id})
	}
	for id := range answers {
		w.check(simulator.Job{ID: id})
	}
	w.nothingLeft()
}

func TestAnswersThatSettleAJob(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.start(nil).ready()
	type reply func(id string) simulator.Reply
	problem := func(status int) reply { return func(string) simulator.Reply { return simulator.Problem(status) } }
	completed := func(result string) reply {
		return func(id string) simulator.Reply {
			return simulator.JSON(`{"jobID": "` + id + `", ` + result + `"status": "completed"}`)
		}
	}
	file := func(url string) reply { return completed(`"result": {"file": {"URL": "` + url + `"}}, `) }
	cases := map[string]struct {
		reply  reply
		reason job.Reason
	}{
		"400":         {problem(400), job.ReasonAPIRejected},
		"413":         {problem(413), job.ReasonAPIRejected},
		"422":         {problem(422), job.ReasonAPIRejected},
		"410":         {problem(410), job.ReasonJobExpired},
		"null":        {completed(`"result": null, `), job.ReasonResultInvalid},
		"number":      {completed(`"result": 7, `), job.ReasonResultInvalid},
		"no-result":   {completed(``), job.ReasonResultInvalid},
		"no-url":      {completed(`"result": {"file": {"contentType": "application/pdf"}}, `), job.ReasonResultInvalid},
		"scheme":      {file("ftp://127.0.0.1/x"), job.ReasonResultBlocked},
		"file-scheme": {file("file:///etc/passwd"), job.ReasonResultBlocked},
		"private":     {file("https://10.0.0.1/x"), job.ReasonResultBlocked},
		"metadata":    {file("http://169.254.169.254/x"), job.ReasonResultBlocked},
		"userinfo":    {file("http://user:pass@127.0.0.1/x"), job.ReasonResultBlocked},
	}
	for id, test := range cases {
		w.api.Script(id, test.reply(id).Forever())
		w.submit(id)
	}
	for id, test := range cases {
		event := w.event(id)
		require.Equal(t, string(test.reason), event.Data.Reason, id)
		if test.reason == job.ReasonAPIRejected {
			require.NotEmpty(t, http.StatusText(event.Data.Error.Status), id)
			require.NotEmpty(t, event.Data.Error.Title, id)
		}
	}
	w.nothingLeft()
	require.Empty(t, w.objects())
}

func TestLoopbackIsBlockedUnlessItIsNamed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.start(map[string]string{"WORKER_RESULT_HOSTS": ""}).ready()
	w.add(simulator.Job{ID: "local"})
	require.Equal(t, string(job.ReasonResultBlocked), w.event("local").Data.Reason)
	require.Empty(t, w.api.JobRecord("local").Files)
}

func TestBrokenDownloadsAreHealed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.start(nil).ready()
	const size = 3 << 20
	wrong := int64(17)
	files := map[string]simulator.File{
		"cut":          {Faults: simulator.Faults{CutAt: []int64{1, 1 << 20, size - 1}}},
		"cut-chunked":  {Chunked: true, Faults: simulator.Faults{CutAt: []int64{1 << 20}}},
		"no-range":     {Faults: simulator.Faults{CutAt: []int64{1 << 20}, NoRange: true}},
		"stalled":      {Faults: simulator.Faults{StallAt: []int64{1 << 20}}},
		"expired":      {Faults: simulator.Faults{Expired: 2}},
		"unavailable":  {Faults: simulator.Faults{Unavailable: 2}},
		"wrong-size":   {DeclaredSize: &wrong},
		"no-type":      {NoContentType: true, DownloadType: "application/pdf"},
		"no-etag":      {Faults: simulator.Faults{CutAt: []int64{1 << 20}, NoETag: true}},
		"changed":      {Faults: simulator.Faults{CutAt: []int64{1 << 20}, ChangeAfter: 1}},
		"no-metadata":  {OmitMetadata: true},
		"bytes-by-one": {Faults: simulator.Faults{CutEvery: 1 << 20}},
	}
	jobs := make([]simulator.Job, 0, len(files))
	for id, file := range files {
		file.Size = size
		jobs = append(jobs, simulator.Job{ID: id, Files: []simulator.File{file}})
	}
	zipped := gzipped(t, bytes.Repeat([]byte("%PDF "), size))
	jobs = append(jobs,
		simulator.Job{ID: "gzip", Files: []simulator.File{{Content: zipped, ContentEncoding: "gzip", ContentType: "application/pdf", Faults: simulator.Faults{CutAt: []int64{1000}}}}},
		simulator.Job{ID: "gzip-chunked", Files: []simulator.File{{Content: zipped, ContentEncoding: "gzip", Chunked: true}}},
	)
	w.add(jobs...)
	for _, j := range jobs {
		if j.ID == "changed" { // its bytes changed under way: whole again is all that can be asked
			require.Equal(t, job.OutcomeCompleted, w.event(j.ID).Data.Status)
			continue
		}
		event := w.check(j)
		if j.ID == "wrong-size" {
			require.Equal(t, wrong, *event.Data.Objects[0].DeclaredSize)
		}
	}
	w.nothingLeft()
}

func TestDownloadsThatCannotBeHealed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.start(map[string]string{"WORKER_MAX_RESULT_BYTES": "1MiB"}).ready()
	w.add(
		simulator.Job{ID: "short", Files: []simulator.File{{Size: 4096, Faults: simulator.Faults{Short: 100}}}},
		simulator.Job{ID: "large", Files: []simulator.File{{Size: 2 << 20}}},
		simulator.Job{ID: "large-chunked", Files: []simulator.File{{Size: 2 << 20, Chunked: true}}},
		simulator.Job{ID: "one-of-two", Kind: job.KindFiles, Files: []simulator.File{{}, {Size: 2 << 20}}},
	)
	for id, reason := range map[string]job.Reason{
		"short": job.ReasonResultInvalid, "large": job.ReasonResultTooLarge,
		"large-chunked": job.ReasonResultTooLarge, "one-of-two": job.ReasonResultTooLarge,
	} {
		require.Equal(t, string(reason), w.event(id).Data.Reason, id)
	}
	w.nothingLeft()
	for _, key := range w.objects() {
		require.Equal(t, "one-of-two/result-001.bin", key, "nothing partial stands in the bucket")
	}
}

func TestSlowDownloadsNeverStopPolling(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.start(map[string]string{"WORKER_TRANSFERS": "2", "WORKER_POLLS": "4"}).ready()
	release := make(chan struct{})
	stalled := simulator.Faults{StallAt: []int64{1}, StallUntil: release}
	for i := range 6 { // two in transfer, two waiting for a slot, two handed back again and again
		w.add(simulator.Job{ID: fmt.Sprint("slow-", i), Files: []simulator.File{{Faults: stalled}}})
	}
	w.eventually("the transfer slots are not taken", func() bool { return w.api.Record().Requests["file"] >= 2 })
	w.add(simulator.Job{ID: "failed", Outcome: simulator.Failed, Polls: 3})
	require.Equal(t, "job_failed", w.event("failed").Data.Reason)
	close(release)
	for i := range 6 {
		require.Equal(t, job.OutcomeCompleted, w.event(fmt.Sprint("slow-", i)).Data.Status)
	}
	require.LessOrEqual(t, w.api.Record().PeakDownloads, 2+2, "at most the slots, and as many that were resumed")
	w.nothingLeft()
}

func TestHugePayloadIsStreamed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.startBinary(plain, nil)
	p.ready()
	jobs := []simulator.Job{
		{ID: "tables", Kind: job.KindTables, PayloadSize: 200 << 20},
		{ID: "text", Kind: job.KindText, PayloadSize: 32 << 20, ResultFirst: true},
	}
	w.add(jobs...)
	for _, j := range jobs {
		w.check(j)
	}
	require.Less(t, peakMemory(t, p), 120<<10, "KiB of memory for 200 MiB of payload")
	w.nothingLeft()
}

// peakMemory returns the most memory that the process has had, in KiB.
func peakMemory(t *testing.T, p *process) int {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	require.NoError(t, err, "this test reads /proc and needs Linux")
	match := regexp.MustCompile(`VmHWM:\s+(\d+) kB`).FindSubmatch(status)
	require.NotNil(t, match)
	peak, err := strconv.Atoi(string(match[1]))
	require.NoError(t, err)
	return peak
}

func TestDependenciesThatAreAwayAreWaitedFor(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.api.SetConditions(simulator.Conditions{Down: true})
	nats := newTCPProxy(t, strings.TrimPrefix(w.nats.URL(), "nats://"))
	store := newTCPProxy(t, strings.TrimPrefix(s3.URL(), "http://"))
	p := w.start(map[string]string{"NATS_URL": "nats://" + nats.addr(), "AWS_ENDPOINT_URL_S3": "http://" + store.addr()})
	conditions := func(want string) {
		t.Helper()
		w.eventually(want, func() bool {
			status, body := get(t, p.url()+"/readyz")
			return status == 503 && strings.Contains(body, want)
		})
	}
	conditions("nats")
	status, _ := get(t, p.url()+"/livez")
	require.Equal(t, 200, status)
	nats.open()
	conditions("api")
	w.add(simulator.Job{ID: "patient"})
	w.api.SetConditions(simulator.Conditions{})
	conditions("store")
	store.open()
	p.ready()
	w.check(simulator.Job{ID: "patient"})
	w.nothingLeft()
}

// gzipped is text as a file host keeps it.
func gzipped(t *testing.T, text []byte) simulator.Content {
	t.Helper()
	var out bytes.Buffer
	in := gzip.NewWriter(&out)
	_, err := in.Write(text)
	require.NoError(t, errors.Join(err, in.Close()))
	return bytes.NewReader(out.Bytes())
}
