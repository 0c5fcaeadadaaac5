package plan

import (
	"fmt"
	"maps"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
)

// Summary says in a few lines what a plan will do.
func Summary(o Options) string {
	counts := map[Kind]int{}
	for _, f := range Faults(o) {
		counts[f.Kind]++
	}
	var text strings.Builder
	workload := Workload(o)
	maps.Copy(counts, ExpectedFaults(workload))
	fmt.Fprintf(&text, "seed %d: %s, over %v\n", o.Seed, workloadSummary(workload), o.Over().Round(time.Second))
	for _, kind := range append(Kinds(), WorkloadKinds()...) {
		fmt.Fprintf(&text, "  %-20s %d\n", kind, counts[kind])
	}
	return text.String()
}

func workloadSummary(workload []Submission) string {
	publishes, objects := 0, 0
	var bytes int64
	for _, s := range workload {
		publishes += len(s.At)
		for _, object := range s.Job.Expect().Objects {
			objects++
			bytes += object.Content.Size()
		}
	}
	return fmt.Sprintf("%d jobs in %d submissions with %d objects of %s", len(workload), publishes, objects, humanize.IBytes(uint64(bytes)))
}
