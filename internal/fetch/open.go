package fetch

import (
	"context"
	"errors"
	"fmt"

	"go.uber.org/zap"

	"github.com/jobferry/jobferry/internal/fetch/download"
	"github.com/jobferry/jobferry/internal/job"
)

// Open starts the download of one file of a job's result: the index-th, from 0.
// It returns when the file's bytes are about to come, so that size and content
// type are known. ctx governs the download until it is closed.
//
// A Read may return an error of [job.ClassWrongLength].
func (c *Client) Open(ctx context.Context, id job.ID, index int, file job.File) (job.Source, error) {
	return c.downloads.Open(ctx, download.File{
		File: file, Number: index + 1,
		Renew: func(ctx context.Context) (job.File, error) { return c.renew(ctx, id, index) },
		Log:   c.log.With(zap.String("job", string(id)), zap.Int("file", index)),
	})
}

// renew asks the API for the job again and returns the same file.
func (c *Client) renew(ctx context.Context, id job.ID, index int) (job.File, error) {
	answer, err := c.poll(ctx, id, index)
	if err != nil {
		return job.File{}, transient(err)
	}
	defer func() { _ = answer.Close() }()
	switch {
	case answer.Verdict != job.Completed:
		return job.File{}, &job.Error{By: job.FileHost, Err: fmt.Errorf("the job is %s where it was completed", answer.Verdict), RetryAfter: answer.RetryAfter}
	case len(answer.Files) == 0 || answer.Files[0].URL.IsZero():
		return job.File{}, &job.Error{By: job.FileHost, Err: errors.New("the result has not the file any more that it had")}
	}
	return answer.Files[0], nil
}

// transient unwraps the error of a poll that is worth another try while the
// download has time. An API that asks to be left alone is not.
func transient(err error) error {
	known, ok := errors.AsType[*job.Error](err)
	if ok && known.Waits() && known.Class != job.ClassThrottled && known.RetryAfter == 0 {
		return known.Err
	}
	return err
}
