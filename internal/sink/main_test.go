package sink

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest"

	"github.com/jobferry/jobferry/internal/embedded"
	"github.com/jobferry/jobferry/internal/job"
)

const (
	testKey    = "sink-test"
	testSecret = "sink-test-secret"
	testBucket = "results"
	elsewhere  = "other"
)

// backend is the S3 server of all tests: there can be one per process.
var backend struct {
	server *embedded.S3
	front  *embedded.TLSFront
}

func TestMain(m *testing.M) {
	code, err := runWithBackend(m)
	if err == nil && code == 0 {
		err = goleak.Find( // after the server has gone
			// Its HTTP library keeps a clock for good, and a cleaner of idle
			// workers that notices the end at its next turn.
			goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.updateServerDate.func1"),
			goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.(*workerPool).Start.func2"),
		)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func runWithBackend(m *testing.M) (int, error) {
	dir, err := os.MkdirTemp("", "sink")
	if err != nil {
		return 1, err
	}
	defer os.RemoveAll(dir)
	backend.server, err = embedded.StartS3(context.Background(), embedded.S3Options{
		Addr: "127.0.0.1:0", Dir: dir, AccessKey: testKey, SecretKey: testSecret,
		Buckets: []string{testBucket, elsewhere},
	})
	if err != nil {
		return 1, err
	}
	backend.front, err = embedded.NewTLSFront(strings.TrimPrefix(backend.server.URL(), "http://"))
	if err != nil {
		return 1, err
	}
	code := m.Run()
	if err := backend.front.Close(); err != nil {
		return 1, err
	}
	return code, backend.server.Stop()
}

// chain is what the SDK's own chain would load for an endpoint, with retries
// that do not keep a test waiting.
func chain(endpoint string, tweaks ...func(*http.Transport)) aws.Config {
	tweaks = append([]func(*http.Transport){tune(4)}, tweaks...)
	return aws.Config{
		BaseEndpoint: &endpoint, Region: defaultRegion,
		Credentials: credentials.NewStaticCredentialsProvider(testKey, testSecret, ""),
		HTTPClient:  awshttp.NewBuildableClient().WithTransportOptions(tweaks...),
		Retryer: func() aws.Retryer {
			return retry.NewStandard(func(o *retry.StandardOptions) {
				o.Backoff = retry.BackoffDelayerFunc(func(int, error) (time.Duration, error) { return time.Millisecond, nil })
			})
		},
	}
}

func openStore(t *testing.T, cfg Config, chain aws.Config) *Store {
	t.Helper()
	cfg.Bucket = cmp.Or(cfg.Bucket, testBucket)
	known := cfg.Checksum == "" // fakes see no requests but those of their test
	cfg.Checksum = cmp.Or(cfg.Checksum, ModeTrailer)
	cfg.PathStyle = true
	store, err := open(cfg.withDefaults(), chain, zaptest.NewLogger(t, zaptest.Level(zap.ErrorLevel)), prometheus.NewRegistry())
	require.NoError(t, err)
	t.Cleanup(store.Close)
	if known {
		for _, bucket := range []string{cfg.Bucket, testBucket, elsewhere} {
			store.modes.set(bucket, ModeTrailer)
		}
	}
	return store
}

// plainStore is a store on the embedded server over http.
func plainStore(t *testing.T) *Store {
	t.Helper()
	return openStore(t, Config{Checksum: ModeAuto}, chain(backend.server.URL()))
}

var notID = regexp.MustCompile(`[^A-Za-z0-9_-]+`)

// newJob is a job of a test's own.
func newJob(t *testing.T) job.Job {
	t.Helper()
	id := notID.ReplaceAllString(t.Name(), "-")
	return job.Job{ID: job.ID(id[max(0, len(id)-128):])}
}

// source is a source made of a reader.
type source struct {
	io.Reader
	size        int64
	contentType string
	ext         string
	encoding    string
}

func (s *source) Size() int64             { return s.size }
func (s *source) ContentType() string     { return s.contentType }
func (s *source) Ext() string             { return s.ext }
func (s *source) ContentEncoding() string { return s.encoding }
func (s *source) Close() error            { return nil }

func pdf(r io.Reader, size int64) *source {
	return &source{Reader: r, size: size, contentType: "application/pdf"}
}

// pattern is a reader of size bytes that differ from place to place and cost
// no memory.
func pattern(size int64) io.Reader { return io.LimitReader(&endless{}, size) }

// endless repeats a block whose length is prime to every size of a buffer or a
// part, so that no two of them are alike.
type endless struct{ at int }

var block = func() []byte {
	b := make([]byte, 65_521)
	for i := range b {
		b[i] = byte(i>>8) ^ byte(i*31)
	}
	return b
}()

func (e *endless) Read(p []byte) (int, error) {
	for n := 0; n < len(p); {
		m := copy(p[n:], block[e.at:])
		n += m
		e.at = (e.at + m) % len(block)
	}
	return len(p), nil
}

// thenErr delivers all of a reader and then an error instead of io.EOF.
func thenErr(r io.Reader, err error) io.Reader { return io.MultiReader(r, errReader{err}) }

type errReader struct{ err error }

func (e errReader) Read([]byte) (int, error) { return 0, e.err }

// requireNothing checks that neither an object nor an upload stands under a
// job's keys.
func requireNothing(t *testing.T, s *Store, j job.Job) {
	t.Helper()
	bucket, prefix := s.bucket(j), s.jobPrefix(j)
	objects, err := s.client.ListObjectsV2(t.Context(), &s3.ListObjectsV2Input{Bucket: &bucket, Prefix: &prefix})
	require.NoError(t, err)
	require.Empty(t, objects.Contents)
	require.Empty(t, uploadsOf(t, s, j))
}

// uploadsOf lists the keys of the multipart uploads under a job's keys.
func uploadsOf(t *testing.T, s *Store, j job.Job) []string {
	t.Helper()
	bucket, prefix := s.bucket(j), s.jobPrefix(j)
	uploads, err := s.client.ListMultipartUploads(t.Context(), &s3.ListMultipartUploadsInput{Bucket: &bucket, Prefix: &prefix})
	require.NoError(t, err)
	var keys []string
	for _, upload := range uploads.Uploads {
		keys = append(keys, aws.ToString(upload.Key))
	}
	return keys
}

// requireReason checks that err settles its job for this reason.
func requireReason(t *testing.T, want job.Reason, err error) {
	t.Helper()
	var failure *job.Error
	require.ErrorAs(t, err, &failure)
	require.Equal(t, job.ClassPermanent, failure.Class)
	require.Equal(t, want, failure.Reason)
}

// requireTransient checks that err is worth another try.
func requireTransient(t *testing.T, err error) {
	t.Helper()
	require.Error(t, err)
	require.Equal(t, job.ClassUnavailable, job.ClassOf(err), "%v", err)
}

// onConn wraps the connections of a transport.
func onConn(wrap func(net.Conn) net.Conn) func(*http.Transport) {
	return func(t *http.Transport) {
		dial := t.DialContext
		t.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
			conn, err := dial(ctx, network, addr)
			if err != nil {
				return nil, err
			}
			return wrap(conn), nil
		}
	}
}
