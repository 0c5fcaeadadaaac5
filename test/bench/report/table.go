// Package report writes what a run of the benchmark has shown, as a table and
// as data. It computes nothing that package figures does not.
package report

import (
	"fmt"
	"io"
	"math"
	"strings"
	"text/tabwriter"

	"github.com/jobferry/jobferry/test/bench/figures"
	"github.com/jobferry/jobferry/test/bench/servers"
)

// Report is a whole run.
type Report struct {
	Machine Machine       `json:"machine"`
	Command string        `json:"command"`
	Rows    []figures.Row `json:"rows"` // in the order of the table
}

func (r Report) byName() figures.Rows {
	rows := make(figures.Rows, len(r.Rows))
	for _, row := range r.Rows {
		rows[row.Workload] = row
	}
	return rows
}

// Missed is how many of the reaches were measured and not met.
func (r Report) Missed() int {
	missed := 0
	for _, row := range r.Rows {
		for _, reach := range row.Reaches {
			if reach.Judge(row, r.byName()) == figures.Missed {
				missed++
			}
		}
	}
	return missed
}

func header() []string {
	return []string{
		"workload", "jobs/s", "CPU a job", "MiB/s", "peak memory", "p50", "p99",
		"broker's CPU a job", "store's", "API's", "broker's memory", "reach",
	}
}

// cells are a row's values but for the reach. In brackets stands the ratio to
// the baseline.
func cells(row figures.Row) []string {
	return []string{
		row.Title,
		beside(row, figures.JobsRate(), jobs),
		beside(row, figures.CPU(), figures.Seconds),
		beside(row, figures.BytesRate(), mebibytes),
		besideWorst(row, figures.Memory(), figures.Mebibytes),
		beside(row, figures.P50(), figures.Seconds),
		beside(row, figures.P99(), figures.Seconds),
		figures.Seconds(row.Median(figures.ServerCPU(servers.NATS))),
		figures.Seconds(row.Median(figures.ServerCPU(servers.Store))),
		figures.Seconds(row.Median(figures.ServerCPU(servers.API))),
		figures.Mebibytes(row.Worst(figures.ServerMemory(servers.NATS))),
	}
}

func jobs(v float64) string {
	if v < 100 {
		return fmt.Sprintf("%.3g", v)
	}
	return figures.Rate(v)
}

// mebibytes is empty of a workload that has no results to speak of.
func mebibytes(bytes float64) string {
	if bytes == 0 {
		return "–"
	}
	return jobs(bytes / (1 << 20))
}

func beside(row figures.Row, f figures.Figure, show func(float64) string) string {
	return withRatio(show(row.Median(f)), row.Ratio(f))
}

func besideWorst(row figures.Row, f figures.Figure, show func(float64) string) string {
	return withRatio(show(row.Worst(f)), row.Ratio(f))
}

func withRatio(value string, ratio float64) string {
	if math.IsNaN(ratio) {
		return value
	}
	return fmt.Sprintf("%s (%s)", value, figures.Times(ratio))
}

func (r Report) reaches(row figures.Row) []string {
	said := make([]string, len(row.Reaches))
	for i, reach := range row.Reaches {
		said[i] = reach.Say(row, r.byName())
	}
	return said
}

// Text writes the table for a terminal.
func (r Report) Text(out io.Writer) error {
	_, _ = fmt.Fprintf(out, "%s\n%s\n\n", r.Machine, r.legend())
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(table, strings.Join(header(), "\t"))
	for _, row := range r.Rows {
		reaches := append(r.reaches(row), "")
		_, _ = fmt.Fprintln(table, strings.Join(append(cells(row), reaches[0]), "\t"))
		for _, more := range reaches[1:] {
			if more != "" {
				_, _ = fmt.Fprintln(table, strings.Repeat("\t", len(header())-1)+more)
			}
		}
	}
	return table.Flush()
}

// Markdown writes the table for a document.
func (r Report) Markdown(out io.Writer) error {
	var text strings.Builder
	fmt.Fprintf(&text, "`%s` on %s.\n%s\n\n", r.Command, r.Machine, r.legend())
	fmt.Fprintf(&text, "| %s |\n|%s\n", strings.Join(header(), " | "), strings.Repeat("---|", len(header())))
	for _, row := range r.Rows {
		fmt.Fprintf(&text, "| %s | %s |\n", strings.Join(cells(row), " | "), strings.Join(r.reaches(row), "<br>"))
	}
	_, err := io.WriteString(out, text.String())
	return err
}

func (r Report) legend() string {
	compared, alone := 0, 0
	for _, row := range r.Rows {
		if runs := len(row.Worker); row.Baseline != nil {
			compared = max(compared, runs)
		} else {
			alone = max(alone, runs)
		}
	}
	runs := fmt.Sprintf("Medians of %d runs", max(compared, alone))
	if compared > alone && alone > 0 {
		runs += fmt.Sprintf(" (of %d without a baseline)", alone)
	}
	return runs + ", of peak memory the largest; in brackets the ratio to the baseline, the median of the pairs."
}
