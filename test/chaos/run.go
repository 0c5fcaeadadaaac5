package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/jobferry/jobferry/test/chaos/check"
	"github.com/jobferry/jobferry/test/chaos/plan"
	"github.com/jobferry/jobferry/test/chaos/world"
)

// run is one chaos run from the flags to the table. It leaves no process
// behind, however it ends.
func run(ctx context.Context, args []string, out io.Writer) error {
	s, err := parse(args)
	if isHelp(err) {
		return nil
	}
	if err != nil {
		return err
	}
	if s.dir == "" {
		if s.dir, err = os.MkdirTemp("", "jobferry-chaos-"); err != nil {
			return fmt.Errorf("make a folder for the run: %w", err)
		}
	}
	if err := os.MkdirAll(s.dir, 0o750); err != nil {
		return fmt.Errorf("make a folder for the run: %w", err)
	}
	_, _ = fmt.Fprint(out, plan.Summary(s.plan))
	programs, err := world.Build(ctx, s.dir, s.build()...)
	if err != nil {
		return err
	}
	report, err := runIn(ctx, s, programs, out)
	return errors.Join(err, conclude(s, report, err == nil, out))
}

// runIn lives through one plan in a world of its own and judges it.
func runIn(ctx context.Context, s settings, programs world.Binaries, out io.Writer) (check.Report, error) {
	workload, faults := plan.Workload(s.plan), plan.Faults(s.plan)
	w, err := world.Start(ctx, s.dir, programs, world.Options{
		Workers: s.plan.Workers, Nodes: s.plan.Nodes, SyncInterval: s.sync, MaxCrashes: s.maxCrashes(),
	})
	if err != nil {
		return check.Report{}, err
	}
	evidence, err := w.Run(ctx, world.Scenario{Workload: workload, Faults: faults, Progress: out})
	if err := errors.Join(err, w.Close()); err != nil {
		return check.Report{}, err
	}
	observation, err := observe(ctx, workload, faults, evidence)
	if err != nil {
		return check.Report{}, err
	}
	report := check.Run(observation)
	for _, problem := range evidence.Problems {
		_, _ = fmt.Fprintln(out, "problem of the run:", problem)
	}
	_, _ = fmt.Fprintf(out, "%d starts of workers, %d ends\n", evidence.Starts, len(evidence.Ends))
	return report, errors.Join(report.Table(out), save(s, evidence, report), errors.Join(evidence.Problems...))
}

// conclude says where the evidence is, or takes it away when there is nothing
// to be seen in it.
func conclude(s settings, report check.Report, whole bool, out io.Writer) error {
	if whole && report.OK() && !s.keep {
		return os.RemoveAll(s.dir)
	}
	_, _ = fmt.Fprintf(out, "the evidence is in %s\n", s.dir)
	if !report.OK() {
		return fmt.Errorf("%d violations", len(report.Violations))
	}
	return nil
}
