package world

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/stretchr/testify/require"
)

// through is a store, and a client that takes the workers' way to it.
func through(t *testing.T) (*store, *s3.Client) {
	t.Helper()
	s, err := startStore(t.Context(), t.TempDir())
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.close()) })
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	url := s.proxy.url()
	return s, s3.New(s3.Options{
		BaseEndpoint: &url, Region: region, UsePathStyle: true, HTTPClient: &http.Client{Transport: transport},
		Credentials: credentials.NewStaticCredentialsProvider(accessKey, secretKey, ""),
	})
}

func putText(t *testing.T, client *s3.Client, key, content string) {
	t.Helper()
	_, err := client.PutObject(t.Context(), &s3.PutObjectInput{Bucket: aws.String(Bucket), Key: &key, Body: strings.NewReader(content)})
	require.NoError(t, err)
}

// There is one S3 server in a process at a time: this is not parallel.
func TestEveryObjectIsSeenBeforeItCanBeReplaced(t *testing.T) {
	s, client := through(t)
	putText(t, client, "tenant a/j/result.txt", "par")
	putText(t, client, "tenant a/j/result.txt", "partial no more")
	multipart(t, client, "k/result.txt", "in one part")
	_, err := client.GetObject(t.Context(), &s3.GetObjectInput{Bucket: aws.String(Bucket), Key: aws.String("k/result.txt")})
	require.NoError(t, err)

	seen, err := s.frontend.witness.all(t.Context())
	require.NoError(t, err)
	require.Len(t, seen, 3)
	for i, want := range []Sighting{
		{Key: "tenant a/j/result.txt", Size: 3}, {Key: "tenant a/j/result.txt", Size: 15}, {Key: "k/result.txt", Size: 11},
	} {
		require.Equal(t, want.Key, seen[i].Key)
		require.Equal(t, want.Size, seen[i].Size)
		require.NotEmpty(t, seen[i].Checksum)
	}
	require.NotEqual(t, seen[0].Checksum, seen[1].Checksum)
}

func multipart(t *testing.T, client *s3.Client, key, content string) {
	t.Helper()
	bucket := aws.String(Bucket)
	upload, err := client.CreateMultipartUpload(t.Context(), &s3.CreateMultipartUploadInput{
		Bucket: bucket, Key: &key, ChecksumAlgorithm: types.ChecksumAlgorithmCrc64nvme, ChecksumType: types.ChecksumTypeFullObject,
	})
	require.NoError(t, err)
	part, err := client.UploadPart(t.Context(), &s3.UploadPartInput{
		Bucket: bucket, Key: &key, UploadId: upload.UploadId, PartNumber: aws.Int32(1), Body: strings.NewReader(content),
		ChecksumAlgorithm: types.ChecksumAlgorithmCrc64nvme,
	})
	require.NoError(t, err)
	_, err = client.CompleteMultipartUpload(t.Context(), &s3.CompleteMultipartUploadInput{
		Bucket: bucket, Key: &key, UploadId: upload.UploadId, ChecksumType: types.ChecksumTypeFullObject,
		MultipartUpload: &types.CompletedMultipartUpload{Parts: []types.CompletedPart{{
			PartNumber: aws.Int32(1), ETag: part.ETag, ChecksumCRC64NVME: part.ChecksumCRC64NVME,
		}}},
	})
	require.NoError(t, err)
}

// onwards is a store as a function.
type onwards func(*http.Request) (*http.Response, error)

func (o onwards) RoundTrip(r *http.Request) (*http.Response, error) { return o(r) }

func write(t *testing.T, ctx context.Context, w *witness) error {
	t.Helper()
	request, err := http.NewRequestWithContext(ctx, http.MethodPut, "http://store/results/j/result.txt", http.NoBody)
	require.NoError(t, err)
	response, err := w.RoundTrip(request)
	if err == nil {
		require.NoError(t, response.Body.Close())
	}
	return err
}

func answered(status int) *http.Response {
	return &http.Response{StatusCode: status, Body: http.NoBody}
}

func TestAWriteWhoseClientIsKilledIsSeen(t *testing.T) {
	t.Parallel()
	ctx, kill := context.WithCancel(t.Context())
	w := &witness{
		onward: onwards(func(r *http.Request) (*http.Response, error) {
			kill()
			return answered(200), r.Context().Err()
		}),
		head: func(_ context.Context, key string) (Sighting, error) { return Sighting{Key: key}, nil },
	}
	require.NoError(t, write(t, ctx, w))
	seen, err := w.all(t.Context())
	require.NoError(t, err)
	require.Equal(t, []Sighting{{Key: "j/result.txt"}}, seen)
}

func TestOnlyWhatTheStoreHasConfirmedHasToBeThere(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	for _, c := range []struct {
		answer    *http.Response
		err, head error
		problem   bool
	}{
		{answered(200), nil, &types.NotFound{}, true},
		{answered(200), nil, broken, true},
		{answered(500), nil, &types.NotFound{}, false},
		{answered(500), nil, broken, true},
		{nil, broken, &types.NotFound{}, false},
	} {
		w := &witness{
			onward: onwards(func(*http.Request) (*http.Response, error) { return c.answer, c.err }),
			head:   func(context.Context, string) (Sighting, error) { return Sighting{}, c.head },
		}
		require.ErrorIs(t, write(t, t.Context(), w), c.err)
		_, err := w.all(t.Context())
		require.Equal(t, c.problem, err != nil, "%+v", c)
	}
}

func TestWhichRequestsMakeAnObject(t *testing.T) {
	t.Parallel()
	for request, want := range map[string]string{
		"PUT /results/j/a%20b?x-id=PutObject":      "j/a b",
		"POST /results/j/r?uploadId=1":             "j/r",
		"PUT /results/j/r?partNumber=1&uploadId=1": "",
		"POST /results/j/r?uploads=":               "",
		"DELETE /results/j/r?uploadId=1":           "",
		"GET /results/j/r":                         "",
		"PUT /results":                             "",
		"POST /results?delete=":                    "",
	} {
		method, target, _ := strings.Cut(request, " ")
		r, err := http.NewRequestWithContext(t.Context(), method, "http://store"+target, http.NoBody)
		require.NoError(t, err)
		key, writes := written(r)
		require.Equal(t, want != "", writes, request)
		if writes {
			require.Equal(t, want, key)
		}
	}
}
