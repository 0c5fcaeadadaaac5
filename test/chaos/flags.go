package main

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/spf13/pflag"

	"github.com/jobferry/jobferry/internal/cli"
	"github.com/jobferry/jobferry/test/chaos/plan"
)

// settings are what the flags say.
type settings struct {
	plan plan.Options
	sync string
	dir  string // absolute; empty for a temporary one
	keep bool
	race bool
}

// nodes is the size of the cluster: the least that bears the loss of one.
const nodes = 3

// parse reads the flags. Without a seed a random one is taken.
func parse(args []string) (settings, error) {
	s := settings{plan: plan.Options{Nodes: nodes}}
	flags := pflag.NewFlagSet("chaos", pflag.ContinueOnError)
	flags.Uint64Var(&s.plan.Seed, "seed", randomSeed(), "what the plan follows from")
	flags.IntVar(&s.plan.Jobs, "jobs", 500, "jobs that are submitted")
	flags.IntVar(&s.plan.WorkerKills, "worker-kills", -1, "how often a worker is killed; 3 for 100 jobs when not set; with 0 no job may be given up as one that kills its worker")
	flags.IntVar(&s.plan.NodeKills, "node-kills", -1, "how often a NATS node is killed; 3 for 1000 jobs, at least 2, when not set")
	flags.IntVar(&s.plan.Workers, "workers", 3, "workers that run at once")
	flags.DurationVar(&s.plan.Length, "duration", 0, "time over which jobs and faults are spread; what they need when 0")
	flags.StringVar(&s.sync, "sync-interval", "always", "the nats-server's sync_interval; its own default is 2m, with which acknowledged messages can be lost")
	flags.StringVar(&s.dir, "dir", "", "folder for all data and the evidence; a temporary one when empty")
	flags.BoolVar(&s.keep, "keep", false, "keep the folder also when nothing was found")
	flags.BoolVar(&s.race, "race", false, "build the worker with Go's race detector")
	if err := flags.Parse(args); err != nil {
		return s, cli.UsageError(err)
	}
	s.defaults()
	return s, s.validate(flags.Args())
}

// defaults sets kills in proportion to the jobs: 300 and 30 for 10,000.
func (s *settings) defaults() {
	if s.plan.WorkerKills < 0 {
		s.plan.WorkerKills = max(s.plan.Jobs*3/100, 1)
	}
	if s.plan.NodeKills < 0 {
		s.plan.NodeKills = max(s.plan.Jobs*3/1000, 2)
	}
}

// maxCrashes raises what would give up jobs for the kills of the run. Without
// kills the default stands: nothing else may give a job up.
func (s *settings) maxCrashes() int {
	if s.plan.WorkerKills == 0 {
		return 0
	}
	return 1_000_000
}

// build are the flags of the worker's build.
func (s *settings) build() []string {
	if s.race {
		return []string{"-race"}
	}
	return nil
}

func (s *settings) validate(rest []string) error {
	if len(rest) > 0 {
		return cli.UsageError(fmt.Errorf("there are no arguments beside the flags: %q", rest))
	}
	if err := s.plan.Validate(); err != nil {
		return cli.UsageError(err)
	}
	if s.dir == "" {
		return nil
	}
	var err error
	if s.dir, err = filepath.Abs(s.dir); err != nil { // the S3 server moves the working directory
		return cli.UsageError(err)
	}
	return nil
}

func randomSeed() uint64 {
	var seed [4]byte // short enough to be typed
	_, _ = rand.Read(seed[:])
	return uint64(binary.BigEndian.Uint32(seed[:]))
}

// isHelp reports whether the flags only asked what they are.
func isHelp(err error) bool { return errors.Is(err, pflag.ErrHelp) }
