package figures_test

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/jobferry/jobferry/test/bench/figures"
)

func TestMedian(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		values []float64
		want   float64
	}{
		{[]float64{7}, 7},
		{[]float64{9, 1, 5}, 5},
		{[]float64{4, 1, 3, 2}, 2.5},
		{[]float64{1, 1, 100, 1, 1}, 1},
	} {
		require.InDelta(t, c.want, figures.Median(c.values), 1e-12, "%v", c.values)
	}
	require.True(t, math.IsNaN(figures.Median(nil)))
}

func TestMedianLeavesItsInputInOrder(t *testing.T) {
	t.Parallel()
	values := []float64{3, 1, 2}
	figures.Median(values)
	require.Equal(t, []float64{3, 1, 2}, values)
}

func TestLargest(t *testing.T) {
	t.Parallel()
	require.InDelta(t, 9, figures.Largest([]float64{3, 9, 2}), 0)
	require.True(t, math.IsNaN(figures.Largest(nil)))
}

func TestPercentile(t *testing.T) {
	t.Parallel()
	hundred := make([]time.Duration, 100)
	for i := range hundred {
		hundred[i] = time.Duration(100 - i)
	}
	for _, c := range []struct {
		durations []time.Duration
		percent   float64
		want      time.Duration
	}{
		{nil, 50, 0},
		{[]time.Duration{8}, 1, 8},
		{[]time.Duration{8}, 100, 8},
		{[]time.Duration{3, 1, 2}, 50, 2},
		{[]time.Duration{4, 1, 3, 2}, 50, 2},
		{[]time.Duration{4, 1, 3, 2}, 99, 4},
		{hundred, 50, 50},
		{hundred, 99, 99},
		{hundred, 99.5, 100},
	} {
		require.Equal(t, c.want, figures.Percentile(c.durations, c.percent), "%v of %d", c.percent, len(c.durations))
	}
}

// sample takes a second, so that its rates are its counts.
func sample(jobs int, cpu time.Duration) figures.Sample {
	return figures.Sample{Jobs: jobs, Elapsed: time.Second, Program: figures.Usage{CPU: cpu}}
}

func TestFiguresOfASample(t *testing.T) {
	t.Parallel()
	s := figures.Sample{
		Jobs: 4, Bytes: 100, Elapsed: 2 * time.Second, P50: time.Second, P99: 3 * time.Second,
		Program: figures.Usage{CPU: 8 * time.Second, RSS: 7},
		Servers: map[string]figures.Usage{"nats": {CPU: 2 * time.Second, RSS: 9}},
	}
	for want, f := range map[float64]figures.Figure{
		2: figures.JobsRate(), 50: figures.BytesRate(), 7: figures.Memory(), 1: figures.P50(), 3: figures.P99(),
		0.5: figures.ServerCPU("nats"), 9: figures.ServerMemory("nats"),
	} {
		require.InDelta(t, want, f.Of(s), 1e-12, f.Name)
	}
	require.InDelta(t, 2, figures.CPU().Of(s), 1e-12)
	require.InDelta(t, 2, figures.Elapsed().Of(s), 1e-12)
}

func TestRatioIsTheMedianOfThePairs(t *testing.T) {
	t.Parallel()
	row := figures.Row{
		Worker:   []figures.Sample{sample(90, 0), sample(50, 0), sample(10, 0)},
		Baseline: []figures.Sample{sample(100, 0), sample(100, 0), sample(10, 0)},
	}
	require.InDelta(t, 0.9, row.Ratio(figures.JobsRate()), 1e-12)
	require.InDelta(t, 50, row.Median(figures.JobsRate()), 1e-12)
	require.InDelta(t, 90, row.Worst(figures.JobsRate()), 1e-12)
	require.InDelta(t, 100, row.BaselineMedian(figures.JobsRate()), 1e-12)
}

func TestRatioNeedsPairsAndABaselineThatIsNotZero(t *testing.T) {
	t.Parallel()
	alone := figures.Row{Worker: []figures.Sample{sample(1, 0)}}
	require.True(t, math.IsNaN(alone.Ratio(figures.JobsRate())))
	row := figures.Row{
		Worker:   []figures.Sample{sample(1, 2), sample(1, 3), sample(1, 9)},
		Baseline: []figures.Sample{sample(1, 0), sample(1, 2)},
	}
	require.InDelta(t, 1.5, row.Ratio(figures.CPU()), 1e-12)
}
