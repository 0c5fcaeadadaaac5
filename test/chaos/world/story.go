package world

import (
	"io"

	"github.com/jobferry/jobferry/test/chaos/plan"
)

// Story is what happens in a run.
type Story struct {
	Workload []plan.Submission
	Faults   []plan.Fault // in time
	Progress io.Writer
}
