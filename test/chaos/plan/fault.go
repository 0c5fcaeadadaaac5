package plan

import "time"

// Kind is what a fault does, in the words of the report.
type Kind string

// The kinds of faults.
const (
	WorkerKill      Kind = "worker kill -9"
	WorkerTerminate Kind = "worker SIGTERM"
	WorkerStop      Kind = "worker SIGSTOP" // continued after For, which is longer than the ack wait
	NodeKill        Kind = "node kill -9"   // back after For
	LeaderKill      Kind = "leader kill -9" // the same of the node that leads Stream

	Cut       Kind = "connection cut"     // connections are reset, new ones too during For
	Latency   Kind = "connection slow"    // Amount in ms
	Bandwidth Kind = "connection narrow"  // Amount in KiB/s
	Stall     Kind = "connection stalled" // during For, and closed afterwards
	Slice     Kind = "connection sliced"  // into pieces of Amount bytes

	StoreError    Kind = "store 500"      // Amount percent of the requests
	StoreLost     Kind = "store 500 late" // the same, after doing what was asked
	StoreSlowDown Kind = "store 503"      // the same with SlowDown
	APIDown       Kind = "API 503"
	APIThrottle   Kind = "API 429"        // beyond Amount calls a second
	RevokeTokens  Kind = "tokens revoked" // at once
	ClockJump     Kind = "API clock jump" // at once; Amount in seconds

	Firewall       Kind = "firewall 403"        // in the place of the API, to Amount percent of the requests
	DefaultBackend Kind = "default backend 404" // likewise
	Maintenance    Kind = "maintenance 200"     // likewise, with a page

	FilesRefused Kind = "file host 403"     // Amount percent of the requests
	FilesSlow    Kind = "file host slow"    // Amount in ms until the first byte
	FilesShort   Kind = "file host cuts"    // after Amount bytes
	FilesRenamed Kind = "file host renames" // each answer of the API has other paths
)

// Kinds lists them, in the order of the report.
func Kinds() []Kind {
	return []Kind{
		WorkerKill, WorkerTerminate, WorkerStop, NodeKill, LeaderKill, Cut, Latency, Bandwidth, Stall, Slice,
		StoreError, StoreLost, StoreSlowDown, APIDown, APIThrottle, RevokeTokens, ClockJump,
		Firewall, DefaultBackend, Maintenance, FilesRefused, FilesSlow, FilesShort, FilesRenamed,
	}
}

// What goes wrong with the workload itself, at nobody's time.
const (
	URLExpired          Kind = "URL expired"
	DownloadRefused     Kind = "download 503"
	DownloadCut         Kind = "download cut"
	DownloadTruncated   Kind = "download truncated" // cut in its last bytes
	DownloadStalled     Kind = "download stalled"
	DuplicateSubmission Kind = "duplicate submission"
)

// WorkloadKinds lists these, in the order of the report.
func WorkloadKinds() []Kind {
	return []Kind{URLExpired, DownloadRefused, DownloadCut, DownloadTruncated, DownloadStalled, DuplicateSubmission}
}

// Dependency is what a connection leads to.
type Dependency string

// The dependencies.
const (
	NATS  Dependency = "nats"
	Store Dependency = "store"
	API   Dependency = "api"
	Files Dependency = "files"
)

// Direction is a way through a connection.
type Direction string

// The directions.
const (
	Upstream   Direction = "upstream"   // from the worker to the server
	Downstream Direction = "downstream" // from the server to the worker
)

// All is the target that means every one there is.
const All = -1

// Fault is one thing that goes wrong. Which members count follows from its
// kind.
type Fault struct {
	At   time.Duration `json:"at"` // since the start
	Kind Kind          `json:"kind"`
	// Target is the index of a worker or of a node, or All. For connections it
	// counts for those to NATS alone.
	Target     int           `json:"target"`
	Stream     string        `json:"stream,omitempty"` // of LeaderKill: its leader instead of the target
	Dependency Dependency    `json:"dependency,omitempty"`
	Direction  Direction     `json:"direction,omitempty"`
	For        time.Duration `json:"for,omitempty"`    // 0 for what is over at once
	Amount     int64         `json:"amount,omitempty"` // in the unit that the kind names
}

// Ends is when the fault is over, since the start.
func (f Fault) Ends() time.Duration { return f.At + f.For }
