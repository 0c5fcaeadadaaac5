// Command baseline is the least that any program on these libraries does for a
// job: pull it, ask the API, stream the file into one PutObject, publish,
// acknowledge. It tries nothing twice, checks nothing, logs nothing, and ends
// with the first error. It is there to be measured beside the worker, and
// takes the worker's own settings.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/jobferry/jobferry/test/bench/profile"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	finish := profile.Start("baseline")
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "baseline:", err)
		os.Exit(1) //nolint:gocritic // nothing is deferred that outlives the process
	}
	finish()
}
