package sink

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/jobferry/jobferry/internal/job"
)

// Probe asks whether the worker's own bucket is there and the credentials are
// good for it. It needs the permission s3:ListBucket, as S3 defines HeadBucket.
// A refused [job.Error] means that someone has to see to it; any other error
// that the store could not be asked.
func (s *Store) Probe(ctx context.Context) error {
	s.transport.CloseIdleConnections() // the store's name may lead elsewhere by now
	_, err := s.client.HeadBucket(ctx, &s3.HeadBucketInput{Bucket: &s.cfg.Bucket})
	if err == nil {
		return nil
	}
	return s.endedBy(ctx, s.classify(opHeadBucket, location{bucket: s.cfg.Bucket}, err))
}

// ProbeBucket asks the same of a bucket that submissions may name, and says in
// the error what to do.
func (s *Store) ProbeBucket(ctx context.Context, bucket string) error {
	_, err := s.client.HeadBucket(ctx, &s3.HeadBucketInput{Bucket: &bucket})
	if err == nil {
		return nil
	}
	e := describe(opHeadBucket, location{bucket: bucket}, err)
	switch e.scope() {
	case scopeBucket:
		return fmt.Errorf("%w; %s, or take it out of S3_ALLOWED_BUCKETS", e, e.hint(e.bucketHint()))
	case scopeCredentials:
		return fmt.Errorf("%w; %s", e, e.hint("check the AWS credentials"))
	default:
		return e
	}
}

// Try stores an object as a result is stored, reads it and deletes it, and tells
// report of each. The object's key is one that no job has. Deleting is more than
// a worker needs; without the permission the object stays.
func (s *Store) Try(ctx context.Context, report func(what, found string, err error)) {
	probe := job.Job{ID: job.ID(fmt.Sprintf("jobferry-check-%d", time.Now().UnixNano()))}
	content := []byte("an object of `worker check`; it may be deleted\n")
	object, err := s.Put(ctx, probe, "probe", note{bytes.NewReader(content)})
	where := location{bucket: object.Bucket, key: object.Key}
	report("store an object", fmt.Sprintf("%s, CRC64NVME %s checked by the store", where, object.Checksum), err)
	if err != nil {
		return
	}
	report("read it", fmt.Sprintf("%d bytes", len(content)), s.tryRead(ctx, where, content))
	_, err = s.client.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &where.bucket, Key: &where.key})
	if err != nil {
		report("delete it", fmt.Sprintf("not allowed, which a worker does not need; %s stays", where), nil)
		return
	}
	report("delete it", "done", nil)
}

func (s *Store) tryRead(ctx context.Context, where location, want []byte) error {
	out, err := s.client.GetObject(ctx, &s3.GetObjectInput{Bucket: &where.bucket, Key: &where.key})
	if err != nil {
		return fmt.Errorf("%w: without s3:GetObject, files are downloaded again after a crash", describe("GetObject", where, err))
	}
	defer out.Body.Close()
	have, err := io.ReadAll(io.LimitReader(out.Body, int64(len(want))+1))
	if err != nil {
		return fmt.Errorf("read %s: %w", where, err)
	}
	if !bytes.Equal(have, want) {
		return errors.New("the store returns other bytes than were stored: it cannot be used")
	}
	return nil
}

// note is a short text as a source.
type note struct{ *bytes.Reader }

func (note) ContentType() string     { return "text/plain" }
func (note) Ext() string             { return ".txt" }
func (note) ContentEncoding() string { return "" }
func (note) Close() error            { return nil }
