package sink

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httputil"
	"net/url"
	"sync"
	"testing"
	"testing/synctest"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/stretchr/testify/require"

	"github.com/jobferry/jobferry/internal/job"
)

func TestPartSize(t *testing.T) {
	t.Parallel()
	const usual = minPartSize
	for size, want := range map[int64]int64{
		-1: usual, 0: usual, maxPutSize + 1: usual,
		usual * maxParts:     usual,
		usual*maxParts + 1:   usual + 1,
		usual * maxParts * 3: usual * 3,
	} {
		got := partSize(size, usual)
		require.Equal(t, want, got, "size %d", size)
		require.LessOrEqual(t, (size+got-1)/got, int64(maxParts), "size %d", size)
	}
}

// fakeMultipart takes multipart uploads and remembers what became of them.
type fakeMultipart struct {
	mu     sync.Mutex
	seen   map[string]int // requests by operation
	answer func(operation string, w http.ResponseWriter) bool
}

func (f *fakeMultipart) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	operation := operationOf(r)
	f.mu.Lock()
	f.seen[operation]++
	f.mu.Unlock()
	if f.answer != nil && f.answer(operation, w) {
		return
	}
	switch operation {
	case opCreate:
		_, _ = fmt.Fprint(w, `<InitiateMultipartUploadResult><UploadId>u1</UploadId></InitiateMultipartUploadResult>`)
	case opComplete:
		_, _ = fmt.Fprint(w, `<CompleteMultipartUploadResult><ETag>"e-2"</ETag></CompleteMultipartUploadResult>`)
	case opUploadPart:
		w.Header().Set("ETag", `"p"`)
	case opAbort:
		w.WriteHeader(http.StatusNoContent)
	}
}

func (f *fakeMultipart) count(operation string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.seen[operation]
}

func newFakeMultipart(t *testing.T, cfg Config, answer func(string, http.ResponseWriter) bool) (*fakeMultipart, *Store) {
	t.Helper()
	fake := &fakeMultipart{seen: map[string]int{}, answer: answer}
	return fake, openStore(t, cfg, fakeS3(t, fake.ServeHTTP))
}

// failing answers one operation with an error.
func failing(operation string, status int, code string) func(string, http.ResponseWriter) bool {
	return func(got string, w http.ResponseWriter) bool {
		if got != operation {
			return false
		}
		answerError(w, status, code, "as the test likes it")
		return true
	}
}

func TestMultipartIsAbortedOnEveryError(t *testing.T) {
	t.Parallel()
	for operation, aborts := range map[string]int{opCreate: 0, opUploadPart: 1, opComplete: 1} {
		fake, store := newFakeMultipart(t, Config{}, failing(operation, http.StatusBadRequest, "KeyTooLongError"))
		_, err := store.Put(t.Context(), newJob(t), "result", pdf(pattern(minPartSize+1), -1))
		requireReason(t, job.ReasonStoreRejected, err)
		require.ErrorContains(t, err, operation)
		require.Equal(t, aborts, fake.count(opAbort), operation)
	}
}

func TestMultipartOutlastsASlowDown(t *testing.T) {
	t.Parallel()
	var once sync.Map
	fake, store := newFakeMultipart(t, Config{}, func(operation string, w http.ResponseWriter) bool {
		if _, before := once.LoadOrStore(operation, true); before {
			return false
		}
		answerError(w, http.StatusServiceUnavailable, "SlowDown", "reduce your request rate")
		return true
	})
	object, err := store.Put(t.Context(), newJob(t), "result", pdf(pattern(minPartSize+1), -1))
	require.NoError(t, err)
	require.Equal(t, "e-2", object.ETag)
	require.EqualValues(t, minPartSize+1, object.Size)
	require.Equal(t, 3, fake.count(opUploadPart))
	require.Equal(t, 2, fake.count(opComplete))
	require.Zero(t, fake.count(opAbort))
}

