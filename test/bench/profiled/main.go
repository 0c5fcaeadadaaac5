// Command profiled is the worker's run command with profiles: the same daemon,
// composed of the same settings, and nothing of it in the binary that ships.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/pflag"

	"github.com/jobferry/jobferry/internal/config"
	"github.com/jobferry/jobferry/internal/daemon"
	"github.com/jobferry/jobferry/test/bench/profile"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	finish := profile.Start("worker")
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "profiled:", err)
		os.Exit(1) //nolint:gocritic // nothing is deferred that outlives the process
	}
	finish()
}

func run(ctx context.Context) error {
	cfg, err := config.Bind(pflag.NewFlagSet("profiled", pflag.ContinueOnError)).Load(os.LookupEnv)
	if err != nil {
		return err
	}
	log, err := daemon.NewLogger(cfg.Worker)
	if err != nil {
		return err
	}
	daemon.TuneMemory(cfg, os.LookupEnv)
	d, err := daemon.New(cfg, "", log)
	if err != nil {
		return err
	}
	return d.Run(ctx, context.Background())
}
