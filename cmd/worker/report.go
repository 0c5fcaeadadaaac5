package main

import (
	"encoding/json"
	"fmt"
	"io"

	"github.com/jobferry/jobferry/internal/fleet"
	"github.com/jobferry/jobferry/internal/job"
	"github.com/spf13/cobra"
)

// report tells what becomes of jobs, one on a line, and whether any was left
// as it is.
type report struct {
	out, errs io.Writer
	json      bool
	look      look
	failed    int
}

func newReport(cmd *cobra.Command, asJSON bool) *report {
	return &report{out: cmd.OutOrStdout(), errs: cmd.ErrOrStderr(), json: asJSON, look: lookOf(cmd.OutOrStdout())}
}

// tell tells of one job: what was done, or why nothing was.
func (r *report) tell(id job.ID, state fleet.State, done string, failure error) error {
	line := repaired{JobID: id, Done: failure == nil, State: state}
	if failure != nil {
		r.failed++
		line.Error = failure.Error()
	}
	var err error
	switch {
	case r.json:
		err = json.NewEncoder(r.out).Encode(line)
	case failure != nil:
		_, err = fmt.Fprintln(r.errs, printable(failure.Error()))
	default:
		_, err = fmt.Fprintf(r.out, "%-36s  %s\n", id, r.look.paint(green, done))
	}
	return err
}

// close returns an error if a job was left as it is.
func (r *report) close() error {
	if r.failed == 0 {
		return nil
	}
	return fmt.Errorf("%s not changed", jobs(r.failed))
}
