package sink

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/stretchr/testify/require"

	"github.com/jobferry/jobferry/internal/job"
)

// meaning is what an error may mean to the caller.
type meaning string

const (
	meansRetry    meaning = "another try"
	meansRefused  meaning = "refused"
	meansRejected meaning = "store_rejected"
	meansUnclear  meaning = "the object's fault, or the bucket's"
)

func meaningOf(err error) meaning {
	known, ok := errors.AsType[*job.Error](err)
	switch {
	case ok && known.Class == job.ClassRefused:
		return meansRefused
	case ok && known.Class == job.ClassForbidden:
		return meansUnclear
	case ok && known.Class == job.ClassPermanent:
		return meaning(known.Reason)
	default:
		return meansRetry
	}
}

func TestErrorsOfTheStore(t *testing.T) {
	t.Parallel()
	cases := []struct {
		status         int
		code           string
		own, otherwise meaning // on the worker's own bucket, and on another
	}{
		{400, "InvalidRequest", meansUnclear, meansUnclear},
		{400, "InvalidArgument", meansUnclear, meansUnclear},
		{400, "MetadataTooLarge", meansRejected, meansRejected},
		{400, "KeyTooLongError", meansRejected, meansRejected},
		{400, "EntityTooLarge", meansRejected, meansRejected},
		{400, "SomethingNew", meansUnclear, meansUnclear},
		{400, "RequestTimeout", meansRetry, meansRetry},
		{400, "BadDigest", meansRetry, meansRetry},
		{400, "XAmzContentChecksumMismatch", meansRetry, meansRetry},
		{400, "IncompleteBody", meansRetry, meansRetry},
		{400, "ExpiredToken", meansRefused, meansRefused},
		{400, "InvalidToken", meansRefused, meansRefused},
		{400, "AuthorizationHeaderMalformed", meansRefused, meansRejected},
		{400, "KMS.NotFoundException", meansRefused, meansRejected},
		{400, "InvalidStorageClass", meansRefused, meansRejected},
		{401, "Unauthorized", meansRefused, meansRefused},
		{403, "InvalidAccessKeyId", meansRefused, meansRefused},
		{403, "SignatureDoesNotMatch", meansRefused, meansRefused},
		{403, "RequestTimeTooSkewed", meansRefused, meansRefused},
		{403, "AccessDenied", meansRefused, meansRejected},
		{403, "AllAccessDisabled", meansRefused, meansRejected},
		{404, "NoSuchBucket", meansRefused, meansRejected},
		{404, "NoSuchKey", meansRetry, meansRetry},
		{301, "PermanentRedirect", meansRefused, meansRejected},
		{307, "TemporaryRedirect", meansRetry, meansRetry},
		{408, "RequestTimeout", meansRetry, meansRetry},
		{409, "OperationAborted", meansRetry, meansRetry},
		{412, "PreconditionFailed", meansRetry, meansRetry},
		{413, "EntityTooLarge", meansRejected, meansRejected},
		{400, "EntityTooLarge", meansRejected, meansRejected},
		{400, "KeyTooLongError", meansRejected, meansRejected},
		{400, "MetadataTooLarge", meansRejected, meansRejected},
		{413, "RequestTooLong", meansUnclear, meansUnclear}, // of an ingress, say
		{405, "MethodNotAllowed", meansUnclear, meansUnclear},
		{411, "MissingContentLength", meansUnclear, meansUnclear},
		{429, "TooManyRequests", meansRetry, meansRetry},
		{500, "InternalError", meansRetry, meansRetry},
		{501, "NotImplemented", meansUnclear, meansUnclear},
		{503, "SlowDown", meansRetry, meansRetry},
		{503, "ServiceUnavailable", meansRetry, meansRetry},
	}
	for _, c := range cases {
		t.Run(fmt.Sprintf("%d %s", c.status, c.code), func(t *testing.T) {
			t.Parallel()
			config := fakeS3(t, func(w http.ResponseWriter, r *http.Request) {
				_, _ = io.Copy(io.Discard, r.Body)
				answerError(w, c.status, c.code, "the store's own words")
			})
			for bucket, want := range map[string]meaning{"": c.own, testBucket: c.own, elsewhere: c.otherwise} {
				store, j := openStore(t, Config{}, config), newJob(t)
				j.Bucket = bucket
				_, err := store.Put(t.Context(), j, "result", pdf(pattern(10), 10))
				require.Equal(t, want, meaningOf(err), "%v", err)
				for _, part := range []string{"PutObject", store.bucket(j) + "/" + string(j.ID), c.code, "the store's own words"} {
					require.ErrorContains(t, err, part)
				}
				require.NotContains(t, err.Error(), "x-id=")
			}
		})
	}
}

