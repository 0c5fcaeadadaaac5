package consumer

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/jobferry/jobferry/internal/job"
	"github.com/jobferry/jobferry/internal/retry"
	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"
)

// transferAttempts is how often a file is tried while its job is in flight; after
// that the job waits. It is also how many downloads may disagree with their own
// length before the result counts as invalid.
const transferAttempts = 3

// transferBackoff is between these tries. A source or a store that is away for
// longer is waited for by a timer.
var transferBackoff = retry.Policy{Initial: 200 * time.Millisecond, Max: 2 * time.Second, Multiplier: 3}

// storePayload stores a result that came in the answer.
func (w *Worker) storePayload(ctx context.Context, j job.Job, payload job.Payload) ([]job.Object, error) {
	if payload.Kind() == job.KindBinary { // the kind of any other is certain only at its end
		if object := w.existing(ctx, j, "result", payload); object != nil {
			return []job.Object{*object}, nil
		}
	}
	defer since(w.metrics.transfer, time.Now())
	ctx, span := w.step(ctx, "store payload")
	object, err := w.put(ctx, j, "result", payload)
	describeObject(span, &object, err)
	if err != nil {
		return nil, err
	}
	return []job.Object{object}, nil
}

// put stores a source and counts its bytes, while they come and when it is whole.
func (w *Worker) put(ctx context.Context, j job.Job, name string, src job.Source) (job.Object, error) {
	tracked, end := w.inFlight.track(j.ID, name, src)
	defer end()
	object, err := w.store.Put(ctx, j, name, tracked)
	if err == nil {
		w.metrics.bytes.Add(float64(object.Size))
	}
	return object, err
}

// storeFiles stores the files in parallel, as far as there are slots. The first
// that cannot be stored stops the others. first is the slot that the job came with;
// it is released with the first file. sameList says that all tries of the job had the
// same list.
func (w *Worker) storeFiles(ctx context.Context, first *slot, j job.Job, files []job.File, sameList bool, downloads job.Downloads) ([]job.Object, error) {
	group, groupCtx := errgroup.WithContext(ctx)
	objects := make([]*job.Object, len(files))
	defer first.release()
	known := w.knownFiles(j, files, sameList)
	slot := first
	var err error
	for i, file := range files {
		if file.URL.IsZero() { // delivered elsewhere
			continue
		}
		if slot == nil {
			if slot, err = w.nextSlot(groupCtx, file.Host()); err != nil {
				break
			}
		}
		release := slot.release
		slot = nil
		j := j
		if !known(file) {
			j.Transfers, j.Lost = 0, 0 // nothing that stands is taken for it
		}
		store := func() (err error) {
			defer release()
			objects[i], err = w.storeFile(groupCtx, j, fileName(i, len(files)), i, file, downloads)
			return err
		}
		if len(files) > 1 {
			group.Go(store)
		} else {
			err = store()
		}
	}
	if err := errors.Join(group.Wait(), err); err != nil {
		return nil, err
	}
	stored := present(objects)
	w.warnOfSizes(j, stored)
	return stored, nil
}

// warnOfSizes tells of a job's files that have another size than the API declares.
func (w *Worker) warnOfSizes(j job.Job, objects []job.Object) {
	differs := func(object job.Object) bool { return object.DeclaredSize != nil }
	first := slices.IndexFunc(objects, differs)
	if first < 0 {
		return
	}
	count := 0
	for _, object := range objects[first:] {
		if differs(object) {
			count++
		}
	}
	object := objects[first]
	w.log.Warn("the API declares another size than a file has, each time that it is downloaded", zap.String("job", string(j.ID)), zap.Int("files", count),
		zap.String("key", object.Key), zap.Int64("declared", *object.DeclaredSize), zap.Int64("size", object.Size))
}

// knownFiles tells the files that an object of an earlier try may be taken for, when
// type and size fit. A list may come in another order at the next try: where nothing
// tells that it has not, only a size that no other file of the type has will do.
func (w *Worker) knownFiles(j job.Job, files []job.File, sameList bool) func(job.File) bool {
	if sameList || len(files) == 1 || !j.MayHaveObjects() {
		return func(job.File) bool { return true }
	}
	type look struct {
		contentType string
		size        int64
	}
	count := map[look]int{}
	for _, file := range files {
		if file.DeclaredSize != nil {
			count[look{file.ContentType, *file.DeclaredSize}]++
		}
	}
	return func(file job.File) bool {
		return file.DeclaredSize != nil && count[look{file.ContentType, *file.DeclaredSize}] == 1
	}
}

