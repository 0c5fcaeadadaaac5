package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// program is one of the two that are measured.
type program struct {
	name   string
	binary string
	args   []string
}

// programs are the binaries of a run.
type programs struct {
	worker   program
	baseline program
	setup    string // the worker's own, whichever is measured
}

// build builds what is missing into dir, the worker as it ships.
func build(ctx context.Context, s settings, dir string) (programs, error) {
	const module = "github.com/jobferry/jobferry"
	worker, baseline := filepath.Join(dir, "worker"), filepath.Join(dir, "baseline")
	compared := program{name: "baseline", binary: baseline}
	list := map[string]string{}
	if s.baseline == "" {
		list[baseline] = module + "/test/bench/baseline"
	} else {
		compared = program{name: "baseline", binary: s.baseline, args: []string{"run"}}
	}
	if s.worker == "" {
		list[worker] = module + "/cmd/worker"
	} else {
		worker = s.worker
	}
	measured := worker
	if s.profile != "" {
		measured = filepath.Join(dir, "profiled")
		list[measured] = module + "/test/bench/profiled"
	}
	for file, pkg := range list {
		cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags=-s -w", "-o", file, pkg)
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		if printed, err := cmd.CombinedOutput(); err != nil {
			return programs{}, fmt.Errorf("build %s: %w\n%s", pkg, err, printed)
		}
	}
	return programs{
		worker:   program{name: "worker", binary: measured, args: []string{"run"}},
		baseline: compared,
		setup:    worker,
	}, nil
}

// size is the length of a file in bytes.
func size(path string) (int64, error) {
	info, err := os.Stat(path)
	if err != nil {
		return 0, errors.Join(err)
	}
	return info.Size(), nil
}
