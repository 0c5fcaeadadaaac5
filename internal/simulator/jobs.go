package simulator

import (
	"encoding/json"
	"fmt"
	"math"
	"time"

	"github.com/jobferry/jobferry/internal/job"
)

// Outcome is how a simulated job ends.
type Outcome string

// The outcomes. Unknown is a job that the API has forgotten or never knew: 404
// on both endpoints.
const (
	Completed Outcome = "completed"
	Failed    Outcome = "failed"
	Canceled  Outcome = "canceled"
	Unknown   Outcome = "unknown"
)

// Forever is the Duration of a job that never ends.
const Forever time.Duration = math.MaxInt64

// JobError is the error object of a failed job.
type JobError struct {
	Type  string `json:"type"`
	Title string `json:"title"`
}

// Job is one simulated job. Its zero value but for the ID is a job that is
// completed at once with one small file.
type Job struct {
	ID      string
	Kind    job.Kind // KindFile when empty
	Outcome Outcome  // Completed when empty

	// Duration is the time from Add (or from first sight, for an invented
	// job) until the job is terminal; Polls is the number of polls that are
	// answered 404 before. Both have to be over.
	Duration time.Duration
	Polls    int
	// ResultLife is how long a terminal job is known: afterwards both
	// endpoints answer 410 and its files are gone. Zero is for ever.
	ResultLife time.Duration
	// RunningAs200 answers polls of the running job with 200 and status
	// running rather than with 404.
	RunningAs200 bool

	// Error is what a failed job tells; ConversionFailed when zero.
	Error JobError
	// ErrorAtTop puts type and title beside status rather than under error.
	ErrorAtTop bool

	// Files are the result of KindFile, KindFiles and KindDelivered; the
	// first one is the body of KindBinary. Nil stands for one small file.
	Files []File
	// Text is the result of KindText.
	Text string
	// JSON is the result as it stands in the answer, byte for byte. It goes
	// before Text and PayloadSize.
	JSON json.RawMessage
	// PayloadSize is how many bytes a generated result has at least, for
	// every kind that is a payload. It is streamed, whatever its size.
	PayloadSize int64
	// ResultFirst puts result before status in the answer.
	ResultFirst bool
	// Chunked sends the completed answer without a length.
	Chunked bool
}

// normalized fills in the defaults that the fields' comments name.
func (j Job) normalized() Job {
	if j.Kind == "" {
		j.Kind = job.KindFile
	}
	if j.Outcome == "" {
		j.Outcome = Completed
	}
	if j.Outcome == Failed && j.Error == (JobError{}) {
		j.Error = JobError{Type: "ConversionFailed", Title: "Conversion failed"}
	}
	if j.Files == nil && j.hasFiles() {
		j.Files = []File{{}}
	}
	files := make([]File, len(j.Files))
	for i, f := range j.Files {
		files[i] = f.normalized(j.ID, i)
		if j.Kind == job.KindDelivered {
			files[i].Delivered = true
		}
	}
	j.Files = files
	return j
}

func (j Job) hasFiles() bool {
	switch j.Kind {
	case job.KindFile, job.KindFiles, job.KindDelivered, job.KindBinary:
		return true
	default:
		return false
	}
}

// check reports a job that no answer could be made of.
func (j Job) check() error {
	if _, err := job.ParseID(j.ID); err != nil {
		return fmt.Errorf("add a simulated job: %w", err)
	}
	if _, known := shapeOf(j.Kind); !known && !j.hasFiles() && j.Kind != job.KindText {
		return fmt.Errorf("add the simulated job %s: unknown kind %q", j.ID, j.Kind)
	}
	return nil
}

// documented reports whether the API's OpenAPI document knows the answer that
// this job ends with. What it does not know, the API is reported to do anyway.
func (j Job) documented() bool {
	if j.Outcome == Failed {
		return j.Error.Type == "BrokenDownloadURL" || j.Error.Type == "ConversionFailed" ||
			j.Error.Type == "PDFIsPasswordProtected"
	}
	return j.Kind != job.KindBinary && j.Kind != job.KindJSON && j.JSON == nil
}
