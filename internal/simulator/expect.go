package simulator

import (
	"cmp"

	"github.com/jobferry/jobferry/internal/job"
)

// Expectation is what should become of a job.
type Expectation struct {
	Outcome job.Outcome
	Reason  job.Reason // of OutcomeFailed
	Error   JobError   // of ReasonJobFailed
	Kind    job.Kind   // of OutcomeCompleted
	Objects []Object   // in the API's order
}

// Object is what should stand in the store.
type Object struct {
	Content     Content
	ContentType string
	// ContentEncoding is the file host's, empty for none.
	ContentEncoding string
	PageCount       int // 0: none
}

// Expect says what should become of the job, faults aside. A job that is never
// known, or never ends, fails at its deadline.
func (j Job) Expect() Expectation {
	j = j.normalized()
	switch {
	case j.Outcome == Unknown:
		return Expectation{Outcome: job.OutcomeFailed, Reason: job.ReasonJobUnknown}
	case j.Duration == Forever:
		return Expectation{Outcome: job.OutcomeFailed, Reason: job.ReasonDeadlineExceeded}
	case j.Outcome == Failed:
		return Expectation{Outcome: job.OutcomeFailed, Reason: job.ReasonJobFailed, Error: j.Error}
	case j.Outcome == Canceled:
		return Expectation{Outcome: job.OutcomeCanceled}
	default:
		return Expectation{Outcome: job.OutcomeCompleted, Kind: j.Kind, Objects: j.objects()}
	}
}

func (j Job) objects() []Object {
	if !j.hasFiles() || j.JSON != nil {
		_, stored := j.payload()
		contentType := typeJSON
		if j.Kind == job.KindText {
			contentType = "text/plain; charset=utf-8"
		}
		return []Object{{Content: stored, ContentType: contentType}}
	}
	objects := make([]Object, 0, len(j.Files))
	for _, f := range j.Files {
		if !f.Delivered {
			objects = append(objects, f.object())
		}
	}
	return objects
}

// object is the file as it should be stored: its type is the answer's, else
// the download's, else that of any bytes.
func (f File) object() Object {
	contentType := f.ContentType
	if f.NoContentType {
		contentType = cmp.Or(f.DownloadType, typeBytes)
	}
	return Object{Content: f.Content, ContentType: contentType, ContentEncoding: f.ContentEncoding, PageCount: f.PageCount}
}
