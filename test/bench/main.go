// Command bench measures the worker from outside, as a process, beside a
// baseline that does the least for a job that any program on the same
// libraries does. It starts all that it needs: a nats-server, an S3 server and
// a simulated job API, each a process of its own, anew for every run.
//
//	go run ./test/bench --list
//	go run ./test/bench --workload small-2k,latency --runs 5 --out bench
package main

import (
	"context"
	"os"

	"github.com/jobferry/jobferry/internal/cli"
	"github.com/jobferry/jobferry/test/bench/lab"
	"github.com/jobferry/jobferry/test/bench/servers"
)

// The exit status is 0 for a run that was measured, whatever it has shown, 1
// for one that could not be, 2 for wrong flags.
func main() { cli.Main("bench", bench) }

// bench is the benchmark, or one of the servers that it starts.
func bench(ctx context.Context, args []string) error {
	if len(args) == 3 && args[0] == lab.ServeCommand {
		return servers.Serve(ctx, args[1], args[2], os.Stdin, os.Stdout)
	}
	return run(ctx, args, os.Stdout, os.Stderr)
}