// TestCompleteWithAnErrorInA200 is S3's way to fail after it has begun to
// answer.
func TestCompleteWithAnErrorInA200(t *testing.T) {
	t.Parallel()
	fake, store := newFakeMultipart(t, Config{}, failing(opComplete, http.StatusOK, "InternalError"))
	_, err := store.Put(t.Context(), newJob(t), "result", pdf(pattern(minPartSize+1), -1))
	requireTransient(t, err)
	require.Equal(t, 1, fake.count(opAbort))
}

func TestMultipartRefusesTooManyParts(t *testing.T) {
	t.Parallel()
	fake, store := newFakeMultipart(t, Config{}, nil)
	u := &upload{store: store, attributes: attributes{location: location{"b", "k"}}, id: "u"}
	u.parts = make([]types.CompletedPart, maxParts)
	requireReason(t, job.ReasonResultTooLarge, u.send(t.Context(), []byte("one more")))
	require.Zero(t, fake.count(opUploadPart))
}

func TestAbortUploads(t *testing.T) {
	t.Parallel()
	store := openStore(t, Config{Prefix: "abort/"}, chain(backend.server.URL()))
	mine, other, below := newJob(t), newJob(t), newJob(t)
	mine.Prefix, other.Prefix, below.Prefix = "t/", "t/", "t/"+string(mine.ID)+"/"
	other.ID += "-2" // begins with the same characters
	for _, j := range []job.Job{mine, other, below} {
		for _, name := range []string{"result-001", "result-002"} {
			_, err := store.begin(t.Context(), store.attributes(j, name, pdf(nil, 0)), ModeTrailer)
			require.NoError(t, err)
		}
	}
	require.Len(t, uploadsOf(t, store, mine), 4, "below are another job's")

	require.NoError(t, store.AbortUploads(t.Context(), mine))
	require.Equal(t, uploadsOf(t, store, below), uploadsOf(t, store, mine))
	require.Len(t, uploadsOf(t, store, below), 2, "the uploads of a job below are not ours")
	require.Len(t, uploadsOf(t, store, other), 2, "another job's uploads are not ours")
	require.NoError(t, store.AbortUploads(t.Context(), mine), "none left")
	require.NoError(t, store.AbortUploads(t.Context(), other))
	require.NoError(t, store.AbortUploads(t.Context(), below))
}

func TestAbortIsShortWhereSomebodyWaits(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	require.Equal(t, abortLimit, abortTime(ctx))
	cancel()
	require.Equal(t, lastAbortLimit, abortTime(ctx))
}

// TestAbortUploadsTurnsPages also has an upload that vanishes in between, and
// one that a store lists although it has another prefix.
func TestAbortUploadsTurnsPages(t *testing.T) {
	t.Parallel()
	j := newJob(t)
	var mu sync.Mutex
	var aborted []string
	store := openStore(t, Config{}, fakeS3(t, func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		query := r.URL.Query()
		switch {
		case r.Method == http.MethodDelete && query.Get("uploadId") == "u2":
			answerError(w, http.StatusNotFound, "NoSuchUpload", "gone")
		case r.Method == http.MethodDelete:
			aborted = append(aborted, query.Get("uploadId"))
			w.WriteHeader(http.StatusNoContent)
		case query.Get("key-marker") == "":
			listUploads(w, true, string(j.ID)+"/a", "u1", string(j.ID)+"/b", "u2", "another/c", "u3")
		default:
			listUploads(w, false, string(j.ID)+"/d", "u4")
		}
	}))
	require.NoError(t, store.AbortUploads(t.Context(), j))
	require.Equal(t, []string{"u1", "u4"}, aborted)
}

// listUploads answers with pairs of key and upload ID.
func listUploads(w http.ResponseWriter, more bool, pairs ...string) {
	_, _ = fmt.Fprintf(w, `<ListMultipartUploadsResult><IsTruncated>%v</IsTruncated>`, more)
	_, _ = fmt.Fprint(w, `<NextKeyMarker>k</NextKeyMarker><NextUploadIdMarker>u</NextUploadIdMarker>`)
	for i := 0; i < len(pairs); i += 2 {
		_, _ = fmt.Fprintf(w, `<Upload><Key>%s</Key><UploadId>%s</UploadId></Upload>`, pairs[i], pairs[i+1])
	}
	_, _ = fmt.Fprint(w, `</ListMultipartUploadsResult>`)
}

