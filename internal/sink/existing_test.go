package sink

import (
	"bytes"
	"context"
	"net/http"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/stretchr/testify/require"

	"github.com/jobferry/jobferry/internal/job"
)

// A standing object is described just as Put described it, however it was
// stored: in one request, from a buffer, or in parts.
func TestExistingIsWhatPutReturned(t *testing.T) {
	t.Parallel()
	for name, size := range map[string]int64{"empty": 0, "small": 1000, "parts": 12 << 20} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			store, j := plainStore(t), newJob(t)
			j.Metadata = map[string]string{"orderID": "42", "Kunde": "Müller"}
			announced := size
			if name == "parts" {
				announced = -1
			}
			put, err := store.Put(t.Context(), j, "result", pdf(pattern(size), announced))
			require.NoError(t, err)
			require.Equal(t, &put, store.Existing(t.Context(), j, "result", pdf(nil, size)))
			require.Equal(t, &put, store.Existing(t.Context(), j, "result", pdf(nil, -1)), "of a size not known")
		})
	}
}

func TestExistingRefusesWhatPutWouldMakeOtherwise(t *testing.T) {
	t.Parallel()
	store, j := plainStore(t), newJob(t)
	j.Metadata = map[string]string{"orderID": "42"}
	_, err := store.Put(t.Context(), j, "result", pdf(pattern(1000), 1000))
	require.NoError(t, err)
	require.NotNil(t, store.Existing(t.Context(), j, "result", pdf(nil, 1000)))

	other := func(change func(*job.Job)) job.Job {
		changed := j.Clone()
		change(&changed)
		return changed
	}
	for name, c := range map[string]struct {
		job  job.Job
		name string
		what *source
	}{
		"another size":        {j, "result", pdf(nil, 999)},
		"another type":        {j, "result", &source{size: 1000, contentType: "application/pdf; version=2"}},
		"another name":        {j, "result-001", pdf(nil, 1000)},
		"another bucket":      {other(func(j *job.Job) { j.Bucket = elsewhere }), "result", pdf(nil, 1000)},
		"a bucket not there":  {other(func(j *job.Job) { j.Bucket = "missing" }), "result", pdf(nil, 1000)},
		"another prefix":      {other(func(j *job.Job) { j.Prefix = "p/" }), "result", pdf(nil, 1000)},
		"other metadata":      {other(func(j *job.Job) { j.Metadata["orderID"] = "43" }), "result", pdf(nil, 1000)},
		"metadata more":       {other(func(j *job.Job) { j.Metadata["more"] = "x" }), "result", pdf(nil, 1000)},
		"metadata less":       {other(func(j *job.Job) { j.Metadata = nil }), "result", pdf(nil, 1000)},
		"a job of another ID": {other(func(j *job.Job) { j.ID = "another" }), "result", pdf(nil, 1000)},
	} {
		require.Nil(t, store.Existing(t.Context(), c.job, c.name, c.what), name)
	}
}

// What somebody else has put there tells nothing of being the job's.
func TestExistingTrustsOnlyWhatAWorkerStored(t *testing.T) {
	t.Parallel()
	store, j := plainStore(t), newJob(t)
	where := store.locate(j, "result", pdf(nil, 0))
	_, err := store.client.PutObject(t.Context(), &s3.PutObjectInput{
		Bucket: &where.bucket, Key: &where.key, Body: bytes.NewReader(make([]byte, 1000)), ContentType: new("application/pdf"),
	})
	require.NoError(t, err)
	require.Nil(t, store.Existing(t.Context(), j, "result", pdf(nil, 1000)))
}

func TestExistingOfAStoreThatCannotTell(t *testing.T) {
	t.Parallel()
	for name, header := range map[string]string{"no checksum": "", "as it should be": "AAAAAAAAAAA="} {
		store := openStore(t, Config{}, fakeS3(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/pdf")
			w.Header().Set("X-Amz-Meta-Job-Id", string(newJob(t).ID))
			w.Header().Set("X-Amz-Checksum-Crc64nvme", header)
			w.Header().Set("Content-Length", "1")
		}))
		require.Equal(t, header != "", store.Existing(t.Context(), newJob(t), "result", pdf(nil, 1)) != nil, name)
	}
	for _, status := range []int{http.StatusForbidden, http.StatusInternalServerError, http.StatusServiceUnavailable} {
		store := openStore(t, Config{}, fakeS3(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }))
		require.Nil(t, store.Existing(t.Context(), newJob(t), "result", pdf(nil, 1)), status)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.Nil(t, plainStore(t).Existing(ctx, newJob(t), "result", pdf(nil, 1)))
}

func TestExistingKnowsTheEncoding(t *testing.T) {
	t.Parallel()
	store, j := plainStore(t), newJob(t)
	for announced, size := range map[int64]int64{1000: 1000, -1: 12 << 20} { // in one request, and in parts
		src := pdf(pattern(size), announced)
		src.encoding = "gzip"
		put, err := store.Put(t.Context(), j, "result", src)
		require.NoError(t, err)
		require.Equal(t, "gzip", put.ContentEncoding)
		require.Equal(t, &put, store.Existing(t.Context(), j, "result", pdf(nil, size)))
	}
}
