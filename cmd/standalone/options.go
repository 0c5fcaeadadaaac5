package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"

	"github.com/jobferry/jobferry/internal/cli"
	"github.com/jobferry/jobferry/internal/config"
	"github.com/spf13/pflag"
)

// options are the flags of the program itself. All settings of the worker
// apply beside them, but for those that say where the embedded servers are.
type options struct {
	once     bool
	dir      string
	natsAddr string
	s3Addr   string
	apiAddr  string
	httpAddr string
}

// parse returns the flags and what loads the worker's settings. It returns
// [pflag.ErrHelp] after the help was printed.
func parse(args []string, out io.Writer) (o options, settings *config.Loader, err error) {
	flags := pflag.NewFlagSet("standalone", pflag.ContinueOnError)
	flags.SetOutput(out)
	flags.BoolVar(&o.once, "once", false, "end when all samples have settled, with exit status 0 if each settled as it should")
	flags.StringVar(&o.dir, "dir", "./jobferry-data", "where the servers keep their data")
	flags.StringVar(&o.natsAddr, "nats-addr", "127.0.0.1:4222", "address of the nats-server; port 0 picks a free one")
	flags.StringVar(&o.s3Addr, "s3-addr", "127.0.0.1:9000", "address of the S3 server; port 0 picks a free one")
	flags.StringVar(&o.apiAddr, "api-addr", "127.0.0.1:9080", "address of the simulated job API; port 0 picks a free one")
	flags.StringVar(&o.httpAddr, "http-addr", "127.0.0.1:8080", "address of the worker's own HTTP server; port 0 picks a free one")
	settings = config.Bind(flags, config.SectionAPI, config.SectionS3, config.SectionNATS,
		config.SectionSubjects, config.SectionStreams, config.SectionWork, config.SectionLog)
	for _, own := range []string{"nats-url", "nats-context", "worker-http-addr"} {
		flags.Lookup(own).Hidden = true // where the embedded servers are
	}
	flags.SortFlags = false
	flags.Usage = func() {
		fmt.Fprintf(out, "standalone runs a nats-server, an S3 server, a simulated job API and the worker in one process.\n\n"+
			"  go run ./cmd/standalone\n  go run ./cmd/standalone --once --dir \"$(mktemp -d)\" --nats-addr 127.0.0.1:0\n\n%s", flags.FlagUsages())
	}
	if err = flags.Parse(args); err != nil {
		if errors.Is(err, pflag.ErrHelp) {
			return options{}, nil, err
		}
		return options{}, nil, cli.UsageError(fmt.Errorf("%w; see --help", err))
	}
	if flags.NArg() > 0 {
		return options{}, nil, cli.UsageError(fmt.Errorf("unexpected argument %q; see --help", flags.Arg(0)))
	}
	// The embedded S3 server changes the working directory: no path may
	// depend on it.
	if o.dir, err = filepath.Abs(o.dir); err != nil {
		return options{}, nil, err
	}
	return o, settings, nil
}

// withFlag adds to the error of a taken port the flag that chooses another.
func withFlag(err error, flag, addr string) error {
	if errors.Is(err, syscall.EADDRINUSE) {
		return fmt.Errorf("%s is taken; choose another address with %s (port 0 picks a free one): %w", addr, flag, err)
	}
	return fmt.Errorf("%s %s: %w", flag, addr, err)
}

// environment is the program's own with the given variables over it.
func environment(over map[string]string) func(string) (string, bool) {
	return func(name string) (string, bool) {
		if value, ok := over[name]; ok {
			return value, true
		}
		return os.LookupEnv(name)
	}
}
