package figures

import "math"

// Row is one workload with what its runs have shown, in their order.
type Row struct {
	Workload string   `json:"workload"`
	Title    string   `json:"title"`
	Pods     int      `json:"pods,omitempty"` // of a workload that counts them
	Worker   []Sample `json:"worker"`
	Baseline []Sample `json:"baseline,omitempty"` // none where no such program is possible
	Reaches  []Reach  `json:"-"`
}

// Median is the median of a figure over the worker's runs.
func (r Row) Median(f Figure) float64 { return Median(each(r.Worker, f)) }

// Worst is the largest of a figure over the worker's runs, for what must
// never be more.
func (r Row) Worst(f Figure) float64 { return Largest(each(r.Worker, f)) }

// BaselineMedian is the median over the baseline's runs; NaN without any.
func (r Row) BaselineMedian(f Figure) float64 { return Median(each(r.Baseline, f)) }

// Ratio is the median of the worker's figure over the baseline's, pair by
// pair: the two of a pair ran one after the other, so that a machine whose
// speed drifts does not show in it. NaN without pairs.
func (r Row) Ratio(f Figure) float64 {
	var ratios []float64
	for i := range min(len(r.Worker), len(r.Baseline)) {
		ratio := f.Of(r.Worker[i]) / f.Of(r.Baseline[i])
		if !math.IsNaN(ratio) && !math.IsInf(ratio, 0) {
			ratios = append(ratios, ratio)
		}
	}
	return Median(ratios)
}

func each(samples []Sample, f Figure) []float64 {
	values := make([]float64, len(samples))
	for i, s := range samples {
		values[i] = f.Of(s)
	}
	return values
}
