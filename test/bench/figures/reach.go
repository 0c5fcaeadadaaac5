package figures

import (
	"fmt"
	"math"
)

// Reach is a bound on one number of a row.
type Reach struct {
	What  string                          // what the number is
	Limit float64                         // in the number's own unit
	Floor bool                            // the number is to be at least Limit, otherwise at most
	Value func(row Row, all Rows) float64 // NaN when it was not measured
	Show  func(float64) string            // with its unit
}

// Rows are all rows of a run, by workload.
type Rows map[string]Row

// Verdict is whether a reach is met.
type Verdict string

// The verdicts.
const (
	Met     Verdict = "met"
	Missed  Verdict = "missed"
	Unknown Verdict = "not measured"
)

// Judge holds a row against the reach.
func (r Reach) Judge(row Row, all Rows) Verdict {
	value := r.Value(row, all)
	switch {
	case math.IsNaN(value):
		return Unknown
	case r.Floor && value >= r.Limit, !r.Floor && value <= r.Limit:
		return Met
	default:
		return Missed
	}
}

// Say writes the bound, the number and the verdict as one phrase.
func (r Reach) Say(row Row, all Rows) string {
	bound := "at most"
	if r.Floor {
		bound = "at least"
	}
	verdict := r.Judge(row, all)
	if verdict == Unknown {
		return fmt.Sprintf("%s %s %s: %s", r.What, bound, r.Show(r.Limit), verdict)
	}
	return fmt.Sprintf("%s %s %s: %s, %s", r.What, bound, r.Show(r.Limit), r.Show(r.Value(row, all)), verdict)
}

// RatioAtMost bounds the worker's figure over the baseline's from above.
func RatioAtMost(what string, f Figure, limit float64) Reach {
	return Reach{What: what, Limit: limit, Value: func(row Row, _ Rows) float64 { return row.Ratio(f) }, Show: Times}
}

// RatioAtLeast bounds it from below.
func RatioAtLeast(what string, f Figure, limit float64) Reach {
	r := RatioAtMost(what, f, limit)
	r.Floor = true
	return r
}

// WorstAtMost bounds the largest of all runs.
func WorstAtMost(what string, f Figure, limit float64, show func(float64) string) Reach {
	return Reach{What: what, Limit: limit, Value: func(row Row, _ Rows) float64 { return row.Worst(f) }, Show: show}
}

// MedianAtMost bounds the median of the runs.
func MedianAtMost(what string, f Figure, limit float64, show func(float64) string) Reach {
	return Reach{What: what, Limit: limit, Value: func(row Row, _ Rows) float64 { return row.Median(f) }, Show: show}
}

// Linear bounds the share of linear growth from below: jobs a second here over
// those of the workload of one pod times the pods.
func Linear(onePod string, limit float64) Reach {
	return Reach{
		What: "share of linear", Limit: limit, Floor: true, Show: Times,
		Value: func(row Row, all Rows) float64 {
			return row.Median(JobsRate()) / (float64(row.Pods) * all[onePod].Median(JobsRate()))
		},
	}
}
