package plan

import "github.com/jobferry/jobferry/internal/simulator"

// Workload is what is submitted, by the time of its first publish. The
// options have to be valid.
func Workload(o Options) []Submission { return nil }

// Keys are those of the objects that the job should leave in the bucket, in
// the API's order.
func (s Submission) Keys() []string { return nil }

// Extra is what the faults of a file make necessary beyond one download of it:
// requests, and bytes of bodies.
func Extra(f simulator.File) (downloads int, bytes int64) { return 0, 0 }

// Summary says in a few lines what a plan will do.
func Summary(o Options) string { return "" }
