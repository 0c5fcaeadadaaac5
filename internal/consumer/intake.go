package consumer

import (
	"context"
	"encoding/base64"
	"errors"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/jobferry/jobferry/internal/job"
	"go.uber.org/zap"
)

// maxReason is how much of the reason of a rejection its event carries, in
// bytes: it may quote the submission.
const maxReason = 1 << 10

// traceparent is the form of the header in version 00 of W3C Trace Context;
// anything else is dropped, and the trace with it.
var traceparent = regexp.MustCompile(`^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$`)

// maxEchoedBody is how much of a rejected submission its event carries, in
// bytes before base64.
const maxEchoedBody = 8 << 10

// intake reads the message: what job it is, and whether it is to be carried
// at all. A conclusion other than none ends its journey here.
func (w *Worker) intake(d *delivery) (job.Job, conclusion) {
	j, err := w.read(d)
	switch {
	case errors.Is(err, job.ErrBucket) && d.lane == due: // it was allowed when the job was taken
		return j, fail(&job.Error{Class: job.ClassPermanent, Reason: job.ReasonStoreRejected, Err: err})
	case err != nil:
		return job.Job{}, w.reject(d, j.ID, err)
	case d.crashes() > 0:
		if c := w.retake(d, j); c.kind != undecided {
			return j, c
		}
	case d.lane == fresh:
		if c := w.alreadySettled(d, j); c.kind != undecided {
			return j, c
		}
	}
	j.Lost += d.crashes()
	if j.Lost >= w.cfg.MaxCrashes {
		return j, fail(job.Fail(job.ReasonWorkerCrashed, "%d workers were lost while they had the job in hand", j.Lost))
	}
	return j, none
}

// retake looks at how far the workers came that were lost with the message in
// hand: the job may have its event, or its timer, and there may be uploads that
// nobody goes on with. Those of a job that is on its way are left alone: they
// may be its carrier's.
func (w *Worker) retake(d *delivery, j job.Job) conclusion {
	w.metrics.redelivered.Inc()
	c := w.alreadySettled(d, j)
	if c.kind == undecided && d.lane == fresh {
		if c = w.onItsWay(d, j); c.kind != undecided {
			return c
		}
	}
	if c.kind != abandoned {
		w.cleanUp(d.work, j)
	}
	return c
}

// onItsWay drops a submission whose first timer was armed before its worker
// was lost.
func (w *Worker) onItsWay(d *delivery, j job.Job) conclusion {
	armed, err := w.broker.isOnItsWay(d.settling, j.ID)
	switch {
	case err != nil:
		return abandon(err)
	case armed:
		return drop("waiting")
	}
	return none
}

// alreadySettled spares a job that has its terminal event all further work.
// That no job gets two is not its business: the broker sees to that.
func (w *Worker) alreadySettled(d *delivery, j job.Job) conclusion {
	settled, err := w.broker.hasEvent(d.settling, j)
	switch {
	case err != nil:
		return abandon(err)
	case settled:
		return drop("settled")
	}
	return none
}

// read decodes a submission or a timer. On an error the job has its ID, if
// that could be read; see [job.Decode] for when there is more.
func (w *Worker) read(d *delivery) (j job.Job, err error) {
	if d.lane == fresh {
		j, err = job.ParseSubmission(d.msg.Data, d.meta.Timestamp, w.cfg.Rules)
		j.Replaces = Replaces(d.msg.Header)
	} else {
		w.metrics.late.Observe(time.Since(d.meta.Timestamp).Seconds())
		j, err = job.Decode(d.msg.Data, w.cfg.Rules)
		if err == nil && !strings.HasSuffix(d.msg.Subject, "."+string(j.ID)) {
			err = errors.New("the timer's subject names another job")
		}
	}
	j.Traceparent = d.traceparent
	return j, err
}

// reject makes the event of a message that breaks a rule. It carries the
// body, so that nothing of it is lost.
func (w *Worker) reject(d *delivery, id job.ID, reason error) conclusion {
	body := d.msg.Data[:min(len(d.msg.Data), maxEchoedBody)]
	return conclusion{
		kind: rejected,
		event: job.EventData{
			JobID: id, Status: job.OutcomeRejected, Reason: cut(reason.Error(), maxReason),
			SubmittedAt: d.meta.Timestamp, Body: base64.StdEncoding.EncodeToString(body),
		},
	}
}

// cut shortens a text to so many bytes, at a whole character.
func cut(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	return strings.ToValidUTF8(text[:limit], "") + "…"
}

// cleanUp removes the uploads of the workers that were lost with the job in
// hand. It is no part of the job's success.
func (w *Worker) cleanUp(ctx context.Context, j job.Job) {
	backoff := transferBackoff.BackOff()
	err := w.store.AbortUploads(ctx, j)
	for attempt := 1; err != nil && attempt < transferAttempts && !isFinal(err); attempt++ {
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

// rejectedID names a message that has no job.
func rejectedID(d *delivery) string {
	return d.meta.Stream + "." + strconv.FormatUint(d.meta.Sequence.Stream, 10)
}
