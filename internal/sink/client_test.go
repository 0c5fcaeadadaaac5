package sink

import (
	"context"
	"encoding/pem"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest"

	"github.com/jobferry/jobferry/internal/job"
)

// isolate gives a test an AWS environment of its own.
func isolate(t *testing.T, variables map[string]string) {
	t.Helper()
	empty := filepath.Join(t.TempDir(), "none")
	base := map[string]string{
		"AWS_CONFIG_FILE": empty, "AWS_SHARED_CREDENTIALS_FILE": empty, "AWS_EC2_METADATA_DISABLED": "true",
		"AWS_REGION": "", "AWS_DEFAULT_REGION": "", "AWS_PROFILE": "", "AWS_CA_BUNDLE": "",
		"AWS_ENDPOINT_URL": "", "AWS_ENDPOINT_URL_S3": "",
		"AWS_ACCESS_KEY_ID": testKey, "AWS_SECRET_ACCESS_KEY": testSecret, "AWS_SESSION_TOKEN": "",
	}
	for _, environment := range []map[string]string{base, variables} {
		for name, value := range environment {
			t.Setenv(name, value)
		}
	}
}

func newFromEnvironment(t *testing.T, cfg Config) *Store {
	t.Helper()
	store, err := New(t.Context(), cfg, zap.NewNop(), prometheus.NewRegistry())
	require.NoError(t, err)
	t.Cleanup(store.Close)
	return store
}

func TestNewFollowsTheSDKsOwnSettings(t *testing.T) {
	isolate(t, map[string]string{"AWS_ENDPOINT_URL_S3": backend.server.URL()})
	store := newFromEnvironment(t, Config{Bucket: testBucket, PathStyle: true})
	require.NoError(t, store.Probe(t.Context()))
	object, err := store.Put(t.Context(), newJob(t), "result", pdf(pattern(100), 100))
	require.NoError(t, err)
	requireStored(t, store, object, 100)
}

func TestNewTrustsTheCABundle(t *testing.T) {
	bundle := filepath.Join(t.TempDir(), "ca.pem")
	require.NoError(t, os.WriteFile(bundle, backend.front.CAPEM(), 0o600))
	isolate(t, map[string]string{"AWS_ENDPOINT_URL_S3": backend.front.URL(), "AWS_CA_BUNDLE": bundle})
	require.NoError(t, newFromEnvironment(t, Config{Bucket: testBucket, PathStyle: true}).Probe(t.Context()))

	t.Setenv("AWS_CA_BUNDLE", "")
	t.Setenv("AWS_MAX_ATTEMPTS", "1")
	err := newFromEnvironment(t, Config{Bucket: testBucket, PathStyle: true}).Probe(t.Context())
	requireTransient(t, err)
	require.ErrorContains(t, err, "certificate")
}

// A store that stops reading is noticed by the writes to its connection, which go on
// with HTTP/2.
func TestTheStoreIsSpokenToByHTTP1(t *testing.T) {
	protocols := make(chan string, 1)
	store := httptest.NewUnstartedServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { protocols <- r.Proto }))
	store.EnableHTTP2 = true
	store.StartTLS()
	t.Cleanup(store.Close)
	bundle := filepath.Join(t.TempDir(), "ca.pem")
	require.NoError(t, os.WriteFile(bundle, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: store.Certificate().Raw}), 0o600))
	isolate(t, map[string]string{"AWS_ENDPOINT_URL_S3": store.URL, "AWS_CA_BUNDLE": bundle})
	require.NoError(t, newFromEnvironment(t, Config{Bucket: testBucket, PathStyle: true}).Probe(t.Context()))
	require.Equal(t, "HTTP/1.1", <-protocols)
}

// Users of stores that know no trailers have told the SDK so already.
func TestNewFollowsTheSDKsOwnChecksumSetting(t *testing.T) {
	for value, want := range map[string]Mode{"": ModeAuto, "when_supported": ModeAuto, "when_required": ModeMD5} {
		isolate(t, map[string]string{"AWS_REQUEST_CHECKSUM_CALCULATION": value})
		require.Equal(t, want, newFromEnvironment(t, Config{Bucket: testBucket}).cfg.Checksum)
		require.Equal(t, ModeTrailer, newFromEnvironment(t, Config{Bucket: testBucket, Checksum: ModeTrailer}).cfg.Checksum)
	}
}

func TestNewWithoutCredentials(t *testing.T) {
	isolate(t, map[string]string{
		"AWS_ENDPOINT_URL_S3": backend.server.URL(), "AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "",
	})
	err := newFromEnvironment(t, Config{Bucket: testBucket}).Probe(t.Context())
	require.True(t, job.IsRefused(err), "%v", err)
	require.ErrorContains(t, err, "the AWS SDK has no credentials")
}

