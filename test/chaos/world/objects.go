package world

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"golang.org/x/sync/errgroup"
)

// Object is an object as it stands at the end, read whole.
type Object struct {
	Key, ContentType, ETag string
	Size                   int64  // bytes that were read
	SHA256                 string // of them, in hexadecimal digits
	Checksum               string // CRC64NVME as the store has it
	Metadata               map[string]string
}

// hashers bounds how many objects are hashed at once.
const hashers = 4

// objects are what stands in the bucket, each read whole.
func (s *store) objects(ctx context.Context) ([]Object, error) {
	listed, err := listObjects(ctx, s.client)
	if err != nil {
		return nil, fmt.Errorf("list the bucket: %w", err)
	}
	objects := make([]Object, len(listed))
	var group errgroup.Group
	group.SetLimit(hashers)
	for i, object := range listed {
		group.Go(func() error {
			var err error
			objects[i], err = s.object(ctx, *object.Key)
			return err
		})
	}
	return objects, group.Wait()
}

func (s *store) object(ctx context.Context, key string) (Object, error) {
	got, err := s.client.GetObject(ctx, &s3.GetObjectInput{
		Bucket: aws.String(Bucket), Key: &key, ChecksumMode: types.ChecksumModeEnabled,
	})
	if err != nil {
		return Object{}, fmt.Errorf("read %s: %w", key, err)
	}
	defer got.Body.Close()
	hash, size, err := digest(got.Body)
	if err != nil {
		return Object{}, fmt.Errorf("read %s: %w", key, err)
	}
	return Object{
		Key: key, Size: size, SHA256: hash, Checksum: aws.ToString(got.ChecksumCRC64NVME),
		ContentType: aws.ToString(got.ContentType), ETag: strings.Trim(aws.ToString(got.ETag), `"`), Metadata: got.Metadata,
	}, nil
}

// digest reads to the end.
func digest(r io.Reader) (hash string, size int64, err error) {
	h := sha256.New()
	size, err = io.Copy(h, r)
	return hex.EncodeToString(h.Sum(nil)), size, err
}

// orphans are the multipart uploads that nobody ended.
func (s *store) orphans(ctx context.Context) ([]string, error) {
	list, err := s.client.ListMultipartUploads(ctx, &s3.ListMultipartUploadsInput{Bucket: aws.String(Bucket)})
	if err != nil {
		return nil, fmt.Errorf("list the multipart uploads: %w", err)
	}
	keys := make([]string, 0, len(list.Uploads))
	for _, upload := range list.Uploads {
		keys = append(keys, aws.ToString(upload.Key))
	}
	return keys, nil
}

// listObjects lists the bucket.
func listObjects(ctx context.Context, client *s3.Client) ([]types.Object, error) {
	var objects []types.Object
	pages := s3.NewListObjectsV2Paginator(client, &s3.ListObjectsV2Input{Bucket: aws.String(Bucket)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		objects = append(objects, page.Contents...)
	}
	return objects, nil
}
