package test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/jobferry/jobferry/internal/embedded"
	"github.com/jobferry/jobferry/internal/job"
	"github.com/jobferry/jobferry/internal/simulator"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"
)

// patience bounds every wait; it is never how long one takes.
const patience = 90 * time.Second

// world is everything that a worker works with, for one test alone.
type world struct {
	t      *testing.T
	nats   *embedded.NATS
	dir    string // of the nats-server
	nc     *nats.Conn
	js     jetstream.JetStream
	api    *simulator.Server
	s3     *awss3.Client
	bucket string
	env    map[string]string
	bodies map[uint64]string  // of submissions, by their sequence
	heard  *nats.Subscription // to what commands submit; nil until one does
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, bucket: bucketName(t), dir: t.TempDir(), bodies: map[uint64]string{}}
	var err error
	w.nats, err = embedded.StartNATS(embedded.NATSOptions{Addr: "127.0.0.1:0", Dir: w.dir})
	require.NoError(t, err)
	t.Cleanup(func() { w.nats.Stop() })
	w.api, err = simulator.Start(simulator.Options{ValidateAnswers: true})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, w.api.Close()) })
	w.s3 = newS3Client(s3.URL())
	_, err = w.s3.CreateBucket(t.Context(), &awss3.CreateBucketInput{Bucket: &w.bucket})
	require.NoError(t, err)
	w.nc, err = nats.Connect(w.nats.URL(), nats.MaxReconnects(-1), nats.ReconnectWait(20*time.Millisecond))
	require.NoError(t, err)
	t.Cleanup(w.nc.Close)
	w.js, err = jetstream.New(w.nc)
	require.NoError(t, err)
	t.Cleanup(w.checkMessages)
	w.env = map[string]string{
		"NATS_URL": w.nats.URL(), "NITRO_API_URL": w.api.APIURL(),
		"NITRO_CLIENT_ID": "simulator", "NITRO_CLIENT_SECRET": "simulated",
		"S3_BUCKET": w.bucket, "S3_PATH_STYLE": "true", "AWS_ENDPOINT_URL_S3": s3.URL(), "AWS_REGION": "us-east-1",
		"AWS_ACCESS_KEY_ID": accessKey, "AWS_SECRET_ACCESS_KEY": secretKey,
		"AWS_EC2_METADATA_DISABLED": "true",
		"WORKER_RESULT_HOSTS":       "127.0.0.1", "WORKER_HTTP_ADDR": "127.0.0.1:0",
		"WORKER_BACKOFF_INITIAL": "50ms", "WORKER_BACKOFF_MAX": "500ms",
	}
	return w
}

func newS3Client(url string) *awss3.Client {
	return awss3.New(awss3.Options{
		BaseEndpoint: &url, Region: "us-east-1", UsePathStyle: true,
		Credentials: credentials.NewStaticCredentialsProvider(accessKey, secretKey, ""),
	})
}

// buckets counts those that were made, for names that are alike.
var buckets atomic.Int64

func bucketName(t *testing.T) string {
	name := strings.ToLower(strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' {
			return r
		}
		return '-'
	}, t.Name()))
	return fmt.Sprintf("%s-%d", strings.Trim(name[:min(len(name), 55)], "-"), buckets.Add(1))
}

// submit publishes one submission as a producer does.
func (w *world) submit(body string) {
	w.t.Helper()
	ack, err := w.js.Publish(w.t.Context(), "jobs.submit", []byte(body))
	require.NoError(w.t, err)
	w.bodies[ack.Sequence] = body
}

// add makes jobs known to the API and submits them.
func (w *world) add(jobs ...simulator.Job) {
	w.t.Helper()
	w.api.Add(jobs...)
	for _, j := range jobs {
		w.submit(j.ID)
	}
}

// event waits for a job's terminal event.
func (w *world) event(id string) job.Event {
	w.t.Helper()
	return w.eventAt("jobs.events.*." + id)
}

func (w *world) eventAt(subject string) job.Event {
	w.t.Helper()
	var event job.Event
	w.eventually("no event on "+subject, func() bool {
		answer, err := w.nc.Request("$JS.API.DIRECT.GET.JOBS_EVENTS", []byte(`{"last_by_subj":"`+subject+`"}`), time.Second)
		return err == nil && answer.Header.Get("Status") == "" && json.Unmarshal(answer.Data, &event) == nil
	})
	return event
}

