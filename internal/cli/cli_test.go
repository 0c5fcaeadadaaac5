package cli_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/jobferry/jobferry/internal/cli"
	"github.com/jobferry/jobferry/internal/config"
	"github.com/stretchr/testify/require"
)

func TestExitStatus(t *testing.T) {
	t.Parallel()
	require.Equal(t, 0, cli.ExitStatus(nil))
	require.Equal(t, 1, cli.ExitStatus(context.Canceled))
	require.Equal(t, 2, cli.ExitStatus(errors.Join(cli.UsageError(io.EOF))))
	require.Equal(t, 2, cli.ExitStatus(fmt.Errorf("wrapped: %w", &config.Problems{})))
	require.ErrorIs(t, cli.UsageError(io.EOF), io.EOF)
}
