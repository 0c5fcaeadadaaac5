// Command standalone is Jobferry in one process, for a laptop or a single
// machine: an embedded nats-server with JetStream on disk, an embedded S3
// server, a simulated job API unless a real one is set, and the same worker
// code that cmd/worker runs.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/jobferry/jobferry/internal/config"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the program at once
	err := run(ctx, os.Args[1:], os.Stdout)
	if err != nil {
		fmt.Fprintln(os.Stderr, "standalone:", err)
	}
	os.Exit(exitStatus(err))
}

// exitStatus is 0 stopped as asked, 1 failed at run time, 2 wrong settings.
func exitStatus(err error) int {
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
