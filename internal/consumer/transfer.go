package consumer

import (
	"context"
	"errors"
	"time"

	"github.com/jobferry/jobferry/internal/job"
	"github.com/jobferry/jobferry/internal/retry"
	"go.uber.org/zap"
)

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
		return w.crowdedOut(j)
	}
	freeSlot()
	stored, err := w.storeResult(ctx, *j, answer)
	if err != nil {
		j.Transfers++
		return w.unstored(ctx, j, err)
	}
	w.s3Gate.passed()
	return stored
}

// crowdBackoff is between two looks of a job for a transfer slot. Its result
// lives for many times the longest.
var crowdBackoff = retry.Policy{Initial: 500 * time.Millisecond, Max: 10 * time.Second, Multiplier: 2}

// crowdedOut sends a finished job back that has no transfer slot: at first at
// once, for another pod may have one. It is the exception; see [slots.welcome].
func (w *Worker) crowdedOut(j *job.Job) conclusion {
	j.Crowded++
	if j.Crowded == 1 {
		return waitUncharged(0, causeNoSlot)
	}
	return waitUncharged(crowdBackoff.Delay(j.Crowded-2), causeNoSlot)
}

// storeResult stores a payload or the files, and settles the job with them. It is
// called with one transfer slot taken, and gives it back.
func (w *Worker) storeResult(ctx context.Context, j job.Job, answer job.Answer) (conclusion, error) {
	event := job.EventData{Status: job.OutcomeCompleted, Kind: answer.Kind}
	var err error
	if answer.Payload != nil {
		event.Objects, err = w.storePayload(ctx, j, answer.Payload)
		event.Kind = answer.Payload.Kind()
	} else {
		event.Objects, err = w.storeFiles(ctx, j, answer.Files)
	}
	if err != nil {
		return none, err
	}
	if j.MayStand() { // what an earlier try left is of no use any more
		w.cleanUp(ctx, j)
	}
	bytes := bytesOf(event.Objects)
	if event, err = w.fit(ctx, j, event); err != nil {
		return none, err
	}
	c := settle(event)
	c.bytes = bytes
	return c, nil
}

func bytesOf(objects []job.Object) (bytes int64) {
	for _, object := range objects {
		bytes += object.Size
	}
	return bytes
}

func (w *Worker) storePayload(ctx context.Context, j job.Job, payload job.Payload) ([]job.Object, error) {
	defer w.berths.leave()
	defer since(w.metrics.transfer, time.Now())
	if payload.Kind() == job.KindBinary { // any other is known for what it is only at its end
		if object := w.standing(ctx, j, "result", payload); object != nil {
			return []job.Object{*object}, nil
		}
	}
	ctx, span := w.step(ctx, "store payload")
	watched, end := w.passages.begin(j.ID, "result", payload)
	object, err := w.store.Put(ctx, j, "result", watched)
	end()
	describeObject(span, &object, err)
	if err != nil {
		return nil, err
	}
	w.metrics.bytes.Add(float64(object.Size))
	return []job.Object{object}, nil
}

// refusedBy returns the gate of the dependency that refused the worker: a
// download may have to ask the API for a fresh URL.
func (w *Worker) refusedBy(err error) *gate {
	if refused, ok := errors.AsType[*job.Error](err); ok && refused.By == job.API {
		return w.apiGate
	}
	return w.s3Gate
}

// askedToWait is how long the API asked to wait when a job had to ask it once
// more; the pod slows down where that is meant.
func (w *Worker) askedToWait(err error) time.Duration {
	unavailable, ok := errors.AsType[*job.Error](err)
	if !ok {
		return 0
	}
	if unavailable.Class == job.ClassThrottled {
		w.throttle.hit(unavailable.RetryAfter)
		w.metrics.throttled.Inc()
	}
	return unavailable.RetryAfter
}

// unstored decides by the error what becomes of a finished job whose result
// could not be stored.
func (w *Worker) unstored(ctx context.Context, j *job.Job, err error) conclusion {
	known, ok := errors.AsType[*job.Error](err)
	if !ok {
		known = &job.Error{Err: err}
	}
	if known.Class == job.ClassWrongLength {
		j.WrongLengths++
	}
	switch {
	case ctx.Err() != nil:
		return w.interrupted(ctx)
	case known.Class == job.ClassPermanent:
		return fail(known)
	case known.Class == job.ClassNotCompleted && known.Answer.Verdict == job.Running:
		return w.stillRunning(ctx, j, known.Answer.RetryAfter)
	case known.Class == job.ClassNotCompleted:
		return final(*known.Answer)
	case known.Class == job.ClassRefused:
		w.refusedBy(err).failed(err)
		return w.paused()
	case known.By == job.Store:
		w.s3Gate.failed(err)
		j.StoreFailures++
		if j.StoreFailures > 1 && time.Now().After(j.Deadline) {
			return fail(&job.Error{Class: job.ClassPermanent, Reason: job.ReasonStoreFailed, Err: err})
		}
	case j.WrongLengths >= transferAttempts:
		return fail(&job.Error{Class: job.ClassPermanent, Reason: job.ReasonResultInvalid, Err: err})
	}
	w.log.Debug("a result could not be stored yet", zap.String("job", string(j.ID)), zap.Error(err))
	return w.waitAtLeast(*j, w.askedToWait(err), causeTransfer)
}
