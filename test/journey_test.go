package test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/jobferry/jobferry/internal/embedded"
	"github.com/jobferry/jobferry/internal/job"
	"github.com/jobferry/jobferry/internal/simulator"
	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"
)

func TestEveryKindOfJobSettlesAsItShould(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.start(map[string]string{"WORKER_LOG_LEVEL": "debug"})
	p.ready()
	series := seriesOf(p.metrics(t))
	samples := simulator.Samples("e2e")
	for _, sample := range samples {
		w.api.Add(sample.Job)
		submission := map[string]any{"jobID": sample.Job.ID, "metadata": map[string]string{"about": sample.About}}
		if sample.Deadline > 0 {
			submission["deadline"] = time.Now().Add(sample.Deadline)
		}
		body, err := json.Marshal(submission)
		require.NoError(t, err)
		w.submit(string(body))
	}
	for _, sample := range samples {
		event := w.check(sample.Job)
		require.Equal(t, sample.About, event.Data.Metadata["about"])
		if event.Data.Reason == string(job.ReasonJobFailed) {
			require.Equal(t, &job.Problem{Type: sample.Want.Error.Type, Title: sample.Want.Error.Title}, event.Data.Error)
		}
	}
	w.nothingLeft()

	record := w.api.Record()
	require.Empty(t, record.Violations, "the simulator keeps to the API's OpenAPI document")
	require.Zero(t, record.LeakedAuthorization, "the token never reaches the file host")
	require.Zero(t, record.OtherAccept)
	for id, jobRecord := range record.Jobs {
		for index, file := range jobRecord.Files {
			require.Equal(t, 1, file.Downloads, "%s, file %d: downloaded once", id, index)
		}
	}
	w.nothingSecretIn(p)
	require.Equal(t, series, seriesOf(p.metrics(t)), "no series comes with a job")
}

// nothingSecretIn looks for secrets and signatures wherever a worker tells
// anything.
func (w *world) nothingSecretIn(p *process) {
	w.t.Helper()
	_, metrics := get(w.t, p.url()+"/metrics")
	_, readiness := get(w.t, p.url()+"/readyz")
	told := p.out.String() + metrics + readiness + w.allEvents()
	for _, secret := range []string{"X-Amz-Signature", "Bearer ", "simulated", secretKey} {
		require.NotContains(w.t, told, secret)
	}
}

func (w *world) allEvents() string {
	w.t.Helper()
	var all strings.Builder
	for _, msg := range w.events() {
		all.Write(msg.Data)
	}
	return all.String()
}

func TestSubmissionsInBothForms(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	other := "other-" + w.bucket
	_, err := w.s3.CreateBucket(t.Context(), &awss3.CreateBucketInput{Bucket: &other})
	require.NoError(t, err)
	w.start(map[string]string{"S3_PREFIX": "all/", "S3_ALLOWED_BUCKETS": other}).ready()
	for _, id := range []string{"plain", "object"} {
		w.api.Add(simulator.Job{ID: id, Files: []simulator.File{simulator.PDFFile(1)}})
	}

	w.submit("  plain\n")
	require.Equal(t, "all/plain/result.pdf", w.event("plain").Data.Objects[0].Key)

	w.submit(`{"jobID": "object", "status": "running", "prefix": "tenant-a/2026/", "bucket": "` + other + `", "metadata": {"orderID": "42", "customer": "Zoë"}}`)
	event := w.event("object")
	object := event.Data.Objects[0]
	require.Equal(t, "all/tenant-a/2026/object/result.pdf", object.Key)
	require.Equal(t, other, object.Bucket)
	require.Equal(t, map[string]string{"orderID": "42", "customer": "Zoë"}, event.Data.Metadata)
	head, err := w.s3.HeadObject(t.Context(), &awss3.HeadObjectInput{Bucket: &object.Bucket, Key: &object.Key})
	require.NoError(t, err)
	require.Equal(t, "object", head.Metadata["job-id"])
	require.Equal(t, "42", head.Metadata["orderid"])
	require.Equal(t, "=?UTF-8?b?Wm/Dqw==?=", head.Metadata["customer"], "as S3 carries what is not ASCII")
}

