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
	"os"

	"github.com/jobferry/jobferry/internal/cli"
)

// The exit status is 0 without a violation, 1 with one or when the run itself
// went wrong, 2 for wrong flags.
func main() {
	cli.Main("chaos", func(ctx context.Context, args []string) error { return run(ctx, args, os.Stdout) })
}
