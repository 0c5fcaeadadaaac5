// Command chaos runs Jobferry in a world that keeps breaking, and then holds
// what can be seen from the outside against what was to be. It starts all that
// it needs: three nats-server processes, an S3 server, a simulated API and
// three workers. A seed gives the same plan again; what the plan meets is up
// to the machine.
//
//	go run ./test/chaos --jobs 10000 --seed 1
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the program at once
	err := run(ctx, os.Args[1:], os.Stdout)
	if err != nil {
		fmt.Fprintln(os.Stderr, "chaos:", err)
	}
	os.Exit(exitStatus(err))
}

// exitStatus is 0 without a violation, 1 with one or when the run itself went
// wrong, 2 for wrong flags.
func exitStatus(err error) int {
	var usage usageError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &usage):
		return 2
	default:
		return 1
	}
}
