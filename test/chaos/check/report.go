package check

import "time"

// Report is what a run was found to be.
type Report struct {
	Jobs int
	// Unacknowledged are jobs of which no submission was acknowledged: they
	// need no event, and a run that has many shows little.
	Unacknowledged int
	WorkerKills    int
	NodeKills      int
	Faults         map[string]int // by kind
	Took           time.Duration
	Violations     []Violation // by kind, then by job
	Doubled        Doubled
}

// Doubled is work beyond what the jobs, and the faults planned for their
// files, made necessary. It breaks no promise.
type Doubled struct {
	Downloads int   // beyond one for each file
	Files     int   // that were downloaded
	Bytes     int64 // beyond one download of each file
	FileBytes int64 // of these files, once

	Polls      int // beyond the most that the backoff asks for
	PollsAsked int // the most that it asks for
	Polled     int // all of them

	Jobs int // that were downloaded or polled beyond that
}

// OK reports whether no promise was broken.
func (r Report) OK() bool { return len(r.Violations) == 0 }
