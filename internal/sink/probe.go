package sink

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// Probe asks whether the worker's own bucket is there and the credentials are
// good for it. It needs the permission s3:ListBucket, as S3 defines HeadBucket.
// A refused [job.Error] means that someone has to see to it; any other error
// that the store could not be asked.
func (s *Store) Probe(ctx context.Context) error {
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
	switch e.verdict() {
	case ofBucket:
		return fmt.Errorf("%w; %s, or take it out of S3_ALLOWED_BUCKETS", e, e.hint(e.bucketHint()))
	case ofRequester:
		return fmt.Errorf("%w; %s", e, e.hint("check the AWS credentials"))
	default:
		return e
	}
}
