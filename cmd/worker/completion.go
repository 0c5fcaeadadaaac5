package main

import (
	"context"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/jobferry/jobferry/internal/fleet"
	"github.com/jobferry/jobferry/internal/job"
	"github.com/spf13/cobra"
)

// The limits of what completion asks the broker, lest a shell hang.
const (
	completionLimit = 2 * time.Second
	completionJobs  = 100
)

// completing finds what completion offers, of the jobs that are wanted. What it
// has found when it fails is offered all the same.
type completing func(ctx context.Context, f *fleet.Fleet, wanted func(job.ID) bool) ([]cobra.Completion, error)

// complete offers job IDs as arguments, so many at most and none twice. Without
// a broker it offers nothing.
func complete(load loading, most int, find completing) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, begin string) (offers []cobra.Completion, _ cobra.ShellCompDirective) {
		if len(args) >= most {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		ctx, cancel := context.WithTimeout(cmd.Context(), completionLimit)
		defer cancel()
		wanted := func(id job.ID) bool {
			return strings.HasPrefix(string(id), begin) && !slices.Contains(args, string(id))
		}
		err := withBroker(ctx, load, func(f *fleet.Fleet) (err error) {
			offers, err = find(ctx, f, wanted)
			return err
		})
		if err != nil {
			cobra.CompDebugln(err.Error(), false)
		}
		return offers, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveKeepOrder
	}
}

// withBroker connects for as long as a completion takes.
func withBroker(ctx context.Context, load loading, ask func(*fleet.Fleet) error) error {
	cfg, err := load()
	if err != nil {
		return err
	}
	c, err := connect(ctx, cfg, "operator completion", io.Discard)
	if err != nil {
		return err
	}
	defer c.nc.Close()
	return ask(fleet.New(c.js, c.subjects))
}

// completeWaiting offers jobs that wait, with the time of their next poll.
func completeWaiting(load loading, most int) cobra.CompletionFunc {
	return complete(load, most, func(ctx context.Context, f *fleet.Fleet, wanted func(job.ID) bool) (offers []cobra.Completion, err error) {
		waiting, err := f.Waiting(ctx, completionJobs)
		for _, at := range waiting {
			if wanted(at.Job.ID) {
				offers = append(offers, offer(at.Job.ID, "waiting until "+at.Until.Local().Format(time.TimeOnly)))
			}
		}
		return offers, err
	})
}

// completeFailed offers jobs whose failed events fit, those that failed last.
func completeFailed(load loading, fits func(*fleet.Event) bool) cobra.CompletionFunc {
	return complete(load, maxArguments, func(ctx context.Context, f *fleet.Fleet, wanted func(job.ID) bool) (offers []cobra.Completion, err error) {
		for event, err := range f.Failed(ctx, time.Time{}) {
			if err != nil {
				return offers, err
			}
			if fits(event) && wanted(event.Data.JobID) {
				offers = append(offers[max(0, len(offers)+1-completionJobs):], offer(event.Data.JobID, ending(event)))
			}
		}
		return offers, nil
	})
}

func offer(id job.ID, description string) cobra.Completion {
	return cobra.CompletionWithDesc(string(id), description)
}

// completeList completes the last of several values that are joined by commas.
func completeList(values []string) cobra.CompletionFunc {
	return func(_ *cobra.Command, _ []string, begin string) ([]cobra.Completion, cobra.ShellCompDirective) {
		given, last := begin[:strings.LastIndex(begin, ",")+1], begin[strings.LastIndex(begin, ",")+1:]
		var offers []cobra.Completion
		for _, value := range values {
			if strings.HasPrefix(value, last) && !slices.Contains(strings.Split(given, ","), value) {
				offers = append(offers, given+value)
			}
		}
		return offers, cobra.ShellCompDirectiveNoFileComp
	}
}

// noFiles completes values of flags that are no names of files by nothing.
func noFiles(cmd *cobra.Command, flags ...string) {
	for _, flag := range flags {
		cobra.CheckErr(cmd.RegisterFlagCompletionFunc(flag, cobra.NoFileCompletions))
	}
}
