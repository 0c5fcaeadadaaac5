// Package check judges a chaos run from the outside alone: by the events
// stream, the bucket, what the simulated API saw and what was written. It
// shares no code with the program that it judges, not even the types of the
// events, and it starts and asks nothing: an Observation goes in, a Report
// comes out.
package check

import (
	"io"
	"syscall"
	"time"
)

// Observation is all that was seen of a run, as plain data.
type Observation struct {
	Expected     map[string]Expectation // by job ID: every job of the workload
	Acknowledged map[string]int         // publishes with a PubAck, by job ID
	Events       []Event                // the whole events stream
	LastEvent    uint64                 // the last sequence that the broker gave to an event
	Bucket       string                 // that every object goes to
	Objects      []Object               // the whole bucket, at the end
	Sightings    []Sighting             // objects as they stood during the run
	Orphans      []string               // keys of multipart uploads that nobody ended
	Left         map[string]uint64      // messages at the end, by stream: JOBS and JOBS_WAIT
	// Authorizations are the requests to the file host with an Authorization
	// header.
	Authorizations int
	Texts          []Text   // that no secret may stand in, besides the events
	Secrets        []string // in the clear: keys, client secrets, tokens
	// Patterns are regular expressions to search for beside the secrets and
	// the patterns that are always searched for.
	Patterns []string
	Ends     []End // of workers, each
	Work     map[string]Work
	Backoff  Backoff // of the workers' settings

	// What was really done.
	WorkerKills int
	NodeKills   int
	Faults      map[string]int // by kind
	Planned     map[string]int // the least of them that had to be, by kind
	Took        time.Duration
}

// End is how a process of a worker ended, and what the run had sent to it
// before.
type End struct {
	Worker     int            // its place
	Status     int            // its exit status; -1 when a signal ended it
	Signal     syscall.Signal // the one that ended it; 0 for none
	Killed     bool           // kill -9
	Terminates int            // SIGTERMs: the first one asks it to drain, a second one to stop at once
}

// Expectation is what should become of a job.
type Expectation struct {
	Outcome  string // completed, failed or canceled
	Reasons  []string
	Kind     string // of completed
	Objects  []ExpectedObject
	Metadata map[string]string // of the submission
}

// ExpectedObject is an object that a completed job has to leave.
type ExpectedObject struct {
	Key         string
	Size        int64  // bytes
	SHA256      string // in hexadecimal digits, lower case
	CRC64NVME   string // as S3 writes it, see [CRC64NVME]; empty if not computed
	ContentType string
}

// Event is one message of the events stream.
type Event struct {
	Sequence uint64
	Subject  string
	Header   map[string][]string
	Data     []byte
}

// Object is an object as it stands at the end. Size and SHA256 are of the
// bytes that were read, the rest is the store's word.
type Object struct {
	Key         string
	Size        int64
	SHA256      string // in hexadecimal digits, lower case
	CRC64NVME   string // the store's
	ContentType string
	ETag        string            // without quotes
	Metadata    map[string]string // keys in any case
}

// Sighting is an object as it stood at one moment of the run.
type Sighting struct {
	Key       string
	Size      int64
	CRC64NVME string
	At        time.Time
}

// Text is something to be searched. Open is called once.
type Text struct {
	Name string
	Open func() (io.ReadCloser, error)
}

// Work is what was done for one job.
type Work struct {
	Polls []time.Time
	// Duration is how long the API takes to end the job after its submission;
	// for one that it never ends, its deadline.
	Duration time.Duration
	// LeastPolls is how many polls the API answers before it ends the job,
	// however long they take; 0 when the duration alone counts.
	LeastPolls int
	// ExtraPolls are what planned faults make necessary: one for each URL that
	// was planned to be expired.
	ExtraPolls int
	Files      []FileWork
}

// FileWork is what was asked of one file.
type FileWork struct {
	Size      int64 // bytes
	Downloads int   // requests, refused ones included
	Bytes     int64 // of bodies that were sent
	// ExtraDownloads and ExtraBytes are what the faults that were planned for
	// the file make necessary beyond one download of it.
	ExtraDownloads int
	ExtraBytes     int64
}

// Backoff is how long a worker waits between two polls of a job.
type Backoff struct {
	Initial    time.Duration
	Max        time.Duration
	Multiplier float64
	Jitter     float64 // share to either side
}
