package sink

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"hash/crc64"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/stretchr/testify/require"

	"github.com/jobferry/jobferry/internal/job"
)

// endpoints are the ways to the embedded server: plain, and through TLS.
func endpoints() map[string]aws.Config {
	return map[string]aws.Config{
		"http": chain(backend.server.URL()),
		"https": chain(backend.front.URL(), func(t *http.Transport) {
			t.TLSClientConfig.RootCAs = x509.NewCertPool()
			t.TLSClientConfig.RootCAs.AppendCertsFromPEM(backend.front.CAPEM())
		}),
	}
}

func TestPutStoresEveryByte(t *testing.T) {
	t.Parallel()
	sizes := []int64{0, 1, 4 << 10, minPartSize - 1, minPartSize, minPartSize + 1, 12 << 20}
	for scheme, config := range endpoints() {
		store := openStore(t, Config{Prefix: "all/"}, config)
		for _, size := range sizes {
			for _, known := range []bool{true, false} {
				t.Run(fmt.Sprintf("%s/%d/known=%v", scheme, size, known), func(t *testing.T) {
					t.Parallel()
					announced := size
					if !known {
						announced = -1
					}
					j := newJob(t)
					object, err := store.Put(t.Context(), j, "result", pdf(pattern(size), announced))
					require.NoError(t, err)
					require.Equal(t, fmt.Sprintf("all/%s/result.pdf", j.ID), object.Key)
					requireStored(t, store, object, size)
					require.Empty(t, uploadsOf(t, store, j))
				})
			}
		}
	}
}

// requireStored reads an object back and compares it, and what the store says
// of it, with what Put returned.
func requireStored(t *testing.T, store *Store, object job.Object, size int64) {
	t.Helper()
	out, err := store.client.GetObject(t.Context(), &s3.GetObjectInput{
		Bucket: &object.Bucket, Key: &object.Key, ChecksumMode: types.ChecksumModeEnabled,
	})
	require.NoError(t, err)
	defer out.Body.Close()
	want, err := io.ReadAll(pattern(size))
	require.NoError(t, err)
	got, err := io.ReadAll(out.Body)
	require.NoError(t, err)
	require.True(t, bytes.Equal(want, got), "other bytes were stored")

	require.Equal(t, object, job.Object{
		Bucket: object.Bucket, Key: object.Key, Size: aws.ToInt64(out.ContentLength),
		ContentType: aws.ToString(out.ContentType), ETag: unquote(out.ETag),
		Checksum: aws.ToString(out.ChecksumCRC64NVME),
	})
	require.Equal(t, referenceChecksum(want), object.Checksum)
	require.Equal(t, types.ChecksumTypeFullObject, out.ChecksumType)
	require.Empty(t, aws.ToString(out.ContentEncoding), "the framing must not be stored")
	require.NotContains(t, object.ETag, `"`)
}

// headChecksum is what the store says of an object's checksum.
func headChecksum(t *testing.T, store *Store, where location) string {
	t.Helper()
	head, err := store.client.HeadObject(t.Context(), &s3.HeadObjectInput{
		Bucket: &where.bucket, Key: &where.key, ChecksumMode: types.ChecksumModeEnabled,
	})
	require.NoError(t, err)
	return aws.ToString(head.ChecksumCRC64NVME)
}

// referenceChecksum is the same checksum by the standard library.
func referenceChecksum(body []byte) string {
	const nvme = 0x9a6c9329ac4bc9b5
	sum := crc64.New(crc64.MakeTable(nvme))
	_, _ = sum.Write(body)
	return base64.StdEncoding.EncodeToString(sum.Sum(nil))
}

func TestPutStoresTheAttributes(t *testing.T) {
	t.Parallel()
	store := openStore(t, Config{Prefix: "p-", StorageClass: "STANDARD"}, chain(backend.server.URL()))
	for name, size := range map[string]int64{"stream": 10, "buffer": -1, "parts": -1} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			j := newJob(t)
			j.Prefix = "tenant-ä/2026/"
			j.Metadata = map[string]string{"orderID": "42", "Customer": "Jörg Åß 日本", "note": "a b"}
			body := pattern(10)
			if name == "parts" {
				body = pattern(minPartSize + 10)
			}
			object, err := store.Put(t.Context(), j, "result-001",
				&source{Reader: body, size: size, contentType: "text/plain; charset=utf-8"})
			require.NoError(t, err)
			require.Equal(t, "p-tenant-ä/2026/"+string(j.ID)+"/result-001.txt", object.Key)
			require.Equal(t, "text/plain; charset=utf-8", object.ContentType)

			head, err := store.client.HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: &object.Bucket, Key: &object.Key})
			require.NoError(t, err)
			require.Equal(t, "text/plain; charset=utf-8", aws.ToString(head.ContentType))
			require.Equal(t, map[string]string{
				"job-id": string(j.ID), "orderid": "42", "note": "a b",
				"customer": job.HeaderValue("Jörg Åß 日本"),
			}, head.Metadata)
		})
	}
}

