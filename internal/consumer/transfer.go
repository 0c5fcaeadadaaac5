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

// transfer stores the job's result, all of it before its event. freeSlot gives
// the poll slot back as soon as the job has a place among the transfers; a job
// that has none keeps its slot until it is concluded. What went wrong is noted
// in the job.
func (w *Worker) transfer(ctx context.Context, j *job.Job, answer job.Answer, freeSlot func()) conclusion {
	if answer.Kind == job.KindDelivered {
		return settle(job.EventData{Status: job.OutcomeCompleted, Kind: job.KindDelivered, Objects: []job.Object{}})
	}
	if !w.s3Gate.isOpen() {
		return w.paused()
	}
	boarded, err := w.berths.board(ctx, freeSlot)
	if err != nil {
		return w.interrupted(ctx)
	}
	if !boarded {
		return waitUncharged(0, causeNoSlot)
	}
	freeSlot()
	event, err := w.storeResult(ctx, *j, answer)
	if err != nil {
		j.Transfers++
		return w.unstored(ctx, j, err)
	}
	w.s3Gate.passed()
	return settle(event)
}

// storeResult stores a payload or the files, and returns the data of the event. It
// is called with one transfer slot taken, and gives it back.
func (w *Worker) storeResult(ctx context.Context, j job.Job, answer job.Answer) (job.EventData, error) {
	event := job.EventData{Status: job.OutcomeCompleted, Kind: answer.Kind}
	var err error
	if answer.Payload != nil {
		event.Objects, err = w.storePayload(ctx, j, answer.Payload)
		event.Kind = answer.Payload.Kind()
	} else {
		event.Objects, err = w.storeFiles(ctx, j, answer.Files)
	}
	if err != nil {
		return job.EventData{}, err
	}
	return w.fit(ctx, j, event)
}

func (w *Worker) storePayload(ctx context.Context, j job.Job, payload job.Payload) ([]job.Object, error) {
	defer w.berths.leave()
	defer since(w.metrics.transfer, time.Now())
	if payload.Kind() == job.KindBinary { // any other is known for what it is only at its end
		if object := w.standing(ctx, j, "result", payload); object != nil {
			return []job.Object{*object}, nil
		}
	}
	object, err := w.store.Put(ctx, j, "result", payload)
	if err != nil {
		return nil, err
	}
	w.metrics.bytes.Add(float64(object.Size))
	return []job.Object{object}, nil
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
		group.Go(func() (err error) {
			defer w.berths.leave()
			objects[i], err = w.storeFile(groupCtx, j, fileName(i, len(files)), i, file)
			return err
		})
	}
	if free {
		w.berths.leave()
	}
	if err := errors.Join(group.Wait(), err); err != nil {
		return nil, err
	}
	return present(objects), nil
}

// refusedBy returns the gate of the dependency that refused the worker: a
// download may have to ask the API for a fresh URL.
func (w *Worker) refusedBy(err error) *gate {
	var refused *job.Refused
	if errors.As(err, &refused) && refused.By == job.API {
		return w.apiGate
	}
	return w.s3Gate
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

// storeFile downloads and stores one file, from the start again when a try
// fails.
func (w *Worker) storeFile(ctx context.Context, j job.Job, name string, index int, file job.File) (*job.Object, error) {
	if object := w.standing(ctx, j, name, file.Announced()); object != nil {
		object.PageCount = file.PageCount
		return object, nil
	}
	defer since(w.metrics.transfer, time.Now())
	backoff := transferBackoff.BackOff()
	wrongLengths := 0
	for attempt := 1; ; attempt++ {
		object, err := w.storeOnce(ctx, j, name, index, file)
		if err == nil {
			w.metrics.bytes.Add(float64(object.Size))
			w.describe(j, &object, file)
			return &object, nil
		}
		if errors.Is(err, job.ErrLength) {
			wrongLengths++
		}
		if wrongLengths == transferAttempts {
			return nil, &job.Failure{Reason: job.ReasonResultInvalid, Err: err}
		}
		if attempt == transferAttempts || isFinal(err) || ctx.Err() != nil {
			return nil, err
		}
		select {
		case <-time.After(backoff.NextBackOff()):
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
	return w.store.Put(ctx, j, name, source)
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
	if unavailable, ok := errors.AsType[*job.Unavailable](err); ok && (unavailable.Throttled || unavailable.RetryAfter > 0) {
		return true
	}
	_, failed := errors.AsType[*job.Failure](err)
	return failed || job.IsRefused(err)
}

// askedToWait is how long the API asked to wait when a download had to go back
// to it for a fresh URL; the pod slows down where that is meant.
func (w *Worker) askedToWait(err error) time.Duration {
	unavailable, ok := errors.AsType[*job.Unavailable](err)
	if !ok {
		return 0
	}
	if unavailable.Throttled {
		w.throttle.hit(unavailable.RetryAfter)
		w.metrics.throttled.Inc()
	}
	return unavailable.RetryAfter
}

// unstored decides by the error what becomes of a finished job whose result
// could not be stored.
func (w *Worker) unstored(ctx context.Context, j *job.Job, err error) conclusion {
	var failure *job.Failure
	var settled *job.Settled
	var store *job.StoreError
	if errors.Is(err, job.ErrLength) {
		j.WrongLengths++
	}
	switch {
	case ctx.Err() != nil:
		return w.interrupted(ctx)
	case errors.As(err, &failure):
		return fail(failure)
	case errors.As(err, &settled) && settled.Answer.Verdict == job.Running:
		return w.stillRunning(ctx, j, settled.Answer.RetryAfter)
	case errors.As(err, &settled):
		return final(settled.Answer)
	case job.IsRefused(err):
		w.refusedBy(err).failed(err)
		return w.paused()
	case errors.As(err, &store):
		w.s3Gate.failed(err)
		j.StoreFailures++
		if j.StoreFailures > 1 && time.Now().After(j.Deadline) {
			return fail(&job.Failure{Reason: job.ReasonStoreFailed, Err: err})
		}
	case j.WrongLengths >= transferAttempts:
		return fail(&job.Failure{Reason: job.ReasonResultInvalid, Err: err})
	}
	w.log.Debug("a result could not be stored yet", zap.String("job", string(j.ID)), zap.Error(err))
	return w.waitAtLeast(*j, w.askedToWait(err), causeTransfer)
}
