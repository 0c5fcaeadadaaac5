package world

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestALeaderIsAskedForUntilThereIsOne(t *testing.T) {
	t.Parallel()
	answers := []int{-1, -1, 2}
	node, err := leading(t.Context(), func(context.Context) int {
		next := answers[0]
		answers = answers[1:]
		return next
	})
	require.NoError(t, err)
	require.Equal(t, 2, node)
	require.Empty(t, answers)
}

func TestNobodyIsTakenForTheLeaderWhenThereIsNone(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	_, err := leading(ctx, func(context.Context) int {
		cancel()
		return -1
	})
	require.ErrorIs(t, err, context.Canceled)
	require.ErrorContains(t, err, "no node leads")
}
