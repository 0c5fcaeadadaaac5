// Package owners tells from CPU profiles whose code the time went to: a
// program's own, or which library's.
package owners

import (
	"cmp"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/google/pprof/profile"
)

// Share is what one owner's code took of the CPU.
type Share struct {
	Owner   string
	Seconds float64
}

// Where no library and no program is in a stack.
const (
	collector = "garbage collector"
	scheduler = "scheduler and the rest of the runtime"
)

// Of reads CPU profiles and adds their time up by owner, the largest first. A
// sample belongs to the innermost function that is not the standard library's,
// which works for whoever calls it; net/http is an owner too.
func Of(paths ...string) ([]Share, error) {
	seconds := map[string]float64{}
	for _, path := range paths {
		if err := add(seconds, path); err != nil {
			return nil, fmt.Errorf("read the profile %s: %w", path, err)
		}
	}
	shares := make([]Share, 0, len(seconds))
	for owner, time := range seconds {
		shares = append(shares, Share{owner, time})
	}
	slices.SortFunc(shares, func(a, b Share) int {
		return cmp.Or(cmp.Compare(b.Seconds, a.Seconds), cmp.Compare(a.Owner, b.Owner))
	})
	return shares, nil
}

func add(seconds map[string]float64, path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	p, err := profile.Parse(file)
	if err != nil {
		return err
	}
	for _, sample := range p.Sample {
		seconds[ownerOf(sample)] += float64(sample.Value[1]) / 1e9 // the second value is in nanoseconds
	}
	return nil
}

func ownerOf(sample *profile.Sample) string {
	owner := scheduler
	for _, location := range sample.Location {
		for _, line := range location.Line {
			if line.Function == nil {
				continue
			}
			if name := library(line.Function.Name); name != "" {
				return name
			}
			if strings.HasPrefix(line.Function.Name, "runtime.gcBgMarkWorker") || line.Function.Name == "runtime.bgsweep" {
				owner = collector
			}
		}
	}
	return owner
}

// library is the owner of a function; empty for the standard library.
func library(function string) string {
	const own = "github.com/jobferry/jobferry/"
	path := packageOf(function)
	elements := strings.SplitN(path, "/", 4)
	switch {
	case path == "main" || strings.HasPrefix(path, own+"test/"):
		return "the program itself"
	case strings.HasPrefix(path, own):
		return strings.TrimPrefix(path, own)
	case strings.HasPrefix(path, "github.com/aws/"):
		return "AWS SDK"
	case path == "net/http" || strings.HasPrefix(path, "net/http/"):
		return "net/http"
	case !strings.Contains(elements[0], "."):
		return ""
	}
	return strings.Join(elements[:min(3, len(elements))], "/")
}

// packageOf is the path of a function's package: all up to the first dot
// behind the last slash that is not in brackets or parentheses.
func packageOf(function string) string {
	if i := strings.IndexAny(function, "[("); i >= 0 {
		function = function[:i]
	}
	slash := strings.LastIndex(function, "/") + 1
	name, _, _ := strings.Cut(function[slash:], ".")
	return function[:slash] + name
}

// least is the share of the time below which an owner has no line of its own.
const least = 0.01

// Show writes one line an owner, with its share and its time for each of so
// many jobs.
func Show(out io.Writer, shares []Share, jobs int) error {
	total := 0.0
	for _, share := range shares {
		total += share.Seconds
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	others := total
	for _, share := range shares {
		if share.Seconds >= least*total {
			line(w, share, total, jobs)
			others -= share.Seconds
		}
	}
	line(w, Share{"others", others}, total, jobs)
	return w.Flush()
}

func line(w io.Writer, share Share, total float64, jobs int) {
	_, _ = fmt.Fprintf(w, "%.1f %%\t%.1f µs\t  %s\n", 100*share.Seconds/total, 1e6*share.Seconds/float64(max(jobs, 1)), share.Owner) // Flush tells
}
