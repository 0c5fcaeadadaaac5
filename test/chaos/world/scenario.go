package world

import (
	"io"

	"github.com/jobferry/jobferry/test/chaos/plan"
)

// Scenario is the jobs and the faults of a run.
type Scenario struct {
	Workload []plan.Submission
	Faults   []plan.Fault // in time
	Progress io.Writer
}
