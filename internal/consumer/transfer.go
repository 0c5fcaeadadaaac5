package consumer

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jobferry/jobferry/internal/consumer/limit"
	"github.com/jobferry/jobferry/internal/job"
	"go.uber.org/zap"
)

// result is a job's result in the store.
type result struct {
	event job.EventData
	bytes int64 // of its objects, whether the event or a manifest lists them
}

// transfer stores the job's result, all of it before its event. It gives the poll
// slot back as soon as the job has a transfer slot, or waits for one; a job that
// gets none keeps its poll slot until it is settled.
func (w *Worker) transfer(d *delivery, j *job.Job, answer job.Answer) (result, error) {
	defer answer.Close()
	d.stage = stageTransfer
	if d.lane == limit.Due { // it may have been settled while it waited
		if err := w.checkNotSettled(d, *j); err != nil {
			return result{}, err
		}
	}
	if answer.Kind == job.KindDelivered {
		return result{event: job.EventData{Status: job.OutcomeCompleted, Kind: job.KindDelivered, Objects: []job.Object{}}}, nil
	}
	if d.slot == nil {
		if err := w.acquireTransfer(d, j.FileHost, answer.Payload == nil); err != nil {
			return result{}, err
		}
	}
	stored, err := w.storeResult(d, j, answer)
	if err != nil {
		countFailure(j, err)
		return result{}, orStopped(d, err)
	}
	w.storeBreaker.Success()
	w.stored.Answered(j.ID)
	return stored, nil
}

// countFailure notes in the job what went wrong: further failures are judged by
// it.
func countFailure(j *job.Job, err error) {
	j.Transfers++
	known := job.AsError(err)
	switch {
	case known.Class == job.ClassWrongLength:
		j.WrongLengths++
	case known.Class == job.ClassStalled:
		j.Stalls++
	case known.By == job.Store && (known.Class == job.ClassUnavailable || known.Class == job.ClassForbidden):
		j.StoreFailures++
	}
}

// storeResult stores a payload or the files, and releases the slot of the delivery.
func (w *Worker) storeResult(d *delivery, j *job.Job, answer job.Answer) (result, error) {
	event := job.EventData{Status: job.OutcomeCompleted, Kind: answer.Kind}
	ctx := d.work
	var err error
	if answer.Payload != nil {
		event.Objects, err = w.storePayload(ctx, *j, answer.Payload)
		event.Kind = answer.Payload.Kind()
		d.slot.release()
	} else {
		files := w.api.Download(*j, answer.Files)
		sameList := noteFileList(j, answer.FileList())
		event.Objects, err = w.storeFiles(ctx, d.slot, *j, answer.Files, sameList, files)
		files.Close()
		j.Polls += files.Renewals()
	}
	if err != nil {
		return result{}, err
	}
	if j.MayHaveObjects() { // uploads of an earlier try are of no use any more
		w.abortUploads(ctx, *j)
	}
	stored := result{event: event}
	for _, object := range event.Objects {
		stored.bytes += object.Size
	}
	stored.event, err = w.spillToManifest(ctx, *j, event)
	return stored, err
}

// noteFileList notes the files of this try, and reports whether all that may stand is
// of the same list. Once a list was another one, objects of both may stand side by side.
func noteFileList(j *job.Job, list string) (same bool) {
	same = j.FileList == list
	if !same && j.MayHaveObjects() {
		list = job.ChangedFileList
	}
	j.FileList = list
	return same
}

// abortUploads removes the uploads of workers that were lost with the job. It is
// best effort: the job's success does not depend on it.
func (w *Worker) abortUploads(ctx context.Context, j job.Job) {
	backoff := transferBackoff.BackOff()
	err := w.store.AbortUploads(ctx, j)
	for attempt := 1; err != nil && attempt < transferAttempts && !waitsOut(err); attempt++ {
		select {
		case <-time.After(backoff.NextBackOff()):
		case <-ctx.Done():
		}
		err = w.store.AbortUploads(ctx, j)
	}
	if err != nil && ctx.Err() == nil {
		w.log.Warn("uploads of a lost worker may be left behind; give the worker s3:ListBucketMultipartUploads and s3:AbortMultipartUpload, or the bucket a lifecycle rule",
			zap.String("job", string(j.ID)), zap.Error(err))
	}
}

// waitsOut reports whether another try at once is of no use, or not wanted.
func waitsOut(err error) bool {
	if _, ok := errors.AsType[notBegun](err); ok {
		return true
	}
	known := job.AsError(err)
	switch known.Class {
	case job.ClassThrottled, job.ClassPermanent, job.ClassRefused, job.ClassURLRefused, job.ClassStalled, job.ClassWrongLength:
		return true
	default:
		return known.RetryAfter > 0
	}
}

// maxEventBytes is the largest event that is published with its objects in it.
const maxEventBytes = 256 << 10

// maxSubmissionBytes is more than an event carries beside its objects: members of
// fixed size, the metadata, whose bytes JSON may write as six each, and the tags.
const maxSubmissionBytes = 32 << 10

// spillToManifest moves the objects of a job of very many files into a manifest,
// stored before the event, when the event would be too large with them.
func (w *Worker) spillToManifest(ctx context.Context, j job.Job, event job.EventData) (job.EventData, error) {
	list, err := json.Marshal(event.Objects)
	if err != nil {
		return job.EventData{}, fmt.Errorf("encode the objects of job %s: %w", j.ID, err)
	}
	if len(list)+maxSubmissionBytes <= maxEventBytes {
		return event, nil
	}
	stored, err := w.store.Put(ctx, j, "objects", newManifest(list))
	if err != nil {
		return job.EventData{}, err
	}
	event.ObjectCount = len(event.Objects)
	event.Objects = nil
	event.Manifest = &job.Manifest{Bucket: stored.Bucket, Key: stored.Key}
	return event, nil
}

// manifest is the list as a source. It is in memory, as the list already was.
type manifest struct {
	*bytes.Reader
}

func newManifest(list []byte) *manifest { return &manifest{bytes.NewReader(list)} }

func (m *manifest) Size() int64           { return m.Reader.Size() }
func (*manifest) ContentType() string     { return "application/json" }
func (*manifest) Ext() string             { return ".json" }
func (*manifest) ContentEncoding() string { return "" }
func (*manifest) Close() error            { return nil }
