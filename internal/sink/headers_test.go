package sink

import (
	"context"
	"crypto/x509"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap/zaptest"

	"github.com/stretchr/testify/require"

	"github.com/jobferry/jobferry/internal/job"
)

// withEverything sets all that an object may have.
func withEverything() Config {
	return Config{
		Tags: map[string]string{"team": "docs"}, ACL: "bucket-owner-full-control", CacheControl: "no-store",
		ContentDisposition: "attachment", SSE: "aws:kms", BucketKeyEnabled: true, ExpectedBucketOwner: "111122223333",
	}
}

// TestHeadersOfTheSettings are with every object, whether it goes in one request or in
// parts. The owner is with every request.
func TestHeadersOfTheSettings(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	seen := map[string]http.Header{}
	m := &model{}
	config := m.start(t)
	front := fakeS3(t, func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		seen[operationOf(r)] = r.Header.Clone()
		mu.Unlock()
		m.ServeHTTP(w, r)
	})
	config.BaseEndpoint = front.BaseEndpoint
	store := openStore(t, withEverything(), config)
	j := newJob(t)
	j.Tags = map[string]string{"order": "4 2", "team": "it was allowed before S3_TAGS had it"}
	for _, announced := range []int64{10, -1} {
		_, err := store.Put(t.Context(), j, "result", pdf(pattern(10), announced))
		require.NoError(t, err)
		requireSettings(t, seen[opPutObject])
	}
	_, err := store.Put(t.Context(), j, "result", pdf(pattern(minPartSize+1), -1))
	require.NoError(t, err)
	requireSettings(t, seen[opCreate])
	require.NoError(t, store.Probe(t.Context()))
	require.NoError(t, store.AbortUploads(t.Context(), j))
	require.Contains(t, seen, opHeadBucket)
	for operation, header := range seen {
		require.Equal(t, "111122223333", header.Get("X-Amz-Expected-Bucket-Owner"), operation)
		signed := header.Get("Authorization")
		require.Contains(t, signed, "x-amz-expected-bucket-owner", operation)
		require.NotContains(t, signed, "accept-encoding", "%s: proxies change it", operation)
		require.Equal(t, "identity", header.Get("Accept-Encoding"), "%s: no proxy may compress the answer", operation)
	}
}

func requireSettings(t *testing.T, header http.Header) {
	t.Helper()
	for name, want := range map[string]string{
		"X-Amz-Tagging": "order=4%202&team=docs", "X-Amz-Acl": "bucket-owner-full-control", "Cache-Control": "no-store",
		"Content-Disposition": "attachment", "X-Amz-Server-Side-Encryption-Bucket-Key-Enabled": "true",
	} {
		require.Equal(t, want, header.Get(name), name)
	}
}

// TestTagsOfASubmissionHoldUpNobodyElse: a store that refuses them refuses that job
// alone, while those of the settings are the bucket's matter.
func TestTagsOfASubmissionHoldUpNobodyElse(t *testing.T) {
	t.Parallel()
	for _, checksum := range []Mode{ModeAuto, ModeTrailer, ModeMD5} {
		m := &model{refusedTag: "secret"}
		store := openStore(t, Config{Checksum: checksum}, m.start(t))
		j := newJob(t)
		j.Tags = map[string]string{"secret": "1"}
		_, err := store.Put(t.Context(), j, "result", pdf(pattern(10), 10))
		requireReason(t, job.ReasonStoreRejected, err)
		require.ErrorContains(t, err, "s3:PutObjectTagging")
		j.Tags = nil
		_, err = store.Put(t.Context(), j, "result", pdf(pattern(10), 10))
		require.NoError(t, err)
		_, uploads := m.left()
		require.Zero(t, uploads)
	}
	m := &model{refusedTag: "secret"}
	store := openStore(t, Config{Checksum: ModeAuto, Tags: map[string]string{"secret": "1"}}, m.start(t))
	j := newJob(t)
	j.Tags = map[string]string{"order": "42"}
	_, err := store.Put(t.Context(), j, "result", pdf(pattern(10), 10))
	require.True(t, job.IsRefused(err), "%v", err)
	require.ErrorContains(t, err, "s3:PutObjectTagging for S3_TAGS")
}

// TestPathStyleIsFoundOut where the bucket cannot stand before the host name. Where it
// could and does not, the error says what to set.
func TestPathStyleIsFoundOut(t *testing.T) {
	t.Parallel()
	for endpoint, want := range map[string]string{
		"http://127.0.0.1:9000":            "127.0.0.1:9000",
		"http://192.0.2.7":                 "192.0.2.7:80",
		"https://[2001:db8::1]":            "[2001:db8::1]:443",
		"http://s3.internal:9000":          "s3.internal:9000",
		"http://minio":                     "minio:80",
		"https://s3.eu-west-1.example.com": testBucket + ".s3.eu-west-1.example.com:443",
		"https://storage.googleapis.com":   testBucket + ".storage.googleapis.com:443",
	} {
		var dialed string
		config := chain(endpoint, func(t *http.Transport) {
			t.Proxy = nil
			t.DialContext = func(_ context.Context, _, address string) (net.Conn, error) {
				dialed = address
				host, _, _ := net.SplitHostPort(address)
				return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
			}
		})
		store, err := open(Config{Bucket: testBucket, Checksum: ModeTrailer}.withDefaults(), config, zaptest.NewLogger(t), prometheus.NewRegistry())
		require.NoError(t, err)
		_, err = store.Put(t.Context(), newJob(t), "result", pdf(pattern(10), 10))
		requireTransient(t, err)
		require.Equal(t, want, dialed, endpoint)
		require.Equal(t, strings.HasPrefix(want, testBucket), strings.Contains(err.Error(), "set S3_PATH_STYLE=true"), err.Error())
		store.Close()
	}
}

// A certificate for the endpoint alone is the same matter.
func TestACertificateThatKnowsNoBuckets(t *testing.T) {
	t.Parallel()
	wrong := x509.HostnameError{Certificate: &x509.Certificate{}, Host: testBucket + ".s3.internal"}
	require.Contains(t, describe(opPutObject, location{bucket: testBucket}, wrong).Error(), "S3_PATH_STYLE=true")
	require.NotContains(t, describe(opPutObject, location{bucket: "another"}, wrong).Error(), "S3_PATH_STYLE")
}