func TestBadSubmissionsBlockNobody(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.start(nil).ready()
	bodies := []string{
		"", string(simulatedNoise(t, 1<<20-1024)), "a/b", "a.b", "a*", ">", "a b", "../up", `{"prefix": "x/"}`,
		`{"jobID": "good", "prefix": "../../up"}`, `{"jobID": "good", "bucket": "not-mine"}`,
		`{"jobID": "good", "metadata": {"k": "` + strings.Repeat("v", 1600) + `"}}`,
	}
	for _, body := range bodies {
		w.submit(body)
	}
	w.add(simulator.Job{ID: "good"})
	for i, body := range bodies {
		event := w.eventAt(fmt.Sprintf("jobs.events.rejected.JOBS.%d", i+1))
		require.Equal(t, job.OutcomeRejected, event.Data.Status)
		require.NotEmpty(t, event.Data.Reason)
		require.Equal(t, base64.StdEncoding.EncodeToString([]byte(body)[:min(len(body), 8<<10)]), event.Data.Body)
	}
	w.check(simulator.Job{ID: "good"})
	w.nothingLeft()
	require.Equal(t, []string{"good/result.bin"}, w.objects())
}

func simulatedNoise(t *testing.T, size int64) []byte {
	t.Helper()
	noise := make([]byte, size)
	_, err := simulator.Noise("submission", size).ReadAt(noise, 0)
	require.NoError(t, err)
	return noise
}

func TestDuplicateSubmissionsSettleOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for range 3 {
		w.start(nil)
	}
	j := simulator.Job{ID: "twin", Duration: time.Second}
	w.api.Add(j)
	for range 20 {
		w.submit("twin")
	}
	w.check(j)
	w.submit("twin")
	w.nothingLeft()
	require.Equal(t, uint64(1), w.count("JOBS_EVENTS"))
}

func TestTraceIsCarriedIntoTheEvent(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.start(nil).ready()
	w.api.Add(simulator.Job{ID: "traced", Polls: 2})
	msg := nats.NewMsg("jobs.submit")
	msg.Data = []byte("traced")
	const traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
	msg.Header.Set("traceparent", traceparent)
	_, err := w.js.PublishMsg(t.Context(), msg)
	require.NoError(t, err)
	require.Equal(t, traceparent, w.event("traced").Traceparent)
}

func TestStoreOverHTTPSWithAPrivateCA(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	front, err := embedded.NewTLSFront(strings.TrimPrefix(s3.URL(), "http://"))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, front.Close()) })
	ca := filepath.Join(t.TempDir(), "ca.pem")
	require.NoError(t, os.WriteFile(ca, front.CAPEM(), 0o600))
	w.start(map[string]string{"AWS_ENDPOINT_URL_S3": front.URL(), "AWS_CA_BUNDLE": ca}).ready()
	jobs := []simulator.Job{
		{ID: "known", Files: []simulator.File{{Size: 8 << 20}}},
		{ID: "chunked", Files: []simulator.File{{Size: 12 << 20, Chunked: true}}},
		{ID: "small", Files: []simulator.File{{Size: 1, Chunked: true}}},
		{ID: "empty", Files: []simulator.File{{Empty: true}}},
		{ID: "text", Kind: job.KindText, Text: "über https"},
	}
	w.add(jobs...)
	for _, j := range jobs {
		w.check(j)
	}
	w.nothingLeft()
}

func TestTokensFromAFileAreRenewed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	file := filepath.Join(t.TempDir(), "secret")
	require.NoError(t, os.WriteFile(file, []byte("wrong\n"), 0o600))
	p := w.start(map[string]string{"NITRO_CLIENT_SECRET": "", "NITRO_CLIENT_SECRET_FILE": file})
	w.add(simulator.Job{ID: "patient"})
	w.eventually("a wrong secret shows in the readiness", func() bool {
		status, body := get(t, p.url()+"/readyz")
		return status == 503 && strings.Contains(body, "NITRO_CLIENT")
	})
	require.NoError(t, os.WriteFile(file, []byte("simulated\n"), 0o600))
	w.check(simulator.Job{ID: "patient"})
	require.Equal(t, 1, w.event("patient").Data.Polls, "nobody was charged")

	w.api.RevokeTokens()
	w.add(simulator.Job{ID: "renewed"})
	w.check(simulator.Job{ID: "renewed"})
	p.ready()
}