// TestHousekeepingSettlesNothing: a missing permission to clean up neither
// fails a job nor stops the others.
func TestHousekeepingSettlesNothing(t *testing.T) {
	t.Parallel()
	for _, status := range []int{400, 403, 404, 501} {
		_, store := newFakeMultipart(t, Config{}, failing(opList, status, "Whatever"))
		core, logs := observer.New(zap.WarnLevel)
		store.log = zap.New(core)
		for range 3 {
			require.NoError(t, store.AbortUploads(t.Context(), newJob(t)))
		}
		require.Len(t, logs.All(), 1, "one line for the bucket")
		require.Equal(t, testBucket, logs.All()[0].ContextMap()["bucket"])
	}
	_, store := newFakeMultipart(t, Config{}, failing(opList, 503, "Whatever"))
	err := store.AbortUploads(t.Context(), newJob(t))
	requireTransient(t, err)
	require.ErrorContains(t, err, opList)
	_, store = newFakeMultipart(t, Config{}, failing(opList, 403, "InvalidAccessKeyId"))
	require.True(t, job.IsRefused(store.AbortUploads(t.Context(), newJob(t))))
}

func TestAbortUploadsEndsWithItsContext(t *testing.T) {
	t.Parallel()
	lost := errors.New("the lease is lost")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(lost)
	require.ErrorIs(t, plainStore(t).AbortUploads(ctx, newJob(t)), lost)
}

func TestBuffersAreBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		pool := newBuffers(2, 8)
		_, releaseFirst, err := pool.borrow(t.Context())
		require.NoError(t, err)
		_, releaseSecond, err := pool.borrow(t.Context())
		require.NoError(t, err)

		got := make(chan []byte, 1)
		go func() {
			buffer, release, _ := pool.borrow(t.Context())
			got <- buffer
			release()
		}()
		synctest.Wait()
		require.Empty(t, got, "a third buffer while two are out")
		releaseFirst()
		require.Len(t, <-got, 8)
		releaseSecond()
	})
}

func TestBuffersGiveUpWithTheContext(t *testing.T) {
	t.Parallel()
	pool := newBuffers(1, 8)
	_, release, err := pool.borrow(t.Context())
	require.NoError(t, err)
	defer release()
	drained := errors.New("draining")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(drained)
	_, _, err = pool.borrow(ctx)
	require.ErrorIs(t, err, drained)
}

// What a lost worker left of an object goes when the object stands, and nothing
// else with it.
func TestUploadsOfTheSameObjectEndWithIt(t *testing.T) {
	t.Parallel()
	store, j := plainStore(t), newJob(t)
	for _, name := range []string{"result-001", "result-001", "result-002"} {
		_, err := store.begin(t.Context(), store.attributes(j, name, pdf(nil, -1)), ModeTrailer)
		require.NoError(t, err)
	}
	_, err := store.Put(t.Context(), j, "result-001", pdf(pattern(2*minPartSize), -1))
	require.NoError(t, err)
	require.Equal(t, []string{string(j.ID) + "/result-002.pdf"}, uploadsOf(t, store, j))
}

func TestUploadsThatCannotBeListedAreNoFailure(t *testing.T) {
	t.Parallel()
	plain, j := plainStore(t), newJob(t)
	server, err := url.Parse(backend.server.URL())
	require.NoError(t, err)
	proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(server)
		r.Out.Host = r.In.Host // it is signed
	}}
	store := openStore(t, Config{}, fakeS3(t, func(w http.ResponseWriter, r *http.Request) {
		if operationOf(r) == opList {
			answerError(w, http.StatusForbidden, "AccessDenied", "no")
			return
		}
		proxy.ServeHTTP(w, r)
	}))
	object, err := store.Put(t.Context(), j, "result", pdf(pattern(2*minPartSize), -1))
	require.NoError(t, err)
	requireStored(t, plain, object, 2*minPartSize)
}
