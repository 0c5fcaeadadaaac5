package sink

import (
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/jobferry/jobferry/internal/job"
)

// attributes are everything that an object is stored with besides its bytes.
// Both ways to store one, a single put and a multipart upload, take them from
// here, so that an object does not tell by its attributes how it was stored.
type attributes struct {
	location
	contentType  string
	metadata     map[string]string
	storageClass types.StorageClass
	sse          types.ServerSideEncryption
	kmsKeyID     *string
}

func (s *Store) attributes(j job.Job, name string, what job.Description) attributes {
	return attributes{
		location:     s.locate(j, name, what),
		contentType:  storedContentType(what.ContentType()),
		metadata:     j.UserMetadata(),
		storageClass: types.StorageClass(s.cfg.StorageClass),
		sse:          types.ServerSideEncryption(s.cfg.SSE),
		kmsKeyID:     optional(s.cfg.SSEKMSKeyID),
	}
}

func (a attributes) putInput() *s3.PutObjectInput {
	return &s3.PutObjectInput{
		Bucket: &a.bucket, Key: &a.key, ContentType: &a.contentType, Metadata: a.metadata,
		StorageClass: a.storageClass, ServerSideEncryption: a.sse, SSEKMSKeyId: a.kmsKeyID,
	}
}

// createInput asks for a checksum over the whole object, which is the same
// value that a single put has, instead of one over the parts' checksums.
func (a attributes) createInput() *s3.CreateMultipartUploadInput {
	return &s3.CreateMultipartUploadInput{
		Bucket: &a.bucket, Key: &a.key, ContentType: &a.contentType, Metadata: a.metadata,
		StorageClass: a.storageClass, ServerSideEncryption: a.sse, SSEKMSKeyId: a.kmsKeyID,
		ChecksumAlgorithm: types.ChecksumAlgorithmCrc64nvme, ChecksumType: types.ChecksumTypeFullObject,
	}
}

// object describes what was stored.
func (a attributes) object(size int64, etag *string, checksum string) job.Object {
	return job.Object{
		Bucket: a.bucket, Key: a.key, Size: size, ContentType: a.contentType,
		ETag: unquote(etag), Checksum: checksum,
	}
}

func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
