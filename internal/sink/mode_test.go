package sink

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/jobferry/jobferry/internal/job"
)

// models are stores as they were met or described, and how a worker sends to each.
func models() map[string]struct {
	store func() *model
	mode  Mode
} {
	refusing := func(status int, code string) func() *model {
		return func() *model { return &model{noTrailers: &refusal{status, code}} }
	}
	type row = struct {
		store func() *model
		mode  Mode
	}
	return map[string]row{
		"knows everything": {func() *model { return &model{} }, ModeTrailer},
		"MinIO":            {func() *model { return &model{maxChunk: 16 << 20} }, ModeTrailer},
		"small chunks":     {func() *model { return &model{maxChunk: 1 << 20} }, ModeTrailer},
		"206":              {func() *model { return &model{status: http.StatusPartialContent} }, ModeTrailer},
		"composite":        {func() *model { return &model{composite: true} }, ModeTrailer},
		"gofakes3":         {func() *model { return &model{trailers: storedAsSent, silent: true} }, ModeMD5},
		"says nothing":     {func() *model { return &model{silent: true} }, ModeMD5},
		"GCS": {func() *model {
			return &model{noChecksums: &refusal{400, "InvalidArgument"}, noTrailers: &refusal{400, "InvalidArgument"}}
		}, ModeMD5},
		"signature":       {refusing(403, "SignatureDoesNotMatch"), ModeMD5},
		"length":          {refusing(411, "MissingContentLength"), ModeMD5},
		"not implemented": {refusing(501, "NotImplemented"), ModeMD5},
		"payload hash":    {refusing(400, "XAmzContentSHA256Mismatch"), ModeMD5},
		"chunk":           {refusing(400, "BadRequest"), ModeMD5},
	}
}

// TestEveryStoreHasTheRightBytes: of each model, and of each form of a result.
func TestEveryStoreHasTheRightBytes(t *testing.T) {
	t.Parallel()
	for name, row := range models() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := row.store()
			store := openStore(t, Config{Checksum: ModeAuto}, m.start(t))
			sizes := []int64{0, 1, 100_000, minPartSize + 7}
			if m.maxChunk > 0 {
				sizes = append(sizes, m.maxChunk+1)
			}
			for _, size := range sizes {
				for _, announced := range []int64{size, -1} {
					j := job.Job{ID: job.ID(fmt.Sprintf("job-%d-%d", size, announced))}
					object, err := store.Put(t.Context(), j, "result", pdf(pattern(size), announced))
					require.NoError(t, err, "%d of %d", announced, size)
					stored, ok := m.object(object.Key)
					require.True(t, ok)
					want, _ := io.ReadAll(pattern(size))
					require.True(t, bytes.Equal(want, stored), "%d of %d: it begins with %q", announced, size, stored[:min(len(stored), 20)])
					require.Equal(t, referenceChecksum(want), object.Checksum)
				}
			}
			require.Equal(t, row.mode, store.modes.get(testBucket))
			_, uploads := m.left()
			require.Zero(t, uploads, "nothing is left behind")
		})
	}
}

// TestAModeIsFoundOnceWithoutAnObject, and said in one line.
func TestAModeIsFoundOnceWithoutAnObject(t *testing.T) {
	t.Parallel()
	m := &model{}
	core, logs := observer.New(zap.InfoLevel)
	store := openStore(t, Config{Checksum: ModeAuto, Prefix: "tenant/"}, m.start(t))
	store.log = zap.New(core)
	found, err := store.mode(t.Context(), store.tryAttributes(testBucket))
	require.NoError(t, err)
	require.Equal(t, ModeTrailer, found)
	objects, uploads := m.left()
	require.Zero(t, objects+uploads)
	before := len(m.seen)
	_, err = store.mode(t.Context(), store.tryAttributes(testBucket))
	require.NoError(t, err)
	require.Len(t, m.seen, before)
	require.Equal(t, 1, logs.Len())
	require.InDelta(t, 1, testutil.ToFloat64(store.metrics.checksum.WithLabelValues(testBucket, string(ModeTrailer))), 0)
}

// TestMD5IsNotForEver: a gateway may have refused the try with a trailer.
func TestMD5IsNotForEver(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var m modes
		require.True(t, m.set("a", ModeMD5))
		require.True(t, m.set("b", ModeTrailer))
		time.Sleep(md5Life)
		require.Equal(t, ModeMD5, m.get("a"))
		time.Sleep(time.Nanosecond)
		require.Empty(t, m.get("a"))
		require.Equal(t, ModeTrailer, m.get("b"))
		require.False(t, m.set("a", ModeMD5), "nothing new to say")
	})
}

// TestAStoreThatBecomesAnother behind the same name is noticed: nothing is taken for
// stored that it has not checked, and the next try finds out what it can do.
func TestAStoreThatBecomesAnother(t *testing.T) {
	t.Parallel()
	for name, row := range models() {
		if row.mode == ModeTrailer {
			continue
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := &model{}
			store := openStore(t, Config{Checksum: ModeAuto}, m.start(t))
			put := func() (job.Object, error) {
				return store.Put(t.Context(), newJob(t), "result", pdf(pattern(100_000), 100_000))
			}
			_, err := put()
			require.NoError(t, err)
			m.become(row.store())
			_, err = put()
			require.Error(t, err)
			require.False(t, job.IsPermanent(err), "no job fails by it: %v", err)
			object, err := put()
			require.NoError(t, err)
			stored, _ := m.object(object.Key)
			require.Len(t, stored, 100_000)
			require.Equal(t, ModeMD5, store.modes.get(testBucket))
		})
	}
}

