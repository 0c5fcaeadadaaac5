// Package cli is how a program begins and ends: what a signal does, what
// goes to standard error, and the exit status.
package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/jobferry/jobferry/internal/config"
)

// Main runs a program with its arguments, and exits. The first SIGINT or
// SIGTERM cancels the context, the second ends the program at once.
func Main(name string, run func(ctx context.Context, args []string) error) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	err := run(ctx, os.Args[1:])
	if err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", name, err)
	}
	os.Exit(ExitStatus(err))
}

// ExitStatus is 0 without an error, 2 for a mistake in the command line or in
// the settings, 1 for all else.
func ExitStatus(err error) int {
	var usage usageError
	var problems *config.Problems
	switch {
	case err == nil:
		return 0
	case errors.As(err, &usage), errors.As(err, &problems):
		return 2
	}
	return 1
}

// UsageError says of an error that it is a mistake in the command line.
func UsageError(err error) error { return usageError{err} }

type usageError struct{ error }

// Unwrap returns what the mistake is.
func (u usageError) Unwrap() error { return u.error }
