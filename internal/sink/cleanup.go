package sink

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"go.uber.org/zap"

	"github.com/jobferry/jobferry/internal/job"
)

// maxUnknown bounds the objects of which it is remembered that they may have uploads.
const maxUnknown = 10_000

// unknownUploads are the objects that may have an upload of which nobody knows the ID: the
// store has begun it and its answer was lost. It is safe for concurrent use.
type unknownUploads struct {
	mu      sync.Mutex
	objects map[location]struct{}
}

// add remembers an object until it is stored. What does not fit is found once the job is
// taken up again.
func (u *unknownUploads) add(object location) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.objects == nil {
		u.objects = map[location]struct{}{}
	}
	if len(u.objects) < maxUnknown {
		u.objects[object] = struct{}{}
	}
}

// remove reports whether the object was there.
func (u *unknownUploads) remove(object location) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	_, found := u.objects[object]
	delete(u.objects, object)
	return found
}

// AbortUploads aborts every multipart upload under the job's keys: what a
// worker that was killed left of them. Nobody else may be storing for the job
// at the time, for that upload would be aborted too. An upload that is gone
// already is fine. All uploads are tried; the errors are those of Put.
//
// A store that refuses to list them, or cannot, is no error: it is logged once a bucket.
//
// Work on the job may go on after an error: what is left costs storage until
// the bucket's lifecycle rules see to it, and harms nothing.
func (s *Store) AbortUploads(ctx context.Context, j job.Job) error {
	return s.abortUnder(ctx, location{s.bucket(j), s.jobPrefix(j)})
}

// abortOthers aborts the uploads of an object that stands now: a worker that
// was lost may have left one, and of one that still goes on nobody has any use.
// It is no part of the object's success.
func (s *Store) abortOthers(ctx context.Context, object location) {
	if err := s.abortUnder(ctx, object); err != nil && ctx.Err() == nil {
		s.log.Warn("uploads of an object that stands now may be left behind; a lifecycle rule of the bucket can see to them",
			zap.Stringer("object", object), zap.Error(err))
	}
}

// abortUnder aborts every upload whose key starts as where does and has no
// slash behind that.
func (s *Store) abortUnder(ctx context.Context, where location) error {
	pages := s3.NewListMultipartUploadsPaginator(s.client, &s3.ListMultipartUploadsInput{
		Bucket: &where.bucket, Prefix: &where.key,
	})
	var problems []error
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			err = s.classify(opList, where, err)
			if isAnswer(err) && job.ClassOf(err) == job.ClassUnavailable {
				s.warnOfListing(where.bucket, err)
				return errors.Join(problems...)
			}
			return s.endedBy(ctx, errors.Join(append(problems, err)...))
		}
		for _, listed := range page.Uploads {
			upload := location{where.bucket, aws.ToString(listed.Key)}
			if rest, found := strings.CutPrefix(upload.key, where.key); found && !strings.Contains(rest, "/") {
				problems = append(problems, s.abort(ctx, upload, aws.ToString(listed.UploadId)))
			}
		}
	}
	return s.endedBy(ctx, errors.Join(problems...))
}

// warnOfListing says once that a bucket's uploads cannot be listed: another try would
// be refused likewise.
func (s *Store) warnOfListing(bucket string, err error) {
	if _, said := s.unlisted.LoadOrStore(bucket, true); said {
		return
	}
	s.log.Warn("uploads of lost workers are left in the bucket; give the worker s3:ListBucketMultipartUploads, or the bucket a lifecycle rule",
		zap.String("bucket", bucket), zap.Error(err))
}

// endedBy puts the cause of ctx, if it has ended, in the place of an error.
func (s *Store) endedBy(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); err != nil && cause != nil {
		return fmt.Errorf("talk to the store: %w", cause)
	}
	return err
}
