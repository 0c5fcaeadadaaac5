package sink

import (
	"context"
	"maps"
	"net/http"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"go.uber.org/zap"

	"github.com/jobferry/jobferry/internal/job"
	"github.com/jobferry/jobferry/internal/mediatype"
)

// Existing returns the object that Put would make of what is described, if an
// earlier try has left it: under the same key, with the job's ID and metadata,
// of the same type and, where one is known, of the same size. That it is whole
// follows: nothing else appears under a key. It returns nil when there is no
// such object, and also when the store cannot tell, or keeps no CRC64NVME: Put
// then makes it anew.
//
// It needs the permission s3:GetObject, as S3 defines HeadObject.
func (s *Store) Existing(ctx context.Context, j job.Job, name string, what job.Description) *job.Object {
	a := s.attributes(j, name, what)
	found, err := s.client.HeadObject(ctx, &s3.HeadObjectInput{
		Bucket: &a.bucket, Key: &a.key, ChecksumMode: types.ChecksumModeEnabled,
	})
	if err != nil {
		s.log.Debug("no object of an earlier try is known", zap.Error(describe(opHeadObject, a.location, err)))
		return nil
	}
	size, checksum := aws.ToInt64(found.ContentLength), aws.ToString(found.ChecksumCRC64NVME)
	if checksum == "" || what.Size() >= 0 && what.Size() != size || !a.describe(found) {
		return nil
	}
	a.encoding = optional(mediatype.ContentEncoding(http.Header{"Content-Encoding": {aws.ToString(found.ContentEncoding)}}))
	object := a.object(size, found.ETag, checksum)
	return &object
}

// describe reports whether an object was stored with these attributes.
// Storage class and encryption are left to the bucket: its lifecycle may have
// changed them since.
func (a attributes) describe(found *s3.HeadObjectOutput) bool {
	return aws.ToString(found.ContentType) == a.contentType && maps.Equal(folded(found.Metadata), folded(a.metadata))
}

// folded is metadata with its keys in lower case: header names have none.
func folded(metadata map[string]string) map[string]string {
	lower := make(map[string]string, len(metadata))
	for key, value := range metadata {
		lower[strings.ToLower(key)] = value
	}
	return lower
}
