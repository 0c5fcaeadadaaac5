package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/jobferry/jobferry/internal/broker"
	"github.com/jobferry/jobferry/internal/cli"
	"github.com/jobferry/jobferry/internal/daemon"
	"github.com/spf13/pflag"
	"go.uber.org/zap"
)

// run starts everything, shows the samples, and stays up until ctx ends or,
// with --once, until the samples have settled.
func run(ctx context.Context, args []string, out io.Writer) error {
	o, settings, err := parse(args, out)
	if errors.Is(err, pflag.ErrHelp) {
		return nil
	}
	if err != nil {
		return err
	}
	s, err := startStack(ctx, o, settings)
	if err != nil {
		return err
	}
	printPlaces(out, o, s)
	err = s.work(ctx, func(ctx context.Context) error { return s.show(ctx, o, out) })
	return errors.Join(err, s.stop())
}

// work runs the worker beside show, and drains it when show has ended.
func (s *stack) work(ctx context.Context, show func(context.Context) error) error {
	if err := daemon.SetUp(ctx, s.cfg, zap.NewNop()); err != nil {
		return err
	}
	working, stop := context.WithCancel(ctx)
	showing, hide := context.WithCancel(ctx)
	defer hide()
	worker := make(chan error, 1)
	go func() {
		defer hide() // a worker that fails ends the show
		worker <- s.daemon.Run(working, context.WithoutCancel(ctx))
	}()
	err := show(showing)
	stop()
	return errors.Join(<-worker, err)
}

// show submits the samples and follows them to their end. The real API knows
// no samples.
func (s *stack) show(ctx context.Context, o options, out io.Writer) error {
	subjects, err := broker.NewSubjects(s.cfg.Worker.SubjectPrefix)
	if err != nil {
		return err
	}
	if s.api == nil {
		printHints(out, s, subjects, "")
		if o.once {
			return cli.UsageError(errors.New("--once settles samples, which the real API does not know; unset NITRO_API_URL"))
		}
		<-ctx.Done()
		return nil
	}
	show, err := newShow(ctx, s, subjects, out)
	if err != nil {
		return err
	}
	defer show.close()
	if err := show.submit(ctx); err != nil {
		return err
	}
	if err := show.follow(ctx); err != nil || ctx.Err() != nil {
		return err
	}
	wrong := show.wrong()
	if o.once {
		if len(wrong) > 0 {
			return fmt.Errorf("%d of %d samples did not settle as they should: %w", len(wrong), len(show.rows), errors.Join(wrong...))
		}
		fmt.Fprintf(out, "all %d samples settled as they should\n", len(show.rows))
		return nil
	}
	printHints(out, s, subjects, show.rows[0].sample.Job.ID)
	<-ctx.Done()
	return nil
}
