package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/jobferry/jobferry/internal/config"
	"github.com/spf13/cobra"
	"golang.org/x/term"
)

func newSubmit() *cobra.Command {
	var options submitOptions
	cmd := &cobra.Command{
		Use:   "submit [ID…]",
		Short: "Submit job IDs from the arguments, or one a line from standard input",
		Long: "submit publishes job IDs for the worker to carry. One that is submitted again while the job is on its\n" +
			"way, or has an event, does no harm. A bad line of standard input is reported and the others are sent all\n" +
			"the same; with a bad argument nothing is sent. Put -- before IDs that begin with a dash.",
		Example: "  worker submit 01234567-89ab-cdef-0123-456789abcdef\n" +
			"  worker submit --prefix tenant-a/ --metadata orderID=42 job-1 job-2\n" +
			"  worker submit < ids.txt",
	}
	options.bind(cmd.Flags())
	noFiles(cmd, "prefix", "metadata", "tag", "bucket", "deadline")
	load := withSettings(cmd, config.SectionNATS, config.SectionSubjects)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		cfg, err := load()
		form, formErr := options.form(time.Now())
		if err = errors.Join(err, formErr, form.checkAll(args)); err != nil {
			return err
		}
		c, err := connect(cmd.Context(), cfg, "submit", cmd.ErrOrStderr())
		if err != nil {
			return err
		}
		defer c.nc.Close()
		s := &submitter{client: c, form: form, errs: cmd.ErrOrStderr(), progress: newProgress(cmd.ErrOrStderr())}
		err = s.submitFrom(cmd, args)
		_, printErr := fmt.Fprintln(cmd.OutOrStdout(), s.summary())
		return errors.Join(err, printErr)
	}
	return cmd
}

// submitFrom submits the arguments, or what stands on standard input.
func (s *submitter) submitFrom(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return s.submit(cmd.Context(), func(context.Context) iter.Seq[string] { return slices.Values(args) })
	}
	if isTerminal(cmd.InOrStdin()) {
		fmt.Fprintln(s.errs, "job IDs, one a line; Ctrl-D ends:")
	}
	ctx, cancel := context.WithCancel(cmd.Context())
	defer cancel()
	input := readLines(ctx, cmd.InOrStdin())
	err := s.submit(ctx, input.all)
	return errors.Join(err, input.failure(ctx))
}

// input are the lines of a reader. They are read by a goroutine, because a
// read from a pipe cannot be interrupted: after ctx has ended it goes on to
// the next line, and no further.
type input struct {
	lines chan string // those that are not blank; closed at the end
	err   error       // to be read when lines is closed
}

func readLines(ctx context.Context, from io.Reader) *input {
	in := &input{lines: make(chan string)}
	go func() {
		defer close(in.lines)
		scanner := bufio.NewScanner(from)
		for scanner.Scan() {
			line := strings.TrimSpace(scanner.Text())
			if line == "" {
				continue
			}
			select {
			case in.lines <- line:
			case <-ctx.Done():
				return
			}
		}
		in.err = scanner.Err()
	}()
	return in
}

// all yields the lines until they or ctx end.
func (in *input) all(ctx context.Context) iter.Seq[string] {
	return func(yield func(string) bool) {
		for {
			select {
			case line, more := <-in.lines:
				if !more || !yield(line) {
					return
				}
			case <-ctx.Done():
				return
			}
		}
	}
}

// failure is why the lines ended before the input did.
func (in *input) failure(ctx context.Context) error {
	select {
	case _, more := <-in.lines:
		if !more && in.err != nil {
			return fmt.Errorf("standard input: %w", in.err)
		}
	case <-ctx.Done():
	default: // not read to the end
	}
	return nil
}

func isTerminal(stream any) bool {
	file, ok := stream.(*os.File)
	return ok && term.IsTerminal(int(file.Fd()))
}