func TestNewRefuses(t *testing.T) {
	isolate(t, nil)
	_, err := New(t.Context(), Config{Prefix: "/"}, nil, nil)
	for _, part := range []string{"S3_BUCKET", "S3_PREFIX", "no logger", "no registerer"} {
		require.ErrorContains(t, err, part)
	}

	registry := prometheus.NewRegistry()
	_, err = New(t.Context(), Config{Bucket: "bucket"}, zap.NewNop(), registry)
	require.NoError(t, err)
	_, err = New(t.Context(), Config{Bucket: "bucket"}, zap.NewNop(), registry)
	require.ErrorContains(t, err, "register the store's metrics")

	t.Setenv("AWS_PROFILE", "nobody")
	_, err = New(t.Context(), Config{Bucket: "bucket"}, zap.NewNop(), prometheus.NewRegistry())
	require.ErrorContains(t, err, "load the AWS settings")
}

func TestOpenRefusesAnotherHTTPClient(t *testing.T) {
	t.Parallel()
	_, err := open(Config{Bucket: "bucket"}, aws.Config{HTTPClient: http.DefaultClient}, zap.NewNop(), prometheus.NewRegistry())
	require.ErrorContains(t, err, "*http.Client")
}

func TestMetricsStartAtZero(t *testing.T) {
	t.Parallel()
	registry := prometheus.NewRegistry()
	_, err := newMetrics(registry)
	require.NoError(t, err)
	families, err := registry.Gather()
	require.NoError(t, err)
	series := map[string]int{}
	for _, family := range families {
		series[family.GetName()] = len(family.GetMetric())
	}
	require.Equal(t, map[string]int{"jobferry_store_requests_total": 32, "jobferry_store_bytes_total": 1}, series)
}

func TestBufferGauges(t *testing.T) {
	t.Parallel()
	registry, lent := prometheus.NewRegistry(), newBuffers(3, 8)
	require.NoError(t, watchBuffers(registry, lent))
	require.Error(t, watchBuffers(registry, lent), "twice")
	bytes := func() (used, limit float64) {
		families, err := registry.Gather() // sorted by name
		require.NoError(t, err)
		require.Len(t, families, 2)
		return families[0].GetMetric()[0].GetGauge().GetValue(), families[1].GetMetric()[0].GetGauge().GetValue()
	}
	_, release, err := lent.borrow(t.Context())
	require.NoError(t, err)
	used, limit := bytes()
	require.Equal(t, 8.0, used)
	require.Equal(t, 24.0, limit)
	release()
	used, _ = bytes()
	require.Zero(t, used)
}

func TestProbe(t *testing.T) {
	t.Parallel()
	require.NoError(t, plainStore(t).Probe(t.Context()))

	missing := openStore(t, Config{Bucket: "missing"}, chain(backend.server.URL())).Probe(t.Context())
	require.True(t, job.IsRefused(missing), "%v", missing)
	require.ErrorContains(t, missing, "create the bucket")

	for status, refused := range map[int]bool{301: true, 400: true, 401: true, 403: true, 404: true, 429: false, 500: false, 503: false} {
		store := openStore(t, Config{}, fakeS3(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }))
		err := store.Probe(t.Context())
		require.Error(t, err)
		require.Equal(t, refused, job.IsRefused(err), "%d: %v", status, err)
	}
}

func TestProbeOfAnotherBucketSaysWhatToDo(t *testing.T) {
	t.Parallel()
	store := openStore(t, Config{Bucket: testBucket}, chain(backend.server.URL()))
	require.NoError(t, store.ProbeBucket(t.Context(), testBucket))
	require.ErrorContains(t, store.ProbeBucket(t.Context(), "missing"), "create the bucket or correct its name")
	for status, advice := range map[int]string{
		http.StatusForbidden:    `the worker needs the permission s3:ListBucket on bucket "other"`,
		http.StatusUnauthorized: "check the AWS credentials",
	} {
		refusing := openStore(t, Config{Bucket: testBucket}, fakeS3(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }))
		require.ErrorContains(t, refusing.ProbeBucket(t.Context(), "other"), advice)
	}
}

func TestProbeEndsWithItsContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, plainStore(t).Probe(ctx), context.Canceled)
}

// TestExpressBucketGetsItsSession asks for it once, and then for the bucket.
func TestExpressBucketGetsItsSession(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var asked []string
	cfg := fakeS3(t, func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		asked = append(asked, r.Method+" "+r.URL.Path+" "+strconv.FormatBool(r.URL.Query().Has("session")))
		if r.URL.Query().Has("session") {
			_, _ = io.WriteString(w, `<CreateSessionResult><Credentials><AccessKeyId>a</AccessKeyId><SecretAccessKey>s</SecretAccessKey>`+
				`<SessionToken>t</SessionToken><Expiration>2999-01-01T00:00:00Z</Expiration></Credentials></CreateSessionResult>`)
		}
	})
	const bucket = "results--euc1-az1--x-s3"
	store, err := open(Config{Bucket: bucket}.withDefaults(), cfg, zaptest.NewLogger(t), prometheus.NewRegistry())
	require.NoError(t, err)
	t.Cleanup(store.Close)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for range 2 {
		require.NoError(t, store.Probe(ctx))
	}
	require.Equal(t, []string{"GET /" + bucket + " true", "HEAD /" + bucket + " false", "HEAD /" + bucket + " false"}, asked)
}
