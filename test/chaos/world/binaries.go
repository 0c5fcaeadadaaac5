package world

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
)

// Binaries are the programs that a run starts.
type Binaries struct {
	Worker string // of cmd/worker
	Server string // nats-server
}

// Build builds both from the module of the working directory into dir: the
// worker as it ships, or with the flags given, and the nats-server of the
// version that go.mod pins.
func Build(ctx context.Context, dir string, flags ...string) (Binaries, error) {
	b := Binaries{Worker: filepath.Join(dir, "worker"), Server: filepath.Join(dir, "nats-server")}
	for _, program := range []struct {
		file, pkg string
		flags     []string
	}{
		{b.Worker, "github.com/jobferry/jobferry/cmd/worker", flags},
		{b.Server, "github.com/nats-io/nats-server/v2", nil},
	} {
		args := slices.Concat([]string{"build"}, program.flags, []string{"-o", program.file, program.pkg})
		out, err := exec.CommandContext(ctx, "go", args...).CombinedOutput()
		if err != nil {
			return b, fmt.Errorf("build %s: %w\n%s", program.pkg, err, out)
		}
	}
	return b, nil
}
