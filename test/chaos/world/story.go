package world

import (
	"io"
	"time"

	"github.com/jobferry/jobferry/internal/simulator"
)

// Story is what happens in a run.
type Story struct {
	Workload []Submission
	Faults   []Fault // in time
	Progress io.Writer
}

// Submission is one job, and how it is submitted.
type Submission struct {
	Job    simulator.Job
	At     []time.Duration // since the start, one for each time
	Body   []byte
	WithID bool // the job's ID is the message's ID
}

// Kind is what a fault does.
type Kind string

// The kinds of faults.
const (
	WorkerKill      Kind = "worker kill -9"
	WorkerTerminate Kind = "worker SIGTERM"
	WorkerStop      Kind = "worker SIGSTOP" // For
	NodeKill        Kind = "node kill -9"   // back after For

	Cut       Kind = "connection cut"     // connections are reset, new ones too during For
	Latency   Kind = "connection slow"    // Amount in ms
	Bandwidth Kind = "connection narrow"  // Amount in KiB/s
	Stall     Kind = "connection stalled" // during For, and closed afterwards
	Slice     Kind = "connection sliced"  // into pieces of Amount bytes

	StoreError    Kind = "store 500"      // Amount percent of the requests
	StoreLost     Kind = "store 500 late" // the same, after doing what was asked
	StoreSlowDown Kind = "store 503"      // the same with SlowDown
	APIDown       Kind = "API 503"
	APIThrottle   Kind = "API 429" // beyond Amount calls a second
	RevokeTokens  Kind = "tokens revoked"
	ClockJump     Kind = "clock jump" // the API's, Amount in seconds
)

// Dependency is what stands behind a proxy.
type Dependency string

// The dependencies.
const (
	NATS  Dependency = "nats"
	Store Dependency = "store"
	API   Dependency = "api"
	Files Dependency = "files"
)

// Fault is one thing that goes wrong, for a while.
type Fault struct {
	At   time.Duration // since the start
	Kind Kind
	// Target is the index of a worker or node. For connections to NATS -1 is
	// all of them.
	Target     int
	Stream     string // for a node: the leader of this stream instead
	Dependency Dependency
	Upstream   bool // the way to the server, rather than back
	For        time.Duration
	Amount     int64
}
