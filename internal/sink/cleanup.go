package sink

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/jobferry/jobferry/internal/job"
)

// AbortUploads aborts every multipart upload under the job's keys: what a
// worker that was killed left of them. Nobody else may be storing for the job
// at the time, for that upload would be aborted too. An upload that is gone
// already is fine. All uploads are tried; the errors are those of Put.
//
// Work on the job may go on after an error: what is left costs storage until
// the bucket's lifecycle rules see to it, and harms nothing.
func (s *Store) AbortUploads(ctx context.Context, j job.Job) error {
	bucket, prefix := s.bucket(j), s.jobPrefix(j)
	pages := s3.NewListMultipartUploadsPaginator(s.client, &s3.ListMultipartUploadsInput{
		Bucket: &bucket, Prefix: &prefix,
	})
	var problems []error
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return s.endedBy(ctx, errors.Join(append(problems, s.classify(opList, location{bucket, prefix}, err))...))
		}
		for _, found := range page.Uploads {
			where := location{bucket, aws.ToString(found.Key)}
			if strings.HasPrefix(where.key, prefix) {
				problems = append(problems, s.abort(ctx, where, aws.ToString(found.UploadId)))
			}
		}
	}
	return s.endedBy(ctx, errors.Join(problems...))
}

// endedBy puts the cause of ctx, if it has ended, in the place of an error.
func (s *Store) endedBy(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); err != nil && cause != nil {
		return fmt.Errorf("talk to the store: %w", cause)
	}
	return err
}
