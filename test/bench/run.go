package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync"

	"github.com/spf13/pflag"
	"golang.org/x/sync/errgroup"

	"github.com/jobferry/jobferry/test/bench/figures"
	"github.com/jobferry/jobferry/test/bench/report"
)

// runner is one run of the benchmark.
type runner struct {
	settings
	programs programs
	self     string // path of this binary, which can be a server

	saying   sync.Mutex // over progress
	progress io.Writer
}

// run measures what the flags ask for and prints the table to out.
func run(ctx context.Context, args []string, out, progress io.Writer) error {
	s, err := parse(args, out)
	if errors.Is(err, pflag.ErrHelp) {
		return nil
	}
	if err != nil {
		return err
	}
	picked, err := s.pick(workloads(&s))
	if err != nil {
		return err
	}
	if s.list {
		return list(out, picked)
	}
	dir, remove, err := folder(s.dir)
	if err != nil {
		return err
	}
	s.dir = dir
	result, err := measure(ctx, s, picked, progress)
	if err := errors.Join(err, remove()); err != nil {
		return err
	}
	result.Command = strings.Join(append([]string{"go run ./test/bench"}, args...), " ")
	return publish(s, result, out)
}

func list(out io.Writer, all []workload) error {
	for _, w := range all {
		if _, err := fmt.Fprintf(out, "%-14s %s\n", w.name, w.title); err != nil {
			return err
		}
	}
	return nil
}

func publish(s settings, result report.Report, out io.Writer) error {
	if s.out != "" {
		if err := result.Save(s.out); err != nil {
			return err
		}
	}
	if s.markdown {
		return result.Markdown(out)
	}
	return result.Text(out)
}

// measure builds the programs and runs the workloads, one after the other.
func measure(ctx context.Context, s settings, picked []workload, progress io.Writer) (report.Report, error) {
	result := report.Report{Machine: report.ThisMachine()}
	self, err := os.Executable()
	if err != nil {
		return result, fmt.Errorf("find this program: %w", err)
	}
	if s.profile != "" {
		if err := os.MkdirAll(s.profile, 0o750); err != nil {
			return result, fmt.Errorf("make the folder for profiles: %w", err)
		}
	}
	binaries, err := build(ctx, s, s.dir)
	if err != nil {
		return result, err
	}
	if result.Machine.BinarySize, err = size(binaries.setup); err != nil {
		return result, fmt.Errorf("look at the worker's binary: %w", err)
	}
	r := &runner{settings: s, programs: binaries, self: self, progress: progress}
	for _, w := range picked {
		row, err := r.row(ctx, w)
		if err != nil {
			return result, fmt.Errorf("workload %s: %w", w.name, err)
		}
		result.Rows = append(result.Rows, row)
	}
	return result, nil
}

// maxAlone is how many runs a workload without a baseline has at most: only a
// ratio of two noisy figures needs more.
const maxAlone = 3

// row runs one workload: worker and baseline in turn, now the one first and now
// the other, or side by side, so that neither has the better hour of the
// machine.
func (r *runner) row(ctx context.Context, w workload) (figures.Row, error) {
	row := w.row()
	type turn struct {
		program
		samples *[]figures.Sample
	}
	turns, runs := []turn{{r.programs.worker, &row.Worker}}, min(r.runs, maxAlone)
	if w.baseline {
		turns, runs = append(turns, turn{r.programs.baseline, &row.Baseline}), r.runs
	}
	for n := range runs {
		group, ctx := errgroup.WithContext(ctx)
		if !r.together {
			group.SetLimit(1)
		}
		for _, t := range turns {
			group.Go(func() error {
				sample, err := r.once(ctx, w, t.program, fmt.Sprintf("run %d of %d", n+1, runs))
				*t.samples = append(*t.samples, sample)
				return err
			})
		}
		if err := group.Wait(); err != nil {
			return row, err
		}
		slices.Reverse(turns)
	}
	return row, nil
}

// once is one run of one program.
func (r *runner) once(ctx context.Context, w workload, p program, which string) (figures.Sample, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, runLimit, fmt.Errorf("the run took longer than %v", runLimit))
	defer cancel()
	sample, err := w.measure(ctx, r, p)
	if err != nil {
		return sample, fmt.Errorf("%s of the %s: %w", which, p.name, err)
	}
	r.saying.Lock()
	defer r.saying.Unlock()
	_, _ = fmt.Fprintf(r.progress, "%-14s %-8s %s: %d jobs in %.2f s, %s of CPU a job, %s\n",
		w.name, p.name, which, sample.Jobs, sample.Elapsed.Seconds(),
		figures.Seconds(figures.CPU().Of(sample)), figures.Mebibytes(figures.Memory().Of(sample)))
	return sample, nil
}