func (w *world) eventually(what string, condition func() bool) {
	w.t.Helper()
	require.Eventually(w.t, condition, patience, 20*time.Millisecond, what)
}

// check holds a job's event and objects against what the simulator says that
// they should be.
func (w *world) check(j simulator.Job) job.Event {
	w.t.Helper()
	event, want := w.event(j.ID), j.Expect()
	require.Equal(w.t, want.Outcome, event.Data.Status, "%s: %+v", j.ID, event)
	require.Equal(w.t, string(want.Reason), event.Data.Reason, j.ID)
	if want.Outcome != job.OutcomeCompleted {
		return event
	}
	require.Equal(w.t, want.Kind, event.Data.Kind, j.ID)
	require.Len(w.t, event.Data.Objects, len(want.Objects), j.ID)
	for i, object := range event.Data.Objects {
		w.checkObject(object, want.Objects[i])
	}
	return event
}

func (w *world) checkObject(have job.Object, want simulator.Object) {
	w.t.Helper()
	stored, err := w.s3.GetObject(w.t.Context(), &awss3.GetObjectInput{
		Bucket: &have.Bucket, Key: &have.Key, ChecksumMode: types.ChecksumModeEnabled,
	})
	require.NoError(w.t, err, have.Key)
	defer stored.Body.Close()
	require.Equal(w.t, want.Content.Size(), *stored.ContentLength, have.Key)
	require.Equal(w.t, want.Content.Size(), have.Size, have.Key)
	require.Equal(w.t, want.ContentType, *stored.ContentType, have.Key)
	require.Equal(w.t, want.ContentType, have.ContentType, have.Key)
	require.Equal(w.t, want.ContentEncoding, aws.ToString(stored.ContentEncoding), have.Key)
	require.Equal(w.t, want.ContentEncoding, have.ContentEncoding, have.Key)
	require.Equal(w.t, have.Checksum, aws.ToString(stored.ChecksumCRC64NVME), have.Key)
	require.Equal(w.t, have.ETag, strings.Trim(*stored.ETag, `"`))
	require.True(w.t, sameBytes(w.t, simulator.Open(want.Content), stored.Body), have.Key)
	if want.PageCount > 0 {
		require.Equal(w.t, want.PageCount, *have.PageCount, have.Key)
	}
}

func sameBytes(t *testing.T, want, have io.Reader) bool {
	t.Helper()
	a, b := make([]byte, 1<<16), make([]byte, 1<<16)
	for {
		n, errA := io.ReadFull(want, a)
		m, errB := io.ReadFull(have, b)
		if n != m || string(a[:n]) != string(b[:m]) {
			return false
		}
		if errA != nil || errB != nil {
			return errA == errB //nolint:errorlint // both end the same way
		}
	}
}

// nothingLeft waits until no submission and no timer is left, and asserts that
// no upload is.
func (w *world) nothingLeft() {
	w.t.Helper()
	w.eventually("messages are left behind", func() bool { return w.count("JOBS")+w.count("JOBS_WAIT") == 0 })
	w.noUploads()
}

// noUploads asserts that no multipart upload is left in the bucket.
func (w *world) noUploads() {
	w.t.Helper()
	uploads, err := w.s3.ListMultipartUploads(w.t.Context(), &awss3.ListMultipartUploadsInput{Bucket: &w.bucket})
	require.NoError(w.t, err)
	require.Empty(w.t, uploads.Uploads)
}

func (w *world) count(stream string) uint64 {
	s, err := w.js.Stream(context.Background(), stream)
	if err != nil {
		return 0
	}
	return s.CachedInfo().State.Msgs
}

// objects lists the keys in the bucket.
func (w *world) objects() []string {
	w.t.Helper()
	list, err := w.s3.ListObjectsV2(w.t.Context(), &awss3.ListObjectsV2Input{Bucket: &w.bucket})
	require.NoError(w.t, err)
	keys := make([]string, 0, len(list.Contents))
	for _, object := range list.Contents {
		keys = append(keys, *object.Key)
	}
	return keys
}

// get fetches a page of a worker.
func get(t *testing.T, url string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	require.NoError(t, err)
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(req)
	if err != nil {
		return 0, ""
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp.StatusCode, string(body)
}
