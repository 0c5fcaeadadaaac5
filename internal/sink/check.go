package sink

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/jobferry/jobferry/internal/job"
)

// Probe asks whether the worker's own bucket is there and the credentials are
// good for it. A refused [job.Error] means that someone has to see to it; any other
// error that the store could not be asked.
//
// HeadBucket needs the permission s3:ListBucket, which a worker may do without. Where
// it is refused, and after an object was, an upload that is aborted decides.
func (s *Store) Probe(ctx context.Context) error {
	s.transport.CloseIdleConnections() // the store's name may lead elsewhere by now
	where := location{bucket: s.cfg.Bucket}
	_, err := s.client.HeadBucket(ctx, &s3.HeadBucketInput{Bucket: &where.bucket})
	if err != nil {
		err = s.classify(opHeadBucket, where, err)
	}
	if statusOf(err) == http.StatusForbidden || err == nil && s.refused.Load() {
		err = s.tryUpload(ctx, s.tryAttributes(where.bucket))
	}
	return s.endedBy(ctx, err)
}

// tryUpload begins an upload as a result is stored, and aborts it.
func (s *Store) tryUpload(ctx context.Context, a attributes) error {
	err := s.tryOnce(ctx, a)
	if err == nil && s.unknown.remove(a.location) {
		s.abortOthers(ctx, a.location)
	}
	return err
}

func (s *Store) tryOnce(ctx context.Context, a attributes) error {
	if s.cfg.Checksum == ModeMD5 {
		return s.tryMode(ctx, a, ModeMD5)
	}
	s.modes.forget(a.bucket)
	_, err := s.mode(ctx, a)
	return err
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
	mode, err := s.mode(ctx, s.tryAttributes(s.cfg.Bucket))
	report("checksum", fmt.Sprintf("%s: the store checks what it is sent", mode), err)
	if err != nil {
		return
	}
	probe := job.Job{ID: job.ID(fmt.Sprintf("jobferry-check-%d", time.Now().UnixNano()))}
	content := []byte("an object of `worker check`; it may be deleted\n")
	object, err := s.Put(ctx, probe, "probe", note{bytes.NewReader(content)})
	where := location{bucket: object.Bucket, key: object.Key}
	report("store an object", where.String(), err)
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
