package main

import (
	"errors"
	"fmt"
	"io"
	"math"
	"path/filepath"
	"strings"

	"github.com/spf13/pflag"

	"github.com/jobferry/jobferry/internal/cli"
	"github.com/jobferry/jobferry/test/bench/servers"
)

// settings are what the flags say.
type settings struct {
	workloads []string
	list      bool
	runs      int
	scale     float64
	atOnce    int
	store     string
	worker    string
	baseline  string
	together  bool
	dir       string
	out       string
	markdown  bool
	profile   string
}

// parse reads the flags; help goes to out.
func parse(args []string, out io.Writer) (settings, error) {
	var s settings
	flags := pflag.NewFlagSet("bench", pflag.ContinueOnError)
	flags.SetOutput(out)
	flags.SortFlags = false
	flags.StringSliceVar(&s.workloads, "workload", nil, "only these workloads, by name or by the beginning of it")
	flags.BoolVar(&s.list, "list", false, "list the workloads and measure none")
	flags.IntVar(&s.runs, "runs", 5, fmt.Sprintf("runs of each program, worker and baseline in turn; at most %d of what has no baseline", maxAlone))
	flags.Float64Var(&s.scale, "scale", 1, "multiplies the number of jobs, for a quick look")
	flags.IntVar(&s.atOnce, "at-once", 16, "results that a program stores at once")
	flags.StringVar(&s.store, "store", "", "the store of all workloads: s3 (versitygw, with files) or discard")
	flags.StringVar(&s.worker, "worker", "", "binary of the worker; built from this module when not set")
	flags.StringVar(&s.baseline, "baseline", "", "binary of another worker to compare with, in place of the baseline")
	flags.BoolVar(&s.together, "side-by-side", false, "run worker and baseline at the same time, each on servers of its own: what they cost then compares to a few percent, how fast they are does not")
	flags.StringVar(&s.dir, "dir", "", "folder for the servers' data; a temporary one when not set, in memory where there is room")
	flags.StringVar(&s.out, "out", "", "folder for the runs as CSV and JSON, and the table")
	flags.BoolVar(&s.markdown, "markdown", false, "print the table as Markdown")
	flags.StringVar(&s.profile, "profile", "", "folder for profiles of CPU and allocations, to be read with go tool pprof; the figures are then not the shipped binary's")
	if err := flags.Parse(args); err != nil {
		return s, cli.UsageError(err)
	}
	if flags.NArg() > 0 {
		return s, cli.UsageError(fmt.Errorf("there are no arguments beside the flags: %q", flags.Args()))
	}
	return s, s.complete()
}

// complete checks the flags and makes the paths absolute: the programs run
// elsewhere.
func (s *settings) complete() error {
	var problems []error
	if s.runs < 1 {
		problems = append(problems, fmt.Errorf("--runs is %d, it must be 1 or more", s.runs))
	}
	if !(s.scale > 0) || math.IsInf(s.scale, 0) { // also not a number
		problems = append(problems, fmt.Errorf("--scale is %v, it must be positive", s.scale))
	}
	if s.atOnce < 1 {
		problems = append(problems, fmt.Errorf("--at-once is %d, it must be 1 or more", s.atOnce))
	}
	if s.store != "" && s.store != servers.S3 && s.store != servers.Discard {
		problems = append(problems, fmt.Errorf("--store is %q, it must be %s or %s", s.store, servers.S3, servers.Discard))
	}
	if s.profile != "" && (s.worker != "" || s.baseline != "") {
		problems = append(problems, errors.New("--profile builds programs of its own, --worker and --baseline name others"))
	}
	for _, path := range []*string{&s.worker, &s.baseline, &s.dir, &s.out, &s.profile} {
		if *path == "" {
			continue
		}
		absolute, err := filepath.Abs(*path)
		problems = append(problems, err)
		*path = absolute
	}
	if err := errors.Join(problems...); err != nil {
		return cli.UsageError(err)
	}
	return nil
}

// count is a number of jobs after scaling, at least one.
func (s *settings) count(jobs int) int { return max(1, int(math.Round(float64(jobs)*s.scale))) }

// pick returns the workloads that were asked for, in the table's order.
func (s *settings) pick(all []workload) ([]workload, error) {
	if len(s.workloads) == 0 {
		return all, nil
	}
	wanted := map[string]bool{}
	for _, prefix := range s.workloads {
		found := false
		for _, w := range all {
			if strings.HasPrefix(w.name, prefix) {
				wanted[w.name], found = true, true
			}
		}
		if !found {
			return nil, cli.UsageError(fmt.Errorf("there is no workload %q; --list shows them", prefix))
		}
	}
	var picked []workload
	for _, w := range all {
		if wanted[w.name] {
			picked = append(picked, w)
		}
	}
	return picked, nil
}
