package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jobferry/jobferry/internal/cli"
	"github.com/jobferry/jobferry/internal/config"
	"github.com/jobferry/jobferry/internal/fleet"
	"github.com/jobferry/jobferry/internal/job"
	"github.com/spf13/cobra"
)

// replayOptions are the flags of the replay command.
type replayOptions struct {
	reasons []string
	since   time.Duration
	dryRun  bool
	json    bool
}

func newReplay() *cobra.Command {
	var o replayOptions
	cmd := &cobra.Command{
		Use:   "replay [ID…]",
		Short: "Submit failed jobs once more",
		Long: "replay submits jobs once more whose failed events are chosen by reason, by time, or by the jobs' IDs; all\n" +
			"that are given have to fit. By their IDs canceled jobs can be chosen too. The old event stands until the\n" +
			"job is settled again, and is then replaced by the new one. The job has its bucket, prefix and metadata\n" +
			"again, and the worker's own deadline from now on.",
		Example: "  worker replay --reason store_failed --since 6h --dry-run\n" +
			"  worker replay 01234567-89ab-cdef-0123-456789abcdef",
		Args: jobIDs(0, maxArguments),
	}
	cmd.Flags().StringSliceVar(&o.reasons, "reason", nil, "of the events; several joined by commas")
	cmd.Flags().DurationVar(&o.since, "since", 0, "how old the events are at most, such as 6h")
	cmd.Flags().BoolVar(&o.dryRun, "dry-run", false, "tell which jobs would be submitted, and submit none")
	cmd.Flags().BoolVar(&o.json, "json", false, "one JSON object for each job, one a line")
	load := withSettings(cmd, config.SectionNATS, config.SectionSubjects)
	cobra.CheckErr(cmd.RegisterFlagCompletionFunc("reason", completeList(reasons())))
	noFiles(cmd, "since")
	cmd.ValidArgsFunction = completeFailed(load, func(event *fleet.Event) bool { return o.fits(event, o.from(time.Now())) })
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := o.validate(args); err != nil {
			return err
		}
		return withFleet(cmd, load, func(f *fleet.Fleet, p *progress) error { return o.replay(cmd, f, p, args) })
	}
	return cmd
}

func reasons() []string {
	all := make([]string, 0, len(job.Reasons()))
	for _, reason := range job.Reasons() {
		all = append(all, string(reason))
	}
	return all
}

// validate refuses a command that chooses nothing: to submit everything that
// ever failed has to be asked for.
func (o replayOptions) validate(args []string) error {
	if len(args) == 0 && len(o.reasons) == 0 && o.since == 0 {
		return cli.UsageError(errors.New("choose the jobs by --reason, --since or their IDs"))
	}
	if o.since < 0 {
		return cli.UsageError(fmt.Errorf("--since %v is in the future", o.since))
	}
	for _, reason := range o.reasons {
		if !slices.Contains(reasons(), reason) {
			return cli.UsageError(fmt.Errorf("--reason %q is none of %v", reason, reasons()))
		}
	}
	return nil
}

func (o replayOptions) replay(cmd *cobra.Command, f *fleet.Fleet, p *progress, args []string) error {
	r := &replayer{replayOptions: o, fleet: f, report: newReport(cmd, o.json, p), from: o.from(time.Now())}
	run := r.events
	if len(args) > 0 {
		run = func(ctx context.Context) error { return r.jobs(ctx, args) }
	}
	err := run(cmd.Context())
	p.clear()
	if err != nil {
		return err
	}
	if !o.json {
		fmt.Fprintf(cmd.OutOrStdout(), "%s %s\n", jobs(r.count), o.verb())
	}
	return r.report.close()
}

// from is the time of the oldest event that fits; zero if any does.
func (o replayOptions) from(now time.Time) time.Time {
	if o.since == 0 {
		return time.Time{}
	}
	return now.Add(-o.since)
}

func (o replayOptions) fits(event *fleet.Event, from time.Time) bool {
	return !event.Time.Before(from) && (len(o.reasons) == 0 || slices.Contains(o.reasons, event.Data.Reason))
}

func (o replayOptions) verb() string {
	if o.dryRun {
		return "would be submitted once more"
	}
	return "submitted once more"
}

// replayer submits jobs once more and counts them.
type replayer struct {
	replayOptions

	fleet  *fleet.Fleet
	report *report
	from   time.Time
	count  int
}

// events replays the failed events that fit.
func (r *replayer) events(ctx context.Context) error {
	for event, err := range r.fleet.Failed(ctx, r.from) {
		if err != nil {
			return err
		}
		if !r.fits(event, r.from) {
			continue
		}
		if err := r.one(ctx, event); err != nil {
			return err
		}
	}
	return nil
}

// jobs replays jobs by their IDs.
func (r *replayer) jobs(ctx context.Context, ids []string) error {
	for _, id := range ids {
		event, err := r.fleet.Replayable(ctx, job.ID(id))
		switch {
		case err != nil:
			err = r.report.tell(job.ID(id), "", "", err)
		case !r.fits(event, r.from):
			err = r.report.tell(job.ID(id), fleet.Settled, "", fmt.Errorf("job %s does not fit: %s", id, ending(event)))
		default:
			err = r.one(ctx, event)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// one submits a job once more. The error ends the command; what is wrong with
// this job alone is reported.
func (r *replayer) one(ctx context.Context, event *fleet.Event) error {
	if ctx.Err() != nil {
		return errStopped
	}
	err := r.try(ctx, event)
	if err == nil {
		r.count++
	}
	return r.report.tell(event.Data.JobID, fleet.Settled, r.verb()+"; it was "+ending(event), err)
}

// try submits a job once more, or looks whether that would be refused.
func (r *replayer) try(ctx context.Context, event *fleet.Event) error {
	if r.dryRun {
		_, err := r.fleet.Replayable(ctx, event.Data.JobID)
		return err
	}
	return r.fleet.Replay(ctx, event)
}

// ending is how and when a job ended.
func ending(event *fleet.Event) string {
	what := string(event.Data.Status)
	if event.Data.Reason != "" {
		what += " (" + printable(event.Data.Reason) + ")"
	}
	return what + " " + ago(event.Time)
}
