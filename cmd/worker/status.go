package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/jobferry/jobferry/internal/cli"
	"github.com/jobferry/jobferry/internal/config"
	"github.com/jobferry/jobferry/internal/fleet"
	"github.com/jobferry/jobferry/internal/job"
	"github.com/spf13/cobra"
)

// settledWithin is how far back status counts events.
const settledWithin = time.Hour

// watchEvery is how often --watch looks when it is given without a value.
const watchEvery = 2 * time.Second

// statusOptions are the flags of the status command.
type statusOptions struct {
	json  bool
	watch time.Duration
}

func newStatus() *cobra.Command {
	var o statusOptions
	cmd := &cobra.Command{
		Use:   "status [ID]",
		Short: "Tell where all jobs are, or one",
		Long: "status counts the jobs of all pods: submitted and not taken, waiting for their next poll, due, in hand,\n" +
			"and settled in the last hour. With an ID it tells where that job is. It asks the broker and changes nothing.",
		Example: "  worker status\n" +
			"  worker status --watch\n" +
			"  worker status --json 01234567-89ab-cdef-0123-456789abcdef",
		Args: jobIDs(0, 1),
	}
	cmd.Flags().BoolVar(&o.json, "json", false, "one JSON object a line")
	cmd.Flags().DurationVar(&o.watch, "watch", 0, "look again this often, until it is interrupted; --watch alone means every 2s")
	cmd.Flags().Lookup("watch").NoOptDefVal = watchEvery.String()
	load := withSettings(cmd, config.SectionNATS, config.SectionSubjects)
	cmd.ValidArgsFunction = completeWaiting(load, 1)
	noFiles(cmd, "watch")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if o.watch < 0 {
			return cli.UsageError(fmt.Errorf("--watch %v is negative", o.watch))
		}
		return withFleet(cmd, load, func(f *fleet.Fleet, p *progress) error {
			query := func(ctx context.Context) (answer, error) { return statusOfAll(ctx, f) }
			if len(args) > 0 {
				query = func(ctx context.Context) (answer, error) { return statusOfOne(ctx, f, job.ID(args[0])) }
			}
			err := o.repeat(cmd, func(ctx context.Context) error {
				a, err := query(ctx)
				p.clear()
				if err != nil {
					return err
				}
				return o.print(cmd.OutOrStdout(), a)
			})
			return stoppedAsAsked(cmd.Context(), err)
		})
	}
	return cmd
}

// repeat looks once, or again and again. While it watches, an answer that does
// not come is no reason to stop.
func (o statusOptions) repeat(cmd *cobra.Command, query func(context.Context) error) error {
	if o.watch == 0 {
		return query(cmd.Context())
	}
	ticks := time.NewTicker(o.watch)
	defer ticks.Stop()
	for {
		if isTerminal(cmd.OutOrStdout()) && !o.json {
			fmt.Fprint(cmd.OutOrStdout(), "\x1b[H\x1b[2J")
		}
		if err := query(cmd.Context()); err != nil && cmd.Context().Err() == nil {
			fmt.Fprintln(cmd.ErrOrStderr(), "worker:", err)
		}
		select {
		case <-ticks.C:
		case <-cmd.Context().Done():
			return nil
		}
	}
}

// statusOfAll tells of all jobs.
func statusOfAll(ctx context.Context, f *fleet.Fleet) (answer, error) {
	ctx, cancel := context.WithTimeout(ctx, confirmLimit)
	defer cancel()
	census, err := f.Count(ctx)
	settled, settledErr := f.Settled(ctx, time.Now().Add(-settledWithin))
	if err := errors.Join(err, settledErr); err != nil {
		return nil, err
	}
	return newFleetStatus(census, settled), nil
}

// statusOfOne tells of one job, which may have to be searched for.
func statusOfOne(ctx context.Context, f *fleet.Fleet, id job.ID) (answer, error) {
	at, err := f.Find(ctx, id)
	if err != nil {
		return nil, err
	}
	return newJobStatus(at), nil
}

// answer is what status has to say, as JSON or for people.
type answer interface {
	table(s style) table
}

func (o statusOptions) print(out io.Writer, a answer) error {
	if o.json {
		return json.NewEncoder(out).Encode(a)
	}
	return a.table(styleOf(out)).print(out)
}

// withFleet connects and runs a command that works on the jobs of all pods. It
// shows the progress of what takes long, until the command clears it.
func withFleet(cmd *cobra.Command, load loading, run func(*fleet.Fleet, *progress) error) error {
	cfg, err := load()
	if err != nil {
		return err
	}
	c, err := connect(cmd.Context(), cfg, "operator "+cmd.Name(), cmd.ErrOrStderr())
	if err != nil {
		return err
	}
	defer c.nc.Close()
	p := newProgress(cmd.ErrOrStderr())
	defer p.clear()
	return run(fleet.New(c.js, c.subjects).WithProgress(p.reading), p)
}
