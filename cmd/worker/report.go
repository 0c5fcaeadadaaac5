package main

import (
	"encoding/json"
	"errors"
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
	style     style
	progress  *progress
	failed    int // jobs that were left as they are
	leftovers int // jobs of which something stays that should be gone
}

func newReport(cmd *cobra.Command, asJSON bool, p *progress) *report {
	return &report{out: cmd.OutOrStdout(), errs: cmd.ErrOrStderr(), json: asJSON, style: styleOf(cmd.OutOrStdout()), progress: p}
}

// tell tells of one job: what was done, or why nothing was, or not all.
func (r *report) tell(id job.ID, state fleet.State, done string, failure error) error {
	line := repaired{JobID: id, Done: failure == nil, State: state}
	if failure != nil {
		line.Done = r.count(failure)
		line.Error = failure.Error()
	}
	r.progress.clear()
	var err error
	switch {
	case r.json:
		err = json.NewEncoder(r.out).Encode(line)
	case failure != nil:
		_, err = fmt.Fprintln(r.errs, printable(failure.Error()))
	default:
		_, err = fmt.Fprintf(r.out, "%-36s  %s\n", id, r.style.paint(green, done))
	}
	return err
}

// count counts a failure, and reports whether the job was changed all the same.
func (r *report) count(failure error) (changed bool) {
	if _, changed = errors.AsType[*fleet.LeftoverError](failure); changed {
		r.leftovers++
	} else {
		r.failed++
	}
	return changed
}

// close returns an error if a job was left as it is, or something of one.
func (r *report) close() error {
	switch {
	case r.failed == 0 && r.leftovers == 0:
		return nil
	case r.leftovers == 0:
		return fmt.Errorf("%s not changed", jobs(r.failed))
	case r.failed == 0:
		return fmt.Errorf("%s not cleared away; run it again", jobs(r.leftovers))
	}
	return fmt.Errorf("%s not changed, %s not cleared away; run it again", jobs(r.failed), jobs(r.leftovers))
}