func TestPutIntoAnotherBucket(t *testing.T) {
	t.Parallel()
	store, j := plainStore(t), newJob(t)
	j.Bucket = elsewhere
	object, err := store.Put(t.Context(), j, "result", pdf(pattern(100), 100))
	require.NoError(t, err)
	require.Equal(t, elsewhere, object.Bucket)
	requireStored(t, store, object, 100)
}

func TestPutReplacesAnObject(t *testing.T) {
	t.Parallel()
	store, j := plainStore(t), newJob(t)
	for _, size := range []int64{3, minPartSize + 3, 7} {
		object, err := store.Put(t.Context(), j, "result", pdf(pattern(size), -1))
		require.NoError(t, err)
		requireStored(t, store, object, size)
	}
}

// TestPutOfABrokenSource goes through every way in which a source can let an
// upload down; nothing may appear.
func TestPutOfABrokenSource(t *testing.T) {
	t.Parallel()
	broken := errors.New("the source is broken")
	blocked := job.Fail(job.ReasonResultBlocked, "not one that we may fetch")
	const small, large = 1000, minPartSize + 1000
	cases := map[string]struct {
		src  *source
		want error
	}{
		"short":                   {pdf(pattern(small-1), small), io.ErrUnexpectedEOF},
		"short and large":         {pdf(pattern(large-1), large), io.ErrUnexpectedEOF},
		"empty":                   {pdf(pattern(0), small), io.ErrUnexpectedEOF},
		"long":                    {pdf(pattern(small+1), small), nil},
		"long by much":            {pdf(pattern(large), small), nil},
		"not empty":               {pdf(pattern(1), 0), nil},
		"fails at once":           {pdf(errReader{broken}, small), broken},
		"fails midway":            {pdf(thenErr(pattern(large-1), broken), large), broken},
		"fails after the last":    {pdf(thenErr(pattern(small), broken), small), broken},
		"fails after nothing":     {pdf(thenErr(pattern(0), broken), 0), broken},
		"fails with a failure":    {pdf(thenErr(pattern(small), blocked), small), blocked},
		"unknown, at once":        {pdf(errReader{broken}, -1), broken},
		"unknown, in the buffer":  {pdf(thenErr(pattern(small), broken), -1), broken},
		"unknown, cut short":      {pdf(thenErr(pattern(small), io.ErrUnexpectedEOF), -1), io.ErrUnexpectedEOF},
		"unknown, in a part":      {pdf(thenErr(pattern(large), broken), -1), broken},
		"unknown, after one part": {pdf(thenErr(pattern(minPartSize), broken), -1), broken},
		"unknown, part cut short": {pdf(thenErr(pattern(large), io.ErrUnexpectedEOF), -1), io.ErrUnexpectedEOF},
		"never ends nor gives":    {pdf(stuck{}, small), io.ErrNoProgress},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			store, j := plainStore(t), newJob(t)
			_, err := store.Put(t.Context(), j, "result", c.src)
			require.Error(t, err)
			require.ErrorContains(t, err, "s3://"+testBucket+"/"+string(j.ID)+"/result.pdf")
			if c.want != nil {
				require.ErrorIs(t, err, c.want)
			}
			requireNothing(t, store, j)
		})
	}
}

// stuck is a reader that returns nothing and no error.
type stuck struct{}

func (stuck) Read([]byte) (int, error) { return 0, nil }

// TestPutWithholdsTheEnd sees to it that a body is never complete on the wire
// before its source has said that it is whole: the last bytes stay back, not
// the framing alone.
func TestPutWithholdsTheEnd(t *testing.T) {
	t.Parallel()
	for _, size := range []int64{0, 1, 100_000} {
		var received atomic.Int64
		fake := fakeS3(t, func(w http.ResponseWriter, r *http.Request) {
			n, _ := io.Copy(io.Discard, r.Body)
			received.Add(n)
		})
		_, err := openStore(t, Config{}, fake).Put(t.Context(), newJob(t), "result",
			pdf(thenErr(pattern(size), errors.New("not whole")), size))
		require.ErrorContains(t, err, "not whole")
		require.Less(t, received.Load(), max(size, 1)+int64(len("186a0\r\n")), "size %d", size)
	}
}

