package consumer

import (
	"encoding/base64"
	"errors"
	"strings"
	"time"

	"github.com/jobferry/jobferry/internal/broker"
	"github.com/jobferry/jobferry/internal/consumer/limit"
	"github.com/jobferry/jobferry/internal/job"
)

// intake reads the message: which job it is, and whether there is anything to do
// for it.
func (w *Worker) intake(d *delivery, j *job.Job) error {
	var err error
	*j, err = w.read(d)
	switch {
	case errors.Is(err, job.ErrBucket) && d.lane == limit.Due: // it was allowed when the job was submitted
		return &job.Error{Class: job.ClassPermanent, By: job.Store, Reason: job.ReasonStoreRejected, Err: err}
	case err != nil:
		id := j.ID
		*j = job.Job{}
		return newRejection(d, id, err)
	case d.crashes() > 0:
		err = w.onRedelivery(d, *j)
	case d.lane == limit.Submitted:
		err = w.checkNotSettled(d, *j)
	}
	if err != nil {
		return err
	}
	j.Lost += d.crashes()
	if j.Lost >= w.cfg.MaxCrashes {
		return job.Fail(job.ReasonWorkerCrashed, "%d workers were lost while they had the job in hand", j.Lost)
	}
	return nil
}

// read decodes a submission or a timer. On an error the job has its ID, if that
// could be read; see [job.Decode] for when there is more.
func (w *Worker) read(d *delivery) (j job.Job, err error) {
	if d.lane == limit.Submitted {
		j, err = job.ParseSubmission(d.msg.Data, d.meta.Timestamp, w.cfg.Rules)
		j.Replaces = broker.Replaces(d.msg.Header)
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

// rejection is the error of a message that breaks a rule. Its event carries the
// body, so that nothing of it is lost.
type rejection struct {
	event job.EventData
}

func (r *rejection) Error() string { return r.event.Reason }

// maxReason is how much of the reason of a rejection its event carries, in bytes:
// it may quote the submission.
const maxReason = 1 << 10

// maxEchoedBody is how much of a rejected submission its event carries, in bytes
// before base64.
const maxEchoedBody = 8 << 10

// newRejection is of a message whose job has the ID, if that could be read.
func newRejection(d *delivery, id job.ID, reason error) *rejection {
	body := d.msg.Data[:min(len(d.msg.Data), maxEchoedBody)]
	return &rejection{event: job.EventData{
		JobID: id, Status: job.OutcomeRejected, Reason: cut(reason.Error(), maxReason),
		SubmittedAt: d.meta.Timestamp, Body: base64.StdEncoding.EncodeToString(body),
	}}
}

// cut shortens a text to so many bytes, at a whole character.
func cut(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	return strings.ToValidUTF8(text[:limit], "") + "…"
}

// onRedelivery looks at how far the workers came that were lost with the message:
// the job may have its event, or its timer, and there may be unfinished uploads.
// The uploads of a scheduled job are left alone: another worker may be at them.
func (w *Worker) onRedelivery(d *delivery, j job.Job) error {
	w.metrics.redelivered.Inc()
	err := w.checkNotSettled(d, j)
	if err == nil && d.lane == limit.Submitted {
		if err = w.checkNotScheduled(d, j); err != nil {
			return err
		}
	}
	if err == nil || errors.Is(err, errAlreadySettled) {
		w.abortUploads(d.work, j)
	}
	return err
}

// checkNotScheduled finds a submission whose first timer was published before its
// worker was lost.
func (w *Worker) checkNotScheduled(d *delivery, j job.Job) error {
	scheduled, err := w.broker.IsScheduled(d.settling, j.ID)
	switch {
	case err != nil:
		return left(err)
	case scheduled:
		return errAlreadyScheduled
	}
	return nil
}

// checkNotSettled saves a job that has its terminal event all further work. It is
// not what prevents a second event: the broker does that.
func (w *Worker) checkNotSettled(d *delivery, j job.Job) error {
	settled, err := w.broker.HasEvent(d.settling, j)
	switch {
	case err != nil:
		return left(err)
	case settled:
		return errAlreadySettled
	}
	return nil
}
