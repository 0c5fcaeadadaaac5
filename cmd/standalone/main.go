// Command standalone is Jobferry in one process, for a laptop or a single
// machine: an embedded nats-server with JetStream on disk, an embedded S3
// server, a simulated job API unless a real one is set, and the same worker
// code that cmd/worker runs.
package main

import (
	"context"
	"os"

	"github.com/jobferry/jobferry/internal/cli"
)

func main() {
	cli.Main("standalone", func(ctx context.Context, args []string) error { return run(ctx, args, os.Stdout) })
}
