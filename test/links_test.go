package test

import (
	"os/exec"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTheWorkerLinksOnlyWhatItUses(t *testing.T) {
	t.Parallel()
	cmd := exec.CommandContext(t.Context(), "go", "list", "-deps", "./cmd/worker")
	cmd.Dir = root
	list, err := cmd.Output()
	require.NoError(t, err)
	require.Contains(t, string(list), "github.com/jobferry/jobferry/internal/consumer")
	for _, foreign := range []string{
		"jobferry/internal/embedded", "jobferry/internal/simulator", "nats-server", "versitygw", "kin-openapi", "fpdf",
		"vbauerster/mpb", "testify", "goleak", "jsonschema", "jobferry/docs",
	} {
		require.NotContains(t, string(list), foreign)
	}
}
