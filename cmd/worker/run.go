package main

import (
	"context"
	"fmt"
	"io"
	"os"

	"github.com/jobferry/jobferry/internal/broker"
	"github.com/jobferry/jobferry/internal/config"
	"github.com/jobferry/jobferry/internal/daemon"
)

// run is the daemon: it works until ctx ends, drains, and stop ends the drain
// at once.
func run(ctx, stop context.Context, cfg config.Config) error {
	log, err := daemon.NewLogger(cfg.Worker)
	if err != nil {
		return err
	}
	defer log.Sync() //nolint:errcheck // standard error cannot always be synced
	defer daemon.RedirectStandardLog(log)()
	daemon.TuneMemory(cfg, os.LookupEnv)
	d, err := daemon.New(cfg, versionName(), log)
	if err != nil {
		return err
	}
	return d.Run(ctx, stop)
}

// setup creates what is missing at the broker, and says what is there now; what
// the connection has to say, such as of permissions, goes to errs.
func setup(ctx context.Context, cfg config.Config, out, errs io.Writer) error {
	if err := daemon.SetUp(ctx, cfg, warnings(errs)); err != nil {
		return err
	}
	subjects, err := broker.NewSubjects(cfg.Worker.SubjectPrefix)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "streams %s, %s and %s are ready; publish job IDs to %s\n",
		subjects.Jobs(), subjects.Wait(), subjects.Events(), subjects.Submit())
	return err
}
