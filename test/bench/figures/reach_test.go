package figures_test

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/jobferry/jobferry/test/bench/figures"
)

func TestJudge(t *testing.T) {
	t.Parallel()
	row := figures.Row{
		Worker: []figures.Sample{
			{Jobs: 9, Elapsed: time.Second, Program: figures.Usage{CPU: 12 * time.Second, RSS: 60}},
			{Jobs: 9, Elapsed: time.Second, Program: figures.Usage{CPU: 12 * time.Second, RSS: 20}},
			{Jobs: 9, Elapsed: time.Second, Program: figures.Usage{CPU: 12 * time.Second, RSS: 20}},
		},
		Baseline: []figures.Sample{{Jobs: 10, Elapsed: time.Second, Program: figures.Usage{CPU: 10 * time.Second}}},
	}
	for name, c := range map[string]struct {
		reach figures.Reach
		want  figures.Verdict
	}{
		"a floor that is reached":        {figures.RatioAtLeast("", figures.JobsRate(), 0.9), figures.Met},
		"a floor that is not":            {figures.RatioAtLeast("", figures.JobsRate(), 0.95), figures.Missed},
		"a ceiling that is kept":         {figures.RatioAtMost("", figures.CPU(), 1.34), figures.Met},
		"a ceiling that is broken":       {figures.RatioAtMost("", figures.CPU(), 1.33), figures.Missed},
		"one bad run counts":             {figures.WorstAtMost("", figures.Memory(), 59, figures.Mebibytes), figures.Missed},
		"one bad run does not":           {figures.MedianAtMost("", figures.Memory(), 20, figures.Mebibytes), figures.Met},
		"nothing was measured to reach":  {figures.Linear("nowhere", 0.95), figures.Unknown},
		"nothing to divide by is no win": {figures.RatioAtLeast("", figures.P99(), 0), figures.Unknown},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, c.want, c.reach.Judge(row, figures.Rows{}))
		})
	}
}

func TestLinearIsOverThePods(t *testing.T) {
	t.Parallel()
	one := figures.Row{Pods: 1, Worker: []figures.Sample{sample(100, 0)}}
	four := figures.Row{Pods: 4, Worker: []figures.Sample{sample(380, 0)}}
	reach := figures.Linear("one", 0.95)
	all := figures.Rows{"one": one, "four": four}
	require.InDelta(t, 0.95, reach.Value(four, all), 1e-12)
	require.InDelta(t, 1, reach.Value(one, all), 1e-12)
}

func TestSay(t *testing.T) {
	t.Parallel()
	row := figures.Row{Worker: []figures.Sample{{Program: figures.Usage{RSS: 50 << 20}}}}
	reach := figures.WorstAtMost("memory", figures.Memory(), 48<<20, figures.Mebibytes)
	require.Equal(t, "memory at most 48.0 MiB: 50.0 MiB, missed", reach.Say(row, nil))
	require.Equal(t, "memory at most 48.0 MiB: not measured", reach.Say(figures.Row{}, nil))
	require.Equal(t, "rate at least 0.90×: not measured",
		figures.RatioAtLeast("rate", figures.JobsRate(), 0.9).Say(row, nil))
}

func TestShow(t *testing.T) {
	t.Parallel()
	require.Equal(t, "1.15×", figures.Times(1.149))
	require.Equal(t, "–", figures.Times(math.NaN()))
	require.Equal(t, "–", figures.Rate(math.Inf(1)))
	require.Equal(t, "1235", figures.Rate(1234.6))
	require.Equal(t, "250 µs", figures.Seconds(0.00025))
	require.Equal(t, "12.5 ms", figures.Seconds(0.0125))
	require.Equal(t, "61.25 s", figures.Seconds(61.25))
	require.Equal(t, "–", figures.Seconds(0))
}
