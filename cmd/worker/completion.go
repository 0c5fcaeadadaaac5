package main

import (
	"context"
	"io"
	"strings"
	"time"

	"github.com/jobferry/jobferry/internal/fleet"
	"github.com/spf13/cobra"
)

// The limits of what completion asks the broker, lest a shell hang.
const (
	completionLimit = 2 * time.Second
	completionJobs  = 100
)

// completeWaiting offers the IDs of jobs that wait, with the time of their next
// poll. Without a broker it offers nothing.
func completeWaiting(load loading) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, begin string) ([]cobra.Completion, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		ctx, cancel := context.WithTimeout(cmd.Context(), completionLimit)
		defer cancel()
		waiting, err := waitingJobs(ctx, load)
		if err != nil {
			cobra.CompDebugln(err.Error(), false)
		}
		var offers []cobra.Completion
		for _, at := range waiting {
			if id := string(at.Job.ID); strings.HasPrefix(id, begin) {
				offers = append(offers, cobra.CompletionWithDesc(id, "waiting until "+at.Until.Local().Format(time.TimeOnly)))
			}
		}
		return offers, cobra.ShellCompDirectiveNoFileComp
	}
}

func waitingJobs(ctx context.Context, load loading) ([]fleet.Whereabouts, error) {
	cfg, err := load()
	if err != nil {
		return nil, err
	}
	c, err := connect(ctx, cfg, "completion", io.Discard)
	if err != nil {
		return nil, err
	}
	defer c.nc.Close()
	return fleet.New(c.js, c.names).Waiting(ctx, completionJobs)
}
