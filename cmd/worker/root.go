package main

import (
	"context"
	"fmt"
	"os"

	"github.com/jobferry/jobferry/internal/cli"
	"github.com/jobferry/jobferry/internal/config"
	"github.com/jobferry/jobferry/internal/daemon"
	"github.com/jobferry/jobferry/internal/job"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// newRoot returns the command with all its subcommands. stop ends a drain at
// once.
func newRoot(stop context.Context) *cobra.Command {
	root := &cobra.Command{
		Use:   "worker",
		Short: "Ferry results of document jobs into S3",
		Long: "worker takes job IDs from a NATS subject, polls each job until it is done, streams its result\n" +
			"into S3 and publishes one event for each job. Settings are environment variables, each also a\n" +
			"flag: NATS_URL is --nats-url. A flag beats the environment; an empty variable counts as unset.",
		Example:      "  worker run --help",
		Version:      versionLine(),
		Args:         knownCommand,
		RunE:         func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
		SilenceUsage: true, SilenceErrors: true,
	}
	root.SuggestionsMinimumDistance = 2
	root.SetVersionTemplate("{{.Version}}\n")
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return cli.UsageError(err) })
	root.AddCommand(newRun(stop), newSetup(), newSubmit(), newEvents(), newCheck(), newStatus(), newCancel(), newNow(), newReplay(), newVersion())
	for _, command := range root.Commands() {
		if command.ValidArgsFunction == nil { // no argument is the name of a file
			command.ValidArgsFunction = cobra.NoFileCompletions
		}
	}
	return root
}

// loading reads the settings of a command once its flags are parsed.
type loading func() (config.Config, error)

// withSettings adds the flags of the sections to a command and returns what
// loads them. The command's own flags stay at the top of its help.
func withSettings(cmd *cobra.Command, sections ...config.Section) loading {
	settings := pflag.NewFlagSet("settings", pflag.ContinueOnError)
	loader := config.Bind(settings, sections...)
	settings.SortFlags = false
	cmd.Flags().SortFlags = false
	cmd.Flags().AddFlagSet(settings)
	return func() (config.Config, error) { return loader.Load(os.LookupEnv, daemon.Checks(cmd.Context())...) }
}

func newRun(stop context.Context) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "run",
		Short: "Run the worker until SIGTERM, then drain",
		Long: "run carries jobs until SIGTERM or SIGINT, then drains; a second signal stops it at once. S3_BUCKET is\n" +
			"required, and credentials of the job API: NITRO_CLIENT_ID and NITRO_CLIENT_SECRET, or NITRO_API_TOKEN.\n" +
			"The AWS SDK's own variables say how to reach S3: AWS_REGION, AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY,\n" +
			"AWS_PROFILE, AWS_ENDPOINT_URL_S3, AWS_CA_BUNDLE and so on.",
		Example: "  S3_BUCKET=results NITRO_API_TOKEN_FILE=nitro-token worker run",
		Args:    noArguments,
	}
	load := withSettings(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		cfg, err := load()
		if err != nil {
			return err
		}
		return run(cmd.Context(), stop, cfg)
	}
	return cmd
}

func newSetup() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "setup",
		Short:   "Create the streams and consumers that are missing, and exit",
		Example: "  worker setup --worker-events-max-age 168h",
		Args:    noArguments,
	}
	load := withSettings(cmd, config.SectionNATS, config.SectionSubjects, config.SectionStreams)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		cfg, err := load()
		if err != nil {
			return err
		}
		return setup(cmd.Context(), cfg, cmd.OutOrStdout(), cmd.ErrOrStderr())
	}
	return cmd
}

// knownCommand refuses what is no command: the root itself takes no
// arguments.
func knownCommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	hint := "see `worker --help`"
	if similar := cmd.SuggestionsFor(args[0]); len(similar) > 0 {
		hint = fmt.Sprintf("did you mean `worker %s`?", similar[0])
	}
	return cli.UsageError(fmt.Errorf("unknown command %q; %s", args[0], hint))
}

// jobIDs takes so many arguments, each a job ID.
func jobIDs(least, most int) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if err := cobra.RangeArgs(least, most)(cmd, args); err != nil {
			return cli.UsageError(err)
		}
		for _, arg := range args {
			if _, err := job.ParseID(arg); err != nil {
				return cli.UsageError(fmt.Errorf("%q: %w", arg, err))
			}
		}
		return nil
	}
}

func noArguments(cmd *cobra.Command, args []string) error {
	if err := cobra.NoArgs(cmd, args); err != nil {
		return cli.UsageError(err)
	}
	return nil
}
