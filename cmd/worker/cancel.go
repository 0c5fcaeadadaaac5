package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/jobferry/jobferry/internal/config"
	"github.com/jobferry/jobferry/internal/fleet"
	"github.com/jobferry/jobferry/internal/job"
	"github.com/spf13/cobra"
)

func newCancel() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "cancel ID…",
		Short: "Drop jobs that are not settled, and publish their canceled events",
		Long: "cancel publishes the canceled event of each job and removes what would carry it further; the API is not\n" +
			"told. A worker that has the job in hand finds the event when it is done; objects that it has stored by\n" +
			"then stay in the bucket, named by no event. Of a job that is settled already nothing is changed, and the\n" +
			"exit status is 1, unless it is canceled. It is 1 too if something of a canceled job stays that should be\n" +
			"gone, such as the event that a replay was to replace: cancel it again.",
		Example: "  worker cancel 01234567-89ab-cdef-0123-456789abcdef",
		Args:    jobIDs(1, maxArguments),
	}
	repairs(cmd, &asJSON, "canceled", func(ctx context.Context, f *fleet.Fleet, id job.ID) (fleet.JobStatus, error) {
		return f.Cancel(ctx, id)
	})
	return cmd
}

func newNow() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "now ID…",
		Short: "Poll waiting jobs at once",
		Long: "now makes jobs due that wait for their next poll. Their backoff goes on from where it is. Of a job that\n" +
			"does not wait nothing is changed, and the exit status is 1.",
		Example: "  worker now 01234567-89ab-cdef-0123-456789abcdef",
		Args:    jobIDs(1, maxArguments),
	}
	repairs(cmd, &asJSON, "due now", func(ctx context.Context, f *fleet.Fleet, id job.ID) (fleet.JobStatus, error) {
		return f.Now(ctx, id)
	})
	return cmd
}

// maxArguments is more than a command line holds.
const maxArguments = 1 << 20

// repair is something that is done to one job; it returns where the job was.
type repair func(ctx context.Context, f *fleet.Fleet, id job.ID) (fleet.JobStatus, error)

// repaired is what became of one job, as JSON. Its form is part of the README.
type repaired struct {
	JobID job.ID      `json:"jobID"`
	Done  bool        `json:"done"`
	State fleet.State `json:"state,omitempty"` // in which the job was
	Error string      `json:"error,omitempty"`
}

// repairs makes a command of a repair, which it does to each of its arguments.
func repairs(cmd *cobra.Command, asJSON *bool, done string, do repair) {
	cmd.Flags().BoolVar(asJSON, "json", false, "one JSON object for each job, one a line")
	load := withSettings(cmd, config.SectionNATS, config.SectionSubjects)
	cmd.ValidArgsFunction = completeWaiting(load, maxArguments)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return withFleet(cmd, load, func(f *fleet.Fleet, p *progress) error {
			r := newReport(cmd, *asJSON, p)
			for _, arg := range args {
				if err := cmd.Context().Err(); err != nil {
					return errors.Join(errStopped, r.close())
				}
				at, err := do(cmd.Context(), f, job.ID(arg))
				if err := r.tell(job.ID(arg), at.State, done+was(at), err); err != nil {
					return err
				}
			}
			return r.close()
		})
	}
}

// errStopped is how a command ends that was interrupted.
var errStopped = errors.New("interrupted; what is not listed was not changed")

// was tells in which state a job was, where that matters.
func was(at fleet.JobStatus) string {
	if at.State == fleet.InFlight {
		return "; a worker had it in hand, and what it has stored stays"
	}
	if at.State == fleet.Settled {
		return " already"
	}
	return fmt.Sprintf("; it was %s", at.State)
}