func TestPutWhileCanceled(t *testing.T) {
	t.Parallel()
	drained := errors.New("the worker is draining")
	for name, size := range map[string]int64{"known": 32 << 20, "unknown": -1} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			store, j := plainStore(t), newJob(t)
			ctx, cancel := context.WithCancelCause(t.Context())
			defer cancel(nil)
			// Two parts and a half are read when it happens.
			src := io.MultiReader(pattern(12<<20), readerFunc(func([]byte) (int, error) {
				cancel(drained)
				<-ctx.Done()
				return 0, ctx.Err()
			}))
			_, err := store.Put(ctx, j, "result", pdf(src, size))
			require.ErrorIs(t, err, drained)
			requireNothing(t, store, j)
		})
	}
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

func TestPutWhenCanceledBefore(t *testing.T) {
	t.Parallel()
	store, j := plainStore(t), newJob(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, size := range []int64{10, -1} {
		_, err := store.Put(ctx, j, "result", pdf(pattern(10), size))
		require.ErrorIs(t, err, context.Canceled)
	}
	requireNothing(t, store, j)
}

// flipper changes one byte of what is written to a connection.
type flipper struct {
	net.Conn
	mu sync.Mutex
	at int // bytes until it happens
}

func (f *flipper) Write(p []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.at >= 0 && f.at < len(p) {
		p = bytes.Clone(p)
		p[f.at] ^= 1
	}
	f.at -= len(p)
	return f.Conn.Write(p)
}

// TestPutCorruptedOnTheWire changes a byte after the checksum was computed.
func TestPutCorruptedOnTheWire(t *testing.T) {
	t.Parallel()
	corrupt := onConn(func(conn net.Conn) net.Conn { return &flipper{Conn: conn, at: 300_000} })
	const size = 1 << 20
	for name, src := range map[string]*source{
		"stream": pdf(pattern(size), size),
		"buffer": pdf(pattern(size), -1),
		"part":   pdf(pattern(minPartSize+size), -1),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			store, j := openStore(t, Config{}, chain(backend.server.URL(), corrupt)), newJob(t)
			_, err := store.Put(t.Context(), j, "result", src)
			requireTransient(t, err)
			require.ErrorContains(t, err, "(400)")
			requireNothing(t, plainStore(t), j)
		})
	}
}

// TestPutComparesTheStoresChecksum is about a store that knows nothing of
// trailers, keeps something else, and says so.
func TestPutComparesTheStoresChecksum(t *testing.T) {
	t.Parallel()
	fake := fakeS3(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("X-Amz-Checksum-Crc64nvme", "AAAAAAAAAAA=")
	})
	for _, size := range []int64{10, -1} {
		_, err := openStore(t, Config{}, fake).Put(t.Context(), newJob(t), "result", pdf(pattern(10), size))
		requireTransient(t, err)
		require.ErrorContains(t, err, "AAAAAAAAAAA=")
	}
}

// TestPutAnsweredTooSoon is about a store that says yes without listening.
func TestPutAnsweredTooSoon(t *testing.T) {
	t.Parallel()
	fake := fakeS3(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Connection", "close")
		w.WriteHeader(http.StatusOK)
	})
	_, err := openStore(t, Config{}, fake).Put(t.Context(), newJob(t), "result", pdf(pattern(64<<20), 64<<20))
	requireTransient(t, err)
}

// TestPutWireForm checks a request against what the documentation of S3 says.
func TestPutWireForm(t *testing.T) {
	t.Parallel()
	var got *http.Request
	var body []byte
	fake := fakeS3(t, func(w http.ResponseWriter, r *http.Request) {
		got = r
		body, _ = io.ReadAll(r.Body)
		w.Header().Set("ETag", `"e1"`)
	})
	store := openStore(t, Config{SSE: "aws:kms", SSEKMSKeyID: "key-1", StorageClass: "STANDARD_IA"}, fake)
	object, err := store.Put(t.Context(), newJob(t), "result", pdf(strings.NewReader("Hello world"), 11))
	require.NoError(t, err)
	require.Equal(t, "e1", object.ETag)

	sum := referenceChecksum([]byte("Hello world"))
	require.Equal(t, "b\r\nHello world\r\n0\r\nx-amz-checksum-crc64nvme:"+sum+"\r\n\r\n", string(body))
	require.EqualValues(t, len(body), got.ContentLength)
	for name, want := range map[string]string{
		"X-Amz-Content-Sha256":                        "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
		"Content-Encoding":                            "",
		"X-Amz-Decoded-Content-Length":                "11",
		"X-Amz-Trailer":                               "x-amz-checksum-crc64nvme",
		"Content-Type":                                "application/pdf",
		"X-Amz-Storage-Class":                         "STANDARD_IA",
		"X-Amz-Server-Side-Encryption":                "aws:kms",
		"X-Amz-Server-Side-Encryption-Aws-Kms-Key-Id": "key-1",
	} {
		require.Equal(t, want, got.Header.Get(name), name)
	}
	require.Empty(t, got.Header.Get("X-Amz-Sdk-Checksum-Algorithm"))
}
