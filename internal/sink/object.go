package sink

import (
	"maps"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/jobferry/jobferry/internal/job"
	"github.com/jobferry/jobferry/internal/mediatype"
)

// location is where one object goes. It prints as it is written in messages.
type location struct {
	bucket, key string
}

func (l location) String() string { return "s3://" + l.bucket + "/" + l.key }

// jobPrefix is what the keys of all of a job's objects start with, and what
// follows in them has no slash. Both prefixes are literal: below a job's prefix
// there may be other jobs', whose own prefix begins with this one's ID.
func (s *Store) jobPrefix(j job.Job) string {
	return s.cfg.Prefix + j.Prefix + string(j.ID) + "/"
}

// locate builds the place of one object: name is "result" or "result-001",
// without an extension.
func (s *Store) locate(j job.Job, name string, what job.Description) location {
	return location{bucket: s.bucket(j), key: s.jobPrefix(j) + name + mediatype.Extension(what.ContentType(), what.Ext())}
}

func (s *Store) bucket(j job.Job) string {
	if j.Bucket != "" {
		return j.Bucket
	}
	return s.cfg.Bucket
}

// attributes are everything that an object is stored with besides its bytes.
// Both ways to store one, a single put and a multipart upload, take them from
// here, so that an object does not tell by its attributes how it was stored.
type attributes struct {
	location
	contentType  string
	encoding     *string
	metadata     map[string]string
	storageClass types.StorageClass
	sse          types.ServerSideEncryption
	kmsKeyID     *string
	bucketKey    *bool
	tags         *string
	acl          types.ObjectCannedACL
	cacheControl *string
	disposition  *string
}

func (s *Store) attributes(j job.Job, name string, what job.Description) attributes {
	a := s.settings()
	a.location = s.locate(j, name, what)
	a.contentType = mediatype.Stored(what.ContentType())
	a.metadata = j.UserMetadata()
	a.tags = s.tags(j)
	return a
}

// settings are the attributes that every object has.
func (s *Store) settings() attributes {
	return attributes{
		storageClass: types.StorageClass(s.cfg.StorageClass),
		sse:          types.ServerSideEncryption(s.cfg.SSE),
		kmsKeyID:     optional(s.cfg.SSEKMSKeyID),
		bucketKey:    optional(s.cfg.BucketKeyEnabled),
		tags:         optional(tagsHeader(s.cfg.Tags)),
		acl:          types.ObjectCannedACL(s.cfg.ACL),
		cacheControl: optional(s.cfg.CacheControl),
		disposition:  optional(s.cfg.ContentDisposition),
	}
}

// tags are those of the job's objects. Those of the settings count where both name one:
// they may have changed since the job was taken.
func (s *Store) tags(j job.Job) *string {
	tags := make(map[string]string, len(j.Tags)+len(s.cfg.Tags))
	maps.Copy(tags, j.Tags)
	maps.Copy(tags, s.cfg.Tags)
	return optional(tagsHeader(tags))
}

func (a attributes) putInput() *s3.PutObjectInput {
	return &s3.PutObjectInput{
		Bucket: &a.bucket, Key: &a.key, ContentType: &a.contentType, ContentEncoding: a.encoding, Metadata: a.metadata,
		StorageClass: a.storageClass, ServerSideEncryption: a.sse, SSEKMSKeyId: a.kmsKeyID, BucketKeyEnabled: a.bucketKey,
		Tagging: a.tags, ACL: a.acl, CacheControl: a.cacheControl, ContentDisposition: a.disposition,
	}
}

// createInput asks, where the store knows of it, for a checksum over the whole object,
// which is the same value that a single put has, instead of one over the parts'
// checksums.
func (a attributes) createInput(mode Mode) *s3.CreateMultipartUploadInput {
	input := &s3.CreateMultipartUploadInput{
		Bucket: &a.bucket, Key: &a.key, ContentType: &a.contentType, ContentEncoding: a.encoding, Metadata: a.metadata,
		StorageClass: a.storageClass, ServerSideEncryption: a.sse, SSEKMSKeyId: a.kmsKeyID, BucketKeyEnabled: a.bucketKey,
		Tagging: a.tags, ACL: a.acl, CacheControl: a.cacheControl, ContentDisposition: a.disposition,
	}
	if mode == ModeTrailer {
		input.ChecksumAlgorithm, input.ChecksumType = types.ChecksumAlgorithmCrc64nvme, types.ChecksumTypeFullObject
	}
	return input
}

// object describes what was stored.
func (a attributes) object(size int64, etag *string, checksum string) job.Object {
	return job.Object{
		Bucket: a.bucket, Key: a.key, Size: size, ContentType: a.contentType, ContentEncoding: aws.ToString(a.encoding),
		ETag: unquote(etag), Checksum: checksum,
	}
}

// optional is nil for a value that is not set.
func optional[T comparable](value T) *T {
	if value == *new(T) {
		return nil
	}
	return &value
}
