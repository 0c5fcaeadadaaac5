package fetch

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"go.uber.org/zap"
	"golang.org/x/sync/semaphore"

	"github.com/jobferry/jobferry/internal/fetch/download"
	"github.com/jobferry/jobferry/internal/job"
)

// downloads is the [job.Downloads] of the API's clients.
type downloads struct {
	client   *Client
	job      job.Job
	renewing *semaphore.Weighted // one renewal at a time

	mu         sync.Mutex
	files      []job.File // as the newest answer names them
	generation int        // how often the URLs were renewed
	renewals   int        // how often that was tried
	failed     error      // of the last try
	changed    error      // the API names other files now; every further Open ends with it
	release    func()     // of the newest answer
}

// Download prepares the downloads of a job's files. It makes no request. A Read of
// a source may return an error of [job.ClassWrongLength].
func (c *Client) Download(j job.Job, files []job.File) job.Downloads {
	return &downloads{client: c, job: j, files: files, renewing: semaphore.NewWeighted(1), release: func() {}}
}

// Open returns when the file's first bytes have come, so that size and content
// type are known. ctx governs the download until it is closed.
func (d *downloads) Open(ctx context.Context, index int) (job.Source, error) {
	file, seen, err := d.file(index)
	if err != nil {
		return nil, err
	}
	return d.client.downloads.Open(ctx, download.File{
		File: file, Number: index + 1, Stalls: d.job.Stalls,
		Renew: func(ctx context.Context) (file job.File, err error) {
			if err := d.renew(ctx, seen); err != nil {
				return job.File{}, err
			}
			file, seen, err = d.file(index)
			return file, err
		},
		Log: d.client.log.With(zap.String("job", string(d.job.ID)), zap.Int("file", index)),
	})
}

// file returns a file by its newest URL, and how often the URLs were renewed.
func (d *downloads) file(index int) (job.File, int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.changed != nil {
		return job.File{}, 0, d.changed
	}
	return d.files[index], d.generation, nil
}

// renew asks the API for the job again. A file that waited while another one asked
// shares what came of that, and one whose URL is older than the newest uses that.
func (d *downloads) renew(ctx context.Context, seen int) error {
	before := d.Renewals()
	if err := d.renewing.Acquire(ctx, 1); err != nil {
		return context.Cause(ctx)
	}
	defer d.renewing.Release(1)
	if done, err := d.shared(seen, before); done {
		return err
	}
	answer, err := d.client.Poll(ctx, d.job.ID)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.renewals++
	d.failed = d.take(answer, err)
	return d.failed
}

// shared reports whether another file has renewed the URLs, or tried to meanwhile.
func (d *downloads) shared(seen, before int) (bool, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case d.generation > seen:
		return true, nil
	case d.renewals > before:
		return true, d.failed
	default:
		return false, nil
	}
}

// take uses the URLs of a fresh answer. It is called with the lock held.
func (d *downloads) take(answer job.Answer, err error) error {
	if err != nil {
		return transient(err)
	}
	if answer.Verdict != job.Completed {
		_ = answer.Close()
		return &job.Error{By: job.FileHost, Err: fmt.Errorf("the job is %s where it was completed", answer.Verdict), RetryAfter: answer.RetryAfter}
	}
	if !sameFiles(d.files, answer.Files) {
		_ = answer.Close()
		d.changed = &job.Error{By: job.FileHost, Err: errors.New("the API names other files now than when their download began; it begins again with those")}
		return d.changed
	}
	d.release()
	d.files, d.release = answer.Files, func() { _ = answer.Close() }
	d.generation++
	return nil
}

// transient unwraps the error of a poll that is worth another try while the
// download has time. One that says when to ask again is not unwrapped.
func transient(err error) error {
	known, ok := errors.AsType[*job.Error](err)
	if ok && known.Waits() && known.Class != job.ClassThrottled && known.Class != job.ClassNotReady && known.RetryAfter == 0 {
		return known.Err
	}
	return err
}

// sameFiles reports whether a later answer names the same files in the same order:
// each at the same path, or else of the same type and size, and then not at the path
// of another one.
func sameFiles(before, now []job.File) bool {
	if len(before) != len(now) {
		return false
	}
	sources := make(map[string]struct{}, len(before))
	for _, file := range before {
		sources[file.Source()] = struct{}{}
	}
	return slices.EqualFunc(before, now, func(a, b job.File) bool {
		if a.URL.IsZero() != b.URL.IsZero() {
			return false
		}
		if b.Source() != a.Source() {
			_, others := sources[b.Source()]
			return !others && a.ContentType != "" && a.ContentType == b.ContentType &&
				a.DeclaredSize != nil && b.DeclaredSize != nil && *a.DeclaredSize == *b.DeclaredSize
		}
		return true
	})
}

// Renewals is how often the API was asked for fresh URLs.
func (d *downloads) Renewals() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.renewals
}

// Close releases the newest answer.
func (d *downloads) Close() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.release()
	d.release = func() {}
}
