package servers

import (
	"fmt"
	"io"
	"time"

	"github.com/jobferry/jobferry/internal/job"
	"github.com/jobferry/jobferry/internal/simulator"
)

// Batch is many jobs that are alike but for their ID.
type Batch struct {
	Prefix string `json:"prefix"` // of their IDs
	Count  int    `json:"count"`

	Size     int64         `json:"size,omitempty"`    // bytes of the one file that each has
	Chunked  bool          `json:"chunked,omitempty"` // sent without a length
	JSON     int64         `json:"json,omitempty"`    // bytes of a JSON payload in the place of the file
	Canceled bool          `json:"canceled,omitempty"`
	Duration time.Duration `json:"duration,omitempty"` // until a job is done, from when it is added
	Delay    time.Duration `json:"delay,omitempty"`    // of the answer to its first poll
}

// ID is that of the job of this index, from 0.
func (b Batch) ID(index int) string { return fmt.Sprintf("%s-%07d", b.Prefix, index) }

// Job is the simulated job of this index.
func (b Batch) Job(index int) simulator.Job {
	j := simulator.Job{ID: b.ID(index), Duration: b.Duration}
	switch {
	case b.Canceled:
		j.Outcome = simulator.Canceled
	case b.JSON > 0:
		j.Kind, j.PayloadSize = job.KindTables, b.JSON
	default:
		j.Files = []simulator.File{{Size: b.Size, Chunked: b.Chunked, OmitSize: b.Chunked, ContentType: "application/pdf", Name: "result.pdf"}}
	}
	return j
}

// ResultSize is how many bytes a job's result has in the store.
func (b Batch) ResultSize() int64 {
	var size int64
	for _, object := range b.Job(0).Expect().Objects {
		size += object.Content.Size()
	}
	return size
}

// Result is the one object that a job's result becomes.
func (b Batch) Result(index int) io.Reader {
	return simulator.Open(b.Job(index).Expect().Objects[0].Content)
}