// newSlot is of a transfer slot and a connection that have been taken.
func (w *Worker) newSlot(host string) *slot {
	return &slot{release: sync.OnceFunc(func() {
		w.transfers.Release()
		w.hosts.Release(host)
	})}
}

// nextSlot waits for a slot for a further file of a job.
func (w *Worker) nextSlot(ctx context.Context, host string) (*slot, error) {
	if err := w.hosts.Acquire(ctx, host); err != nil {
		return nil, err
	}
	if err := w.transfers.Acquire(ctx); err != nil {
		w.hosts.Release(host)
		return nil, err
	}
	return w.newSlot(host), nil
}

// storeFile stores one file, unless an earlier try has left it in the store.
func (w *Worker) storeFile(ctx context.Context, j job.Job, name string, index int, file job.File, downloads job.Downloads) (stored *job.Object, err error) {
	ctx, span := w.step(ctx, "store file")
	defer func() { describeObject(span, stored, err) }()
	if stored = w.existing(ctx, j, name, file.Announced()); stored != nil {
		stored.PageCount = file.PageCount
		return stored, nil
	}
	began := time.Now()
	object, skipped, err := w.storeWithRetries(ctx, j, name, index, file, downloads)
	if !skipped {
		since(w.metrics.transfer, began)
	}
	if err != nil {
		return nil, err
	}
	if hasOtherSize(file, object) {
		if object, err = w.storeAgain(ctx, j, name, index, file, downloads, object.Size); err != nil {
			return nil, err
		}
	}
	if hasOtherSize(file, object) {
		object.DeclaredSize = file.DeclaredSize
	}
	object.PageCount = file.PageCount
	return &object, nil
}

func hasOtherSize(file job.File, object job.Object) bool {
	return file.DeclaredSize != nil && *file.DeclaredSize != object.Size
}

// storeAgain downloads a file once more that has another size than the API declares.
// The same size again is that of the file; a third one is of a broken download.
func (w *Worker) storeAgain(ctx context.Context, j job.Job, name string, index int, file job.File, downloads job.Downloads, before int64) (job.Object, error) {
	j.Transfers, j.Lost = 0, 0 // what stands is what is in doubt
	object, _, err := w.storeWithRetries(ctx, j, name, index, file, downloads)
	if err == nil && hasOtherSize(file, object) && object.Size != before {
		err = &job.Error{Class: job.ClassWrongLength, By: job.FileHost, Err: fmt.Errorf("file %d had %d bytes and then %d, and the API declares %d", index+1, before, object.Size, *file.DeclaredSize)}
	}
	return object, err
}

// storeWithRetries downloads and stores one file, from the start again when a try
// fails.
func (w *Worker) storeWithRetries(ctx context.Context, j job.Job, name string, index int, file job.File, downloads job.Downloads) (job.Object, bool, error) {
	for attempt := 1; ; attempt++ {
		object, skipped, err := w.storeOnce(ctx, j, name, index, file, downloads)
		if err == nil {
			return object, skipped, nil
		}
		if attempt == transferAttempts || waitsOut(err) || ctx.Err() != nil {
			return job.Object{}, false, err
		}
		select {
		case <-time.After(transferBackoff.Delay(attempt - 1)):
		case <-ctx.Done():
			return job.Object{}, false, context.Cause(ctx)
		}
	}
}

// notBegun is the error of a download of which nothing has come. It was tried for long
// enough while it held a slot.
type notBegun struct{ error }

func (n notBegun) Unwrap() error { return n.error }

// storeOnce reports skipped for an object that was there: its size and type were
// known only when the file was opened.
func (w *Worker) storeOnce(ctx context.Context, j job.Job, name string, index int, file job.File, downloads job.Downloads) (stored job.Object, skipped bool, err error) {
	source, err := downloads.Open(ctx, index)
	if by := job.AsError(err).By; err == nil || by == job.FileHost {
		w.hosts.Tried(file.Host(), err)
	}
	if err != nil {
		return job.Object{}, false, notBegun{err}
	}
	defer source.Close()
	if file.Announced() == nil {
		if object := w.existing(ctx, j, name, source); object != nil {
			return *object, true, nil
		}
	}
	stored, err = w.put(ctx, j, name, source)
	return stored, false, err
}

// existing returns the object that an earlier try has left of the same result,
// or nil. Only a job that was in flight before is looked up.
func (w *Worker) existing(ctx context.Context, j job.Job, name string, what job.Description) *job.Object {
	if what == nil || !j.MayHaveObjects() {
		return nil
	}
	object := w.store.Existing(ctx, j, name, what)
	if object != nil {
		w.metrics.skipped.Inc()
	}
	return object
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
