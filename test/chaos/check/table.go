package check

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/dustin/go-humanize"
)

// row is one line of a report. A heading has the sum of what follows.
type row struct {
	name, value string
	heading     bool
}

func number(name string, value int) row { return row{name: name, value: strconv.Itoa(value)} }

func heading(name string, sum int) row {
	return row{name: name, value: strconv.Itoa(sum), heading: true}
}

// rows are the report in order; lines at zero are shown too, because what did
// not happen is what is reported.
func (r Report) rows() []row {
	rows := []row{
		heading("jobs", r.Jobs), number("never acknowledged", r.Unacknowledged),
		number("worker kills", r.WorkerKills), number("node kills", r.NodeKills),
		{name: "time", value: r.Took.Round(time.Second).String()},
	}
	return slices.Concat(rows, r.faultRows(), r.violationRows(), r.Doubled.rows())
}

func (r Report) faultRows() []row {
	sum := 0
	var rows []row
	for _, kind := range sorted(r.Faults) {
		sum += r.Faults[kind]
		rows = append(rows, number(kind, r.Faults[kind]))
	}
	return append([]row{heading("faults", sum)}, rows...)
}

func (r Report) violationRows() []row {
	counts := map[Kind]int{}
	for _, v := range r.Violations {
		counts[v.Kind]++
	}
	rows := []row{heading("violations", len(r.Violations))}
	for _, kind := range Kinds() {
		rows = append(rows, number(string(kind), counts[kind]))
	}
	return rows
}

func (d *Doubled) rows() []row {
	return []row{
		heading("jobs with doubled work", d.Jobs),
		{name: "downloads beyond one a file", value: fmt.Sprintf("%d of %d", d.Downloads, d.Downloads+d.Files)},
		{name: "bytes beyond one a file", value: inBytes(d.Bytes) + " of " + inBytes(d.Bytes+d.FileBytes)},
		{name: "polls beyond the backoff", value: fmt.Sprintf("%d of %d", d.Polls, d.Polled)},
	}
}

func inBytes(n int64) string { return humanize.IBytes(uint64(n)) }

// Table writes the report as one aligned table. The error is the writer's.
func (r Report) Table(w io.Writer) error {
	out := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, line := range r.rows() {
		indent := "  "
		if line.heading {
			indent = ""
		}
		_, _ = fmt.Fprintf(out, "%s%s\t%s\n", indent, line.name, line.value) // Flush tells its error
	}
	return out.Flush()
}

// Markdown writes it as a table for documentation. The error is the writer's.
func (r Report) Markdown(w io.Writer) error {
	var text strings.Builder
	text.WriteString("| | |\n|---|---|\n")
	for _, line := range r.rows() {
		if line.heading {
			line.name = "**" + line.name + "**"
		}
		fmt.Fprintf(&text, "| %s | %s |\n", line.name, line.value)
	}
	_, err := io.WriteString(w, text.String())
	return err
}