func TestRefusalsSayWhatToDo(t *testing.T) {
	t.Parallel()
	for code, c := range map[string]struct {
		status int
		want   string
	}{
		"AccessDenied":          {403, `the worker needs the permission s3:PutObject on bucket "results"`},
		"NoSuchBucket":          {404, "create the bucket or correct its name"},
		"PermanentRedirect":     {301, "set AWS_REGION"},
		"SignatureDoesNotMatch": {403, "check the AWS credentials"},
		"RequestTimeTooSkewed":  {403, "set this machine's clock"},
		"KMS.DisabledException": {400, "S3_SSE_KMS_KEY_ID"},
	} {
		store := openStore(t, Config{}, fakeS3(t, func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			answerError(w, c.status, code, "no")
		}))
		_, err := store.Put(t.Context(), newJob(t), "result", pdf(pattern(minPartSize+1), -1))
		require.True(t, job.IsRefused(err))
		require.ErrorContains(t, err, c.want)
	}
}

// TestStreamsAreSentOnce: what was read of a source is gone, so the caller has
// to open it again.
func TestStreamsAreSentOnce(t *testing.T) {
	t.Parallel()
	var requests atomic.Int64
	store := openStore(t, Config{}, fakeS3(t, func(w http.ResponseWriter, r *http.Request) {
		requests.Add(1)
		_, _ = io.Copy(io.Discard, r.Body)
		answerError(w, http.StatusServiceUnavailable, "SlowDown", "reduce your request rate")
	}))
	_, err := store.Put(t.Context(), newJob(t), "result", pdf(pattern(1000), 1000))
	requireTransient(t, err)
	require.ErrorContains(t, err, "SlowDown (503)")
	require.EqualValues(t, 1, requests.Load())
}

func TestBuffersAreSentAgain(t *testing.T) {
	t.Parallel()
	var requests atomic.Int64
	var bodies [2]string
	store := openStore(t, Config{}, fakeS3(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		n := requests.Add(1)
		bodies[n-1] = string(body)
		if n == 1 {
			answerError(w, http.StatusServiceUnavailable, "SlowDown", "reduce your request rate")
		}
	}))
	_, err := store.Put(t.Context(), newJob(t), "result", pdf(pattern(1000), -1))
	require.NoError(t, err)
	require.Len(t, bodies[0], 1000)
	require.Equal(t, bodies[0], bodies[1])
}

func TestPutOnTheEmbeddedServersOwnErrors(t *testing.T) {
	t.Parallel()
	for _, size := range []int64{10, -1} {
		missing := openStore(t, Config{Bucket: "missing"}, chain(backend.server.URL()))
		_, err := missing.Put(t.Context(), newJob(t), "result", pdf(pattern(10), size))
		require.True(t, job.IsRefused(err), "%v", err)
		require.ErrorContains(t, err, "NoSuchBucket")

		j := newJob(t)
		j.Bucket = "missing"
		_, err = plainStore(t).Put(t.Context(), j, "result", pdf(pattern(10), size))
		requireReason(t, job.ReasonStoreRejected, err)

		config := chain(backend.server.URL())
		config.Credentials = credentials.NewStaticCredentialsProvider(testKey, "wrong", "")
		_, err = openStore(t, Config{}, config).Put(t.Context(), newJob(t), "result", pdf(pattern(10), size))
		require.True(t, job.IsRefused(err), "%v", err)
		require.NotContains(t, err.Error(), "wrong")
	}
}

func TestPutWithoutCredentials(t *testing.T) {
	t.Parallel()
	config := chain(backend.server.URL())
	broken := errors.New("no role found")
	for _, provider := range []aws.CredentialsProvider{
		nil,
		aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) { return aws.Credentials{}, broken }),
	} {
		config.Credentials = provider
		store := openStore(t, Config{}, config)
		_, err := store.Put(t.Context(), newJob(t), "result", pdf(pattern(10), 10))
		require.True(t, job.IsRefused(err), "%v", err)
		require.ErrorContains(t, err, "the AWS SDK has no credentials")
		require.True(t, job.IsRefused(store.Probe(t.Context())))
		if provider != nil {
			require.ErrorIs(t, err, broken)
		}
	}
}

func TestPutWhenTheStoreIsAway(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, listener.Close())
	store := openStore(t, Config{}, chain("http://"+listener.Addr().String()))
	for _, size := range []int64{10, -1, minPartSize + 1} {
		_, err = store.Put(t.Context(), newJob(t), "result", pdf(pattern(max(size, 10)), size))
		requireTransient(t, err)
		require.ErrorContains(t, err, "connection refused")
		require.NotContains(t, err.Error(), "http://")
	}
	requireTransient(t, store.Probe(t.Context()))
	requireTransient(t, store.AbortUploads(t.Context(), newJob(t)))
}

func TestPutWhenTheStoreHangsUp(t *testing.T) {
	t.Parallel()
	store := openStore(t, Config{}, fakeS3(t, func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.CopyN(io.Discard, r.Body, 1<<20)
		panic(http.ErrAbortHandler)
	}))
	_, err := store.Put(t.Context(), newJob(t), "result", pdf(pattern(32<<20), 32<<20))
	requireTransient(t, err)
}
