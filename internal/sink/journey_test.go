package sink

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"
)

// The tests of this file are about uploads in the company of others: at the
// same time, one after the other, and of workers that are gone.

func TestFilesOfAJobInParallel(t *testing.T) {
	t.Parallel()
	store, j := plainStore(t), newJob(t)
	group, ctx := errgroup.WithContext(t.Context())
	const files = 12
	for i := range files {
		group.Go(func() error {
			size := int64(i) * 300_000
			announced := size
			if i%2 == 0 {
				announced = -1
			}
			object, err := store.Put(ctx, j, fmt.Sprintf("result-%03d", i+1), pdf(pattern(size), announced))
			if err == nil && object.Size != size {
				err = fmt.Errorf("file %d has %d bytes", i, object.Size)
			}
			return err
		})
	}
	require.NoError(t, group.Wait())
	for i := range files {
		where := store.locate(j, fmt.Sprintf("result-%03d", i+1), pdf(nil, 0))
		size := int64(i) * 300_000
		content, err := io.ReadAll(pattern(size))
		require.NoError(t, err)
		require.Equal(t, referenceChecksum(content), headChecksum(t, store, where))
	}
}

func TestPutAgainAfterABreak(t *testing.T) {
	t.Parallel()
	for _, size := range []int64{1000, -1} {
		store, j := plainStore(t), newJob(t)
		_, err := store.Put(t.Context(), j, "result", pdf(thenErr(pattern(500), io.ErrUnexpectedEOF), size))
		require.ErrorIs(t, err, io.ErrUnexpectedEOF)
		object, err := store.Put(t.Context(), j, "result", pdf(pattern(1000), size))
		require.NoError(t, err)
		requireStored(t, store, object, 1000)
	}
}

// TestABreakLeavesTheFormerObject: what was whole before stays whole.
func TestABreakLeavesTheFormerObject(t *testing.T) {
	t.Parallel()
	store, j := plainStore(t), newJob(t)
	former, err := store.Put(t.Context(), j, "result", pdf(pattern(77), 77))
	require.NoError(t, err)
	for _, src := range []*source{
		pdf(thenErr(pattern(1000), errors.New("broken")), 1000),
		pdf(thenErr(pattern(minPartSize+1), errors.New("broken")), -1),
	} {
		_, err = store.Put(t.Context(), j, "result", src)
		require.Error(t, err)
		requireStored(t, store, former, 77)
	}
}

// TestAbortUploadsOfARunningOne is a worker that took a job up again while the
// one that lost it is still at work: the latter's upload comes to nothing, and
// nothing is wrong with the job.
func TestAbortUploadsOfARunningOne(t *testing.T) {
	t.Parallel()
	store, j := plainStore(t), newJob(t)
	src := io.MultiReader(
		pattern(2*minPartSize),
		readerFunc(func([]byte) (int, error) { // the first parts are there by now
			require.NoError(t, store.AbortUploads(t.Context(), j))
			return 0, io.EOF
		}),
		pattern(minPartSize),
	)
	_, err := store.Put(t.Context(), j, "result", pdf(src, -1))
	// NoSuchUpload, or a connection that the server has cut without reading
	// the part that it does not want.
	requireTransient(t, err)
	requireNothing(t, store, j)
}

// TestPutIsDoneWithItsSource: no Read is under way or begins once Put has
// returned, whichever side ended it and however the transport feels about it.
func TestPutIsDoneWithItsSource(t *testing.T) {
	t.Parallel()
	refusing := fakeS3(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.CopyN(io.Discard, r.Body, 100_000)
		w.Header().Set("Connection", "close")
		answerError(w, http.StatusForbidden, "AccessDenied", "no")
	})
	for name, hangUp := range map[string]bool{"refused": false, "canceled": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			var returned atomic.Bool
			var read int
			endless := &endless{}
			src := readerFunc(func(p []byte) (int, error) {
				if returned.Load() {
					t.Error("the source is read after Put")
				}
				if read += len(p); hangUp && read > 1<<20 {
					cancel()
				}
				return endless.Read(p)
			})
			config := refusing
			if hangUp {
				config = chain(backend.server.URL())
			}
			_, err := openStore(t, Config{}, config).Put(ctx, newJob(t), "result", pdf(src, 1<<30))
			returned.Store(true)
			require.Error(t, err)
			read = 0 // a race, for the detector, if anything still reads
		})
	}
}

// TestNoCredentialInErrors goes through what a store says when it is not
// pleased and looks for what must not be repeated.
func TestNoCredentialInErrors(t *testing.T) {
	t.Parallel()
	store := openStore(t, Config{}, fakeS3(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "application/xml")
		w.WriteHeader(http.StatusForbidden)
		_, _ = fmt.Fprintf(w, `<Error><Code>SignatureDoesNotMatch</Code><Message>no match</Message>`+
			`<AWSAccessKeyId>%s</AWSAccessKeyId><StringToSign>%s</StringToSign></Error>`,
			testKey, r.Header.Get("Authorization"))
	}))
	_, err := store.Put(t.Context(), newJob(t), "result", pdf(pattern(1), 1))
	require.ErrorContains(t, err, "no match")
	for _, secret := range []string{testKey, "Credential=", "Signature="} {
		require.NotContains(t, err.Error(), secret)
	}
}

func TestLongMessagesAreCut(t *testing.T) {
	t.Parallel()
	store := openStore(t, Config{}, fakeS3(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		answerError(w, http.StatusBadRequest, "InvalidRequest", strings.Repeat("ä", 10_000))
	}))
	_, err := store.Put(t.Context(), newJob(t), "result", pdf(pattern(1), 1))
	require.Less(t, len(err.Error()), 2*maxDetail)
	require.Contains(t, err.Error(), "ää")
	require.NotContains(t, err.Error(), "\uFFFD")
}

// FuzzStream cuts a source into reads of any size: the bytes, the end and the
// checksum do not depend on it.
func FuzzStream(f *testing.F) {
	f.Add([]byte("twelve bytes"), uint8(5), true)
	f.Add([]byte{}, uint8(0), false)
	f.Fuzz(func(t *testing.T, content []byte, cut uint8, known bool) {
		size := int64(-1)
		if known {
			size = int64(len(content))
		}
		rest := bytes.NewReader(content)
		src := readerFunc(func(p []byte) (int, error) { return rest.Read(p[:min(len(p), int(cut)+1)]) })
		st := newStream(pdf(src, size))
		got, err := io.ReadAll(st)
		require.NoError(t, err)
		require.True(t, bytes.Equal(content, got))
		require.True(t, st.whole())
		require.Equal(t, referenceChecksum(content), st.checksum())
	})
}
