package sink

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// Probe asks whether the worker's own bucket is there and the credentials are
// good for it. It needs the permission s3:ListBucket, as S3 defines HeadBucket.
// A *[job.Refused] means that someone has to see to it; any other error that
// the store could not be asked.
func (s *Store) Probe(ctx context.Context) error {
	_, err := s.client.HeadBucket(ctx, &s3.HeadBucketInput{Bucket: &s.cfg.Bucket})
	if err == nil {
		return nil
	}
	return s.endedBy(ctx, s.classify(opHeadBucket, location{bucket: s.cfg.Bucket}, err))
}
