// Command worker ferries the results of document jobs from the job API into
// S3: see the README, or worker --help.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/jobferry/jobferry/internal/cli"
)

func main() {
	ctx, cancel := context.WithCancel(context.Background())
	stop, abort := context.WithCancel(context.Background())
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		<-signals
		cancel() // drain
		<-signals
		abort()
		os.Exit(1)
	}()
	err := newRoot(stop).ExecuteContext(ctx)
	if err != nil {
		fmt.Fprintln(os.Stderr, "worker:", err)
	}
	os.Exit(cli.ExitStatus(err))
}