// TestAnUploadWhoseAnswerIsLostIsAborted, whether the SDK began another one at once or
// somebody later on.
func TestAnUploadWhoseAnswerIsLostIsAborted(t *testing.T) {
	t.Parallel()
	for _, lost := range []int{1, 3, 4} {
		m := &model{lostCreates: lost}
		store := openStore(t, Config{Checksum: ModeAuto}, m.start(t))
		var err error
		for range 2 {
			if _, err = store.Put(t.Context(), newJob(t), "result", pdf(pattern(10), 10)); err == nil {
				break
			}
		}
		require.NoError(t, err)
		objects, uploads := m.left()
		require.Equal(t, 1, objects)
		require.Zero(t, uploads, "%d", lost)

		m.lostCreates = lost
		store.refused.Store(true)
		for range 2 {
			if err = store.Probe(t.Context()); err == nil {
				break
			}
		}
		require.NoError(t, err)
		_, uploads = m.left()
		require.Zero(t, uploads, "%d, at a probe", lost)
	}
}

// TestAStoreThatChecksPartsAlone is found to take trailers, and says nothing of an object
// with one. The next try goes without.
func TestAStoreThatChecksPartsAlone(t *testing.T) {
	t.Parallel()
	m := &model{silentPuts: true}
	store := openStore(t, Config{Checksum: ModeAuto}, m.start(t))
	put := func() error {
		_, err := store.Put(t.Context(), newJob(t), "result", pdf(pattern(100_000), 100_000))
		return err
	}
	err := put()
	require.ErrorIs(t, err, errUnchecked)
	require.NoError(t, put())
	require.NoError(t, put())
	require.Equal(t, ModeMD5, store.modes.get(testBucket))
}

// TestATrailerThatIsSetIsTriedAllTheSame: a store that does not know it would keep the
// framing of the chunks as content.
func TestATrailerThatIsSetIsTriedAllTheSame(t *testing.T) {
	t.Parallel()
	for name, row := range models() {
		m := row.store()
		store := openStore(t, Config{Checksum: ModeTrailer}, m.start(t))
		for range 2 {
			_, err := store.Put(t.Context(), newJob(t), "result", pdf(pattern(100_000), 100_000))
			if row.mode == ModeTrailer {
				require.NoError(t, err, name)
				continue
			}
			require.Error(t, err, name)
			require.False(t, job.IsPermanent(err), "%s: %v", name, err)
			objects, uploads := m.left()
			require.Zero(t, objects+uploads, name)
		}
	}
	m := &model{trailers: storedAsSent, silent: true}
	_, err := openStore(t, Config{Checksum: ModeTrailer}, m.start(t)).Put(t.Context(), newJob(t), "result", pdf(pattern(10), 10))
	require.ErrorContains(t, err, "S3_CHECKSUM is trailer, which the store does not know; set it to auto")
}

// TestAStoreThatChecksNothingIsNotUsed.
func TestAStoreThatChecksNothingIsNotUsed(t *testing.T) {
	t.Parallel()
	m := &model{trailers: storedAsSent, silent: true, ignoresMD5: true}
	store := openStore(t, Config{Checksum: ModeAuto}, m.start(t))
	_, err := store.Put(t.Context(), newJob(t), "result", pdf(pattern(10), 10))
	require.True(t, job.IsRefused(err), "transfers pause, and no job is charged")
	require.ErrorContains(t, err, "it takes a wrong Content-MD5")
	objects, uploads := m.left()
	require.Zero(t, objects+uploads)
	require.Empty(t, store.modes.get(testBucket))
}

// TestAStoreThatIsAwayIsFoundOutLater.
func TestAStoreThatIsAwayIsFoundOutLater(t *testing.T) {
	t.Parallel()
	m := &model{noTrailers: &refusal{http.StatusServiceUnavailable, "SlowDown"}}
	store := openStore(t, Config{Checksum: ModeAuto}, m.start(t))
	_, err := store.Put(t.Context(), newJob(t), "result", pdf(pattern(10), 10))
	requireTransient(t, err)
	require.Empty(t, store.modes.get(testBucket), "nothing is known of it")
	m.become(&model{})
	_, err = store.Put(t.Context(), newJob(t), "result", pdf(pattern(10), 10))
	require.NoError(t, err)
	require.Equal(t, ModeTrailer, store.modes.get(testBucket))
}

// TestASearchThatIsGivenUpIsTakenOver by another that waits for it, and leaves nothing.
func TestASearchThatIsGivenUpIsTakenOver(t *testing.T) {
	t.Parallel()
	m := &model{}
	config := m.start(t)
	hold, held := make(chan struct{}), make(chan struct{}, 8)
	front := fakeS3(t, func(w http.ResponseWriter, r *http.Request) {
		if operationOf(r) == opUploadPart {
			held <- struct{}{}
			<-hold
		}
		m.ServeHTTP(w, r)
	})
	config.BaseEndpoint = front.BaseEndpoint
	store := openStore(t, Config{Checksum: ModeAuto}, config)
	ctx, cancel := context.WithCancel(t.Context())
	put := func(ctx context.Context, id job.ID) <-chan error {
		done := make(chan error, 1)
		go func() {
			_, err := store.Put(ctx, job.Job{ID: id}, "result", pdf(pattern(10), 10))
			done <- err
		}()
		return done
	}
	first := put(ctx, "first")
	<-held
	second := put(t.Context(), "second")
	cancel()
	require.ErrorIs(t, <-first, context.Canceled)
	close(hold)
	require.NoError(t, <-second)
	require.Eventually(t, func() bool { _, uploads := m.left(); return uploads == 0 }, 5*time.Second, time.Millisecond)
}
