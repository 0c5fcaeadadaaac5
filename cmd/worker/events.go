package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/jobferry/jobferry/internal/config"
	"github.com/jobferry/jobferry/internal/job"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/spf13/cobra"
)

// errNotCompleted is how --job ends for a job that has settled otherwise.
var errNotCompleted = errors.New("the job did not complete")

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
		Example: "  worker events --since 1h\n" +
			"  worker events --json | jq .data.status\n" +
			"  worker events --job 01234567-89ab-cdef-0123-456789abcdef && echo completed",
		Args: noArguments,
	}
	cmd.Flags().BoolVar(&o.json, "json", false, "one event a line, as it was published")
	cmd.Flags().DurationVar(&o.since, "since", 0, "begin with the events of this time, such as 1h; otherwise with the next one")
	cmd.Flags().StringVar(&o.job, "job", "", "wait for the event of this job; exit 0 if it completed, else 1")
	load := withSettings(cmd, config.SectionNATS, config.SectionSubjects)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		cfg, err := load()
		if err != nil {
			return err
		}
		c, err := connect(cmd.Context(), cfg, "events")
		if err != nil {
			return err
		}
		defer c.nc.Close()
		return c.printEvents(cmd.Context(), o, cmd.OutOrStdout())
	}
	return cmd
}

// printEvents prints until ctx ends, or until the one event has come.
func (c *client) printEvents(ctx context.Context, o eventOptions, out io.Writer) error {
	messages, err := c.follow(ctx, o)
	if err != nil {
		return err
	}
	defer messages.Stop()
	defer context.AfterFunc(ctx, messages.Stop)()
	for {
		msg, err := messages.Next()
		if ctx.Err() != nil {
			return nil // stopped as asked
		}
		if err != nil {
			return fmt.Errorf("read the events: %w", err)
		}
		event, err := printEvent(out, msg.Data(), o.json)
		if err != nil {
			return fmt.Errorf("print the event on %s: %w", msg.Subject(), err)
		}
		if o.job != "" {
			if event.Data.Status != job.OutcomeCompleted {
				return errNotCompleted
			}
			return nil
		}
	}
}

// follow reads the events in order, and goes on after a reconnect. For one job
// it begins with the event that may be there already, so that none falls
// between looking and waiting.
func (c *client) follow(ctx context.Context, o eventOptions) (jetstream.MessagesContext, error) {
	settings := jetstream.OrderedConsumerConfig{
		FilterSubjects: []string{c.names.AllEvents()}, DeliverPolicy: jetstream.DeliverNewPolicy,
	}
	switch {
	case o.job != "":
		id, err := job.ParseID(o.job)
		if err != nil {
			return nil, usageError{fmt.Errorf("--job: %w", err)}
		}
		settings.FilterSubjects = []string{c.names.AnyEvent(id)}
		settings.DeliverPolicy = jetstream.DeliverLastPerSubjectPolicy
	case o.since > 0:
		start := time.Now().Add(-o.since)
		settings.DeliverPolicy, settings.OptStartTime = jetstream.DeliverByStartTimePolicy, &start
	}
	ordered, err := c.js.OrderedConsumer(ctx, c.names.Events(), settings)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return nil, fmt.Errorf("there is no stream %s yet: run `worker setup`, or start a worker", c.names.Events())
	}
	if err != nil {
		return nil, fmt.Errorf("read the events: %w", err)
	}
	return ordered.Messages()
}

// printEvent prints one event on a line.
func printEvent(out io.Writer, body []byte, asJSON bool) (job.Event, error) {
	var event job.Event
	if err := json.Unmarshal(body, &event); err != nil {
		return event, err
	}
	if asJSON {
		_, err := fmt.Fprintf(out, "%s\n", body)
		return event, err
	}
	_, err := fmt.Fprintf(out, "%s  %-9s  %-36s  %s\n",
		event.Time.Local().Format(time.DateTime), event.Data.Status, event.ID, detail(event.Data))
	return event, err
}
