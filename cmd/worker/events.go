package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jobferry/jobferry/internal/cli"
	"github.com/jobferry/jobferry/internal/config"
	"github.com/jobferry/jobferry/internal/job"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/spf13/cobra"
)

// How --job ends.
var (
	errCompleted    = errors.New("the job completed")
	errNotCompleted = errors.New("the job did not complete")
	errNotSettled   = errors.New("interrupted before the job had settled")
)

// eventOptions are the flags of the events command.
type eventOptions struct {
	json  bool
	since time.Duration
	job   string
}

func newEvents() *cobra.Command {
	var o eventOptions
	cmd := &cobra.Command{
		Use:   "events",
		Short: "Print terminal events as they come",
		Long: "events prints the terminal events of all jobs, from now on or from an earlier time on, until it is\n" +
			"interrupted. With --job it waits for one job, which may have settled already. A submission of that job\n" +
			"that the worker rejects ends it too; one that was rejected before counts if --since reaches back to it.",
		Example: "  worker events --since 1h\n" +
			"  worker events --json --since 1h > events.jsonl\n" +
			"  worker events --job 01234567-89ab-cdef-0123-456789abcdef && echo completed",
		Args: noArguments,
	}
	cmd.Flags().BoolVar(&o.json, "json", false, "one event a line, as it was published")
	cmd.Flags().DurationVar(&o.since, "since", 0, "begin with the events of this time, such as 1h; otherwise with the next one")
	cmd.Flags().StringVar(&o.job, "job", "", "wait for the event of this job; exit 0 if it completed, else 1")
	load := withSettings(cmd, config.SectionNATS, config.SectionSubjects)
	cobra.CheckErr(cmd.RegisterFlagCompletionFunc("job", completeWaiting(load, 1)))
	noFiles(cmd, "since")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		cfg, err := load()
		if err = errors.Join(err, o.validate()); err != nil {
			return err
		}
		return o.ended(cmd.Context(), watchEvents(cmd, cfg, o))
	}
	return cmd
}

// ended returns what is an error of how the command ended. Where a job was
// waited for, only that it completed is none.
func (o eventOptions) ended(ctx context.Context, err error) error {
	switch {
	case o.job == "":
		return stoppedAsAsked(ctx, err)
	case errors.Is(err, errCompleted):
		return nil
	case ctx.Err() != nil && !errors.Is(err, errNotCompleted):
		return errNotSettled
	}
	return err
}

// stoppedAsAsked returns what is an error of how a command ended that goes on
// until it is interrupted.
func stoppedAsAsked(ctx context.Context, err error) error {
	select {
	case <-ctx.Done():
		return nil
	default:
		return err
	}
}

func (o eventOptions) validate() error {
	if o.since < 0 {
		return cli.UsageError(fmt.Errorf("--since %v is in the future", o.since))
	}
	if o.job == "" {
		return nil
	}
	if _, err := job.ParseID(o.job); err != nil {
		return cli.UsageError(fmt.Errorf("--job: %w", err))
	}
	return nil
}

func watchEvents(cmd *cobra.Command, cfg config.Config, o eventOptions) error {
	c, err := connect(cmd.Context(), cfg, "events", cmd.ErrOrStderr())
	if err != nil {
		return err
	}
	defer c.nc.Close()
	sources, err := c.sources(cmd.Context(), o)
	if err != nil {
		return err
	}
	p := printer{out: cmd.OutOrStdout(), json: o.json}
	return c.follow(cmd.Context(), sources, func(msg jetstream.Msg) error {
		return o.take(p, msg)
	})
}

// take prints a message if it is one to print. The error tells how a job
// ended that was waited for.
func (o eventOptions) take(p printer, msg jetstream.Msg) error {
	event, readErr := decode(msg.Data())
	if o.job != "" && string(event.Data.JobID) != o.job {
		return nil
	}
	if readErr != nil {
		return p.unreadable(msg)
	}
	if err := p.print(event, msg.Data()); err != nil {
		return err
	}
	switch {
	case o.job == "":
		return nil
	case event.Data.Status == job.OutcomeCompleted:
		return errCompleted
	}
	return errNotCompleted
}

// sources are what to read of the events stream.
func (c *client) sources(ctx context.Context, o eventOptions) ([]jetstream.OrderedConsumerConfig, error) {
	begin, err := c.begin(ctx, o.since)
	if err != nil {
		return nil, err
	}
	if o.job == "" {
		begin.FilterSubjects = []string{c.subjects.AllEvents()}
		return []jetstream.OrderedConsumerConfig{begin}, nil
	}
	// One and the same consumer looks for the event and waits for it, so that
	// none falls in between.
	own := jetstream.OrderedConsumerConfig{DeliverPolicy: jetstream.DeliverLastPerSubjectPolicy}
	if o.since > 0 {
		own = begin
	}
	own.FilterSubjects = []string{c.subjects.AnyEvent(job.ID(o.job))}
	begin.FilterSubjects = []string{c.subjects.Event(job.OutcomeRejected, "*.*")}
	return []jetstream.OrderedConsumerConfig{own, begin}, nil
}

// begin is where to begin: at a time, or after the last event there is. That
// is a sequence, lest a consumer that is made again after an outage skip what
// came during it.
func (c *client) begin(ctx context.Context, since time.Duration) (jetstream.OrderedConsumerConfig, error) {
	stream, err := c.js.Stream(ctx, c.subjects.Events())
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return jetstream.OrderedConsumerConfig{}, missingStream(c.subjects.Events())
	}
	if err != nil {
		return jetstream.OrderedConsumerConfig{}, fmt.Errorf("look up stream %s: %w", c.subjects.Events(), err)
	}
	if since > 0 {
		start := time.Now().Add(-since)
		return jetstream.OrderedConsumerConfig{DeliverPolicy: jetstream.DeliverByStartTimePolicy, OptStartTime: &start}, nil
	}
	return jetstream.OrderedConsumerConfig{
		DeliverPolicy: jetstream.DeliverByStartSequencePolicy, OptStartSeq: stream.CachedInfo().State.LastSeq + 1,
	}, nil
}
