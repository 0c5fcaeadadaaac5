package consumer

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jobferry/jobferry/internal/job"
	"github.com/jobferry/jobferry/internal/retry"
	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"
)

// A file is tried this often while its job is in hand; after that the job
// waits. It is also how many whole downloads may disagree with their own
// length before the result counts as invalid.
const transferAttempts = 3

// transferBackoff is between these tries. A source or a store that is away for
// longer is waited for by a timer.
var transferBackoff = retry.Policy{Initial: 200 * time.Millisecond, Max: 2 * time.Second, Multiplier: 3}

// storeFiles stores the files in parallel, as far as there are slots. The
// first that cannot be stored stops the others.
func (w *Worker) storeFiles(ctx context.Context, j job.Job, files []job.File) ([]job.Object, error) {
	group, groupCtx := errgroup.WithContext(ctx)
	objects := make([]*job.Object, len(files))
	free := true // the slot that the job came with
	var err error
	for i, file := range files {
		if file.URL.IsZero() { // delivered elsewhere
			continue
		}
		if !free {
			if err = w.berths.take(groupCtx); err != nil {
				break
			}
		}
		free = false
		store := func() (err error) {
			defer w.berths.leave()
			objects[i], err = w.storeFile(groupCtx, j, fileName(i, len(files)), i, file)
			return err
		}
		if len(files) > 1 {
			group.Go(store)
		} else {
			err = store()
		}
	}
	if free {
		w.berths.leave()
	}
	if err := errors.Join(group.Wait(), err); err != nil {
		return nil, err
	}
	return present(objects), nil
}

// storeFile downloads and stores one file, from the start again when a try
// fails.
func (w *Worker) storeFile(ctx context.Context, j job.Job, name string, index int, file job.File) (stored *job.Object, err error) {
	ctx, span := w.step(ctx, "store file")
	defer func() { describeObject(span, stored, err) }()
	if object := w.standing(ctx, j, name, file.Announced()); object != nil {
		object.PageCount = file.PageCount
		return object, nil
	}
	defer since(w.metrics.transfer, time.Now())
	wrongLengths := 0
	for attempt := 1; ; attempt++ {
		object, err := w.storeOnce(ctx, j, name, index, file)
		if err == nil {
			w.metrics.bytes.Add(float64(object.Size))
			w.describe(j, &object, file)
			return &object, nil
		}
		if job.ClassOf(err) == job.ClassWrongLength {
			wrongLengths++
		}
		if wrongLengths == transferAttempts {
			return nil, &job.Error{Class: job.ClassPermanent, Reason: job.ReasonResultInvalid, Err: err}
		}
		if attempt == transferAttempts || isFinal(err) || ctx.Err() != nil {
			return nil, err
		}
		select {
		case <-time.After(transferBackoff.Delay(attempt - 1)):
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

func (w *Worker) storeOnce(ctx context.Context, j job.Job, name string, index int, file job.File) (job.Object, error) {
	source, err := w.api.Open(ctx, j.ID, index, file)
	if err != nil {
		return job.Object{}, err
	}
	defer source.Close()
	if file.Announced() == nil {
		if object := w.standing(ctx, j, name, source); object != nil {
			return *object, nil
		}
	}
	watched, end := w.passages.begin(j.ID, name, source)
	defer end()
	return w.store.Put(ctx, j, name, watched)
}

// standing returns the object that an earlier try has left of the same result,
// or nil. Only a job that was in a worker's hands before is looked up.
func (w *Worker) standing(ctx context.Context, j job.Job, name string, what job.Description) *job.Object {
	if what == nil || !j.MayStand() {
		return nil
	}
	object := w.store.Standing(ctx, j, name, what)
	if object != nil {
		w.metrics.spared.Inc()
	}
	return object
}

// describe adds what the API said of the file. A declared size that is wrong
// is worth knowing and no failure: the file is as long as its source said.
func (w *Worker) describe(j job.Job, object *job.Object, file job.File) {
	object.PageCount = file.PageCount
	if file.DeclaredSize != nil && *file.DeclaredSize != object.Size {
		object.DeclaredSize = file.DeclaredSize
		w.log.Warn("the API declared another size than the file has", zap.String("job", string(j.ID)),
			zap.String("key", object.Key), zap.Int64("declared", *file.DeclaredSize), zap.Int64("size", object.Size))
	}
}

// isFinal reports whether another try in hand is of no use, or not wanted.
func isFinal(err error) bool {
	known, ok := errors.AsType[*job.Error](err)
	if !ok {
		return false
	}
	switch known.Class {
	case job.ClassThrottled, job.ClassPermanent, job.ClassRefused:
		return true
	default:
		return known.RetryAfter > 0
	}
}

// fileName is the last segment of a file's key, without its extension.
func fileName(index, count int) string {
	if count == 1 {
		return "result"
	}
	return fmt.Sprintf("result-%03d", index+1)
}

func present(objects []*job.Object) []job.Object {
	list := make([]job.Object, 0, len(objects))
	for _, object := range objects {
		if object != nil {
			list = append(list, *object)
		}
	}
	return list
}
