package main

import (
	"cmp"
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

func newVersion() *cobra.Command {
	return &cobra.Command{
		Use:     "version",
		Short:   "Print version, revision and Go version",
		Example: "  worker version",
		Args:    noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := fmt.Fprintln(cmd.OutOrStdout(), versionLine())
			return err
		},
	}
}

// version and revision are set by the linker where the sources come without
// their history, as in the build of the image.
var version, revision string

func versionLine() string {
	_, r := buildInfo()
	return fmt.Sprintf("jobferry %s, revision %s, %s", versionName(), cmp.Or(revision, r, "unknown"), runtime.Version())
}

// versionName is what the linker was told, or else what the Go tool found.
func versionName() string {
	v, _ := buildInfo()
	return cmp.Or(version, v, "(devel)")
}

// buildInfo is what the Go tool wrote into the binary.
func buildInfo() (version, revision string) {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "", ""
	}
	for _, setting := range info.Settings {
		if setting.Key == "vcs.revision" {
			revision = setting.Value
		}
	}
	return info.Main.Version, revision
}
