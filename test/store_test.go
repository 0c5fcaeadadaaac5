package test

import (
	"encoding/json"
	"io"
	"strings"
	"testing"

	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/jobferry/jobferry/internal/job"
	"github.com/jobferry/jobferry/internal/simulator"
	"github.com/stretchr/testify/require"
)

func TestMissingBucketPausesTransfersAndChargesNobody(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	missing := "missing-" + w.bucket[:20]
	p := w.start(map[string]string{"S3_BUCKET": missing})
	w.add(simulator.Job{ID: "patient"}, simulator.Job{ID: "failed", Outcome: simulator.Failed})
	w.eventually("the readiness does not name the bucket", func() bool {
		status, body := get(t, p.url()+"/readyz")
		return status == 503 && strings.Contains(body, missing)
	})
	w.check(simulator.Job{ID: "failed", Outcome: simulator.Failed})
	w.eventually("the finished job does not wait at the broker", func() bool { return w.count("JOBS") == 0 })
	require.Equal(t, uint64(1), w.count("JOBS_EVENTS"))
	_, err := w.s3.CreateBucket(t.Context(), &awss3.CreateBucketInput{Bucket: &missing})
	require.NoError(t, err)
	w.check(simulator.Job{ID: "patient"})
	p.ready()
	w.nothingLeft()
}

func TestMissingBucketOfASubmissionFailsThatJobAlone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.start(map[string]string{"S3_ALLOWED_BUCKETS": "nobody-has-made-this-one"})
	p.ready()
	w.api.Add(simulator.Job{ID: "elsewhere"})
	w.submit(`{"jobID": "elsewhere", "bucket": "nobody-has-made-this-one"}`)
	require.Equal(t, string(job.ReasonStoreRejected), w.event("elsewhere").Data.Reason)
	w.add(simulator.Job{ID: "here"})
	w.check(simulator.Job{ID: "here"})
	p.ready()
	w.nothingLeft()
}

func TestVeryManyFilesAreListedInAManifest(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.start(nil).ready()
	const count = 1500
	w.add(simulator.Job{ID: "split", Kind: job.KindFiles, Files: make([]simulator.File, count)})
	data := w.event("split").Data
	require.Equal(t, job.OutcomeCompleted, data.Status)
	require.Equal(t, count, data.ObjectCount)
	require.Empty(t, data.Objects)
	require.Equal(t, "split/objects.json", data.Manifest.Key)
	stored, err := w.s3.GetObject(t.Context(), &awss3.GetObjectInput{Bucket: &data.Manifest.Bucket, Key: &data.Manifest.Key})
	require.NoError(t, err)
	defer stored.Body.Close()
	body, err := io.ReadAll(stored.Body)
	require.NoError(t, err)
	var objects []job.Object
	require.NoError(t, json.Unmarshal(body, &objects))
	require.Len(t, objects, count)
	require.Equal(t, "split/result-1500.bin", objects[count-1].Key)
	w.nothingLeft()
}
