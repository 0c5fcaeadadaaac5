package check

import (
	"io"
	"time"
)

// Report is what a run was found to be.
type Report struct {
	Jobs        int
	WorkerKills int
	NodeKills   int
	Faults      map[string]int // by kind
	Took        time.Duration
	Violations  []Violation
	Doubled     Doubled
}

// Doubled is work beyond what the jobs, and the faults planned for their
// files, made necessary. It breaks no promise.
type Doubled struct {
	Downloads, Files           int   // beyond one for each file, and the files
	Bytes, FileBytes           int64 // the same in bytes
	Polls, PollsAsked, Polled  int   // beyond the backoff, the most that it asks for, and all
	JobsDownloaded, JobsPolled int   // jobs with any of these
}

// OK reports whether no promise was broken.
func (r Report) OK() bool { return len(r.Violations) == 0 }

// Run judges a run.
func Run(o Observation) Report { return Report{} }

// Table writes the report as one aligned table.
func (r Report) Table(w io.Writer) error { return nil }

// Markdown writes it as a table for documentation.
func (r Report) Markdown(w io.Writer) error { return nil }

// CRC64NVME returns the checksum of what can be read, base64 of its 8 bytes,
// big endian, as S3 writes it.
func CRC64NVME(r io.Reader) (string, error) { return "", nil }
