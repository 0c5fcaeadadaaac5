package embedded

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/stretchr/testify/require"
)

// One server per process: the tests of this file run one after the other.

func s3Options(dir string) S3Options {
	return S3Options{
		Addr: "127.0.0.1:0", Dir: dir, AccessKey: "embedded", SecretKey: "embedded-secret",
		Buckets: []string{"first", "second"},
	}
}

func startS3(t *testing.T, opts S3Options) *S3 {
	t.Helper()
	server, err := StartS3(t.Context(), opts)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, server.Stop()) })
	return server
}

func s3Client(endpoint, secret string, httpClient *http.Client) *s3.Client {
	return s3.New(s3.Options{
		BaseEndpoint: &endpoint, UsePathStyle: true, Region: "us-east-1", HTTPClient: httpClient,
		Credentials: credentials.NewStaticCredentialsProvider("embedded", secret, ""),
	})
}

func plainHTTP(t *testing.T) *http.Client {
	t.Helper()
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

func putString(ctx context.Context, client *s3.Client, bucket, key, body string) error {
	_, err := client.PutObject(ctx, &s3.PutObjectInput{
		Bucket: &bucket, Key: &key, Body: strings.NewReader(body),
		ContentType: aws.String("text/plain"), Metadata: map[string]string{"job-id": "j1"},
	})
	return err
}

func TestS3KeepsObjectsAcrossRestarts(t *testing.T) {
	dir := t.TempDir()
	opts := s3Options(dir)

	server, err := StartS3(t.Context(), opts)
	require.NoError(t, err)
	require.NoError(t, putString(t.Context(), s3Client(server.URL(), "embedded-secret", plainHTTP(t)), "second", "a/b.txt", "still here"))
	require.NoError(t, server.Stop())
	require.NoError(t, server.Stop(), "a second Stop")

	again := startS3(t, opts)
	out, err := s3Client(again.URL(), "embedded-secret", plainHTTP(t)).GetObject(t.Context(),
		&s3.GetObjectInput{Bucket: aws.String("second"), Key: aws.String("a/b.txt")})
	require.NoError(t, err)
	defer out.Body.Close()
	body, err := io.ReadAll(out.Body)
	require.NoError(t, err)
	require.Equal(t, "still here", string(body))
	require.Equal(t, "text/plain", aws.ToString(out.ContentType))
	require.Equal(t, map[string]string{"job-id": "j1"}, out.Metadata)
}

func TestS3IsGoneAfterStop(t *testing.T) {
	before, err := os.Getwd()
	require.NoError(t, err)
	server, err := StartS3(t.Context(), s3Options(t.TempDir()))
	require.NoError(t, err)
	addr := strings.TrimPrefix(server.URL(), "http://")
	require.NoError(t, server.Stop())

	_, err = net.Dial("tcp", addr)
	require.ErrorIs(t, err, syscall.ECONNREFUSED)
	after, err := os.Getwd()
	require.NoError(t, err)
	require.Equal(t, before, after, "the working directory comes back")
}

func TestS3RefusesATakenPort(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer taken.Close()
	opts := s3Options(t.TempDir())
	opts.Addr = taken.Addr().String()

	_, err = StartS3(t.Context(), opts)
	require.ErrorIs(t, err, syscall.EADDRINUSE)
	require.ErrorContains(t, err, opts.Addr)
}

func TestS3RefusesASecondServer(t *testing.T) {
	startS3(t, s3Options(t.TempDir()))
	_, err := StartS3(t.Context(), s3Options(t.TempDir()))
	require.ErrorContains(t, err, "one instance per process")
}

func TestS3RefusesIncompleteOptions(t *testing.T) {
	_, err := StartS3(t.Context(), S3Options{Addr: "127.0.0.1:0"})
	require.ErrorContains(t, err, "no directory")
	require.ErrorContains(t, err, "no access key")
}

func TestS3RefusesABadBucket(t *testing.T) {
	opts := s3Options(t.TempDir())
	opts.Buckets = []string{"NOT A BUCKET"}
	_, err := StartS3(t.Context(), opts)
	require.ErrorContains(t, err, `create bucket "NOT A BUCKET"`)

	startS3(t, s3Options(t.TempDir())) // the failed one has made room
}

func TestS3RefusesOtherCredentials(t *testing.T) {
	server := startS3(t, s3Options(t.TempDir()))
	err := putString(t.Context(), s3Client(server.URL(), "wrong", plainHTTP(t)), "first", "k", "v")
	require.ErrorContains(t, err, "SignatureDoesNotMatch")
}

func TestS3UsersMayDoWhatABucketSays(t *testing.T) {
	opts := s3Options(t.TempDir())
	opts.Users = map[string]string{"guest": "guest-secret"}
	server := startS3(t, opts)
	endpoint := server.URL()
	guest := s3.New(s3.Options{
		BaseEndpoint: &endpoint, UsePathStyle: true, Region: "us-east-1", HTTPClient: plainHTTP(t),
		Credentials: credentials.NewStaticCredentialsProvider("guest", "guest-secret", ""),
	})
	require.ErrorContains(t, putString(t.Context(), guest, "first", "k", "v"), "AccessDenied")

	policy := `{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"AWS": "guest"}, "Action": "s3:PutObject", "Resource": "arn:aws:s3:::first/*"}]}`
	root := s3Client(endpoint, "embedded-secret", plainHTTP(t))
	_, err := root.PutBucketPolicy(t.Context(), &s3.PutBucketPolicyInput{Bucket: aws.String("first"), Policy: &policy})
	require.NoError(t, err)
	require.NoError(t, putString(t.Context(), guest, "first", "k", "v"))
	require.ErrorContains(t, putString(t.Context(), guest, "second", "k", "v"), "AccessDenied")
}

func TestS3OnAllInterfacesAndInAnotherRegion(t *testing.T) {
	opts := s3Options(t.TempDir())
	opts.Addr, opts.Region = ":0", "eu-central-1"
	server := startS3(t, opts)
	require.Regexp(t, `^http://127\.0\.0\.1:\d+$`, server.URL())
}

func TestS3PrintsNothing(t *testing.T) {
	read, write, err := os.Pipe()
	require.NoError(t, err)
	stdout, stderr := os.Stdout, os.Stderr
	os.Stdout, os.Stderr = write, write
	server, startErr := StartS3(t.Context(), s3Options(t.TempDir()))
	if startErr == nil {
		startErr = putString(t.Context(), s3Client(server.URL(), "embedded-secret", plainHTTP(t)), "first", "k", "v")
		startErr = errors.Join(startErr, server.Stop())
	}
	os.Stdout, os.Stderr = stdout, stderr
	require.NoError(t, startErr)
	require.NoError(t, write.Close())
	printed, err := io.ReadAll(read)
	require.NoError(t, err)
	require.Empty(t, string(printed))
}

func TestTLSFrontCarriesS3(t *testing.T) {
	server := startS3(t, s3Options(t.TempDir()))
	front, err := NewTLSFront(strings.TrimPrefix(server.URL(), "http://"))
	require.NoError(t, err)
	roots := x509.NewCertPool()
	require.True(t, roots.AppendCertsFromPEM(front.CAPEM()))
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}
	t.Cleanup(transport.CloseIdleConnections)
	client := s3Client(front.URL(), "embedded-secret", &http.Client{Transport: transport})

	body := string(bytes.Repeat([]byte("jobferry "), 100_000))
	require.NoError(t, putString(t.Context(), client, "first", "large", body))
	require.NoError(t, front.Close())
	require.Error(t, putString(t.Context(), client, "first", "after", "v"))
}
