package world

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/jobferry/jobferry/test/chaos/plan"
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

// broken is an injector whose cluster is two servers that only send back.
func broken(t *testing.T) (in *injector, first, second *proxy) {
	t.Helper()
	first, second = echo(t), echo(t)
	return &injector{world: &World{cluster: &cluster{nodes: []*node{{proxy: first}, {proxy: second}}}}}, first, second
}

func TestAFaultOfConnectionsIsDoneOnlyIfThereWasOne(t *testing.T) {
	t.Parallel()
	in, first, _ := broken(t)
	cut := plan.Fault{Kind: plan.Cut, Dependency: plan.NATS, Target: 0, Direction: plan.Upstream, For: time.Millisecond}
	i := in.impairment(cut, "x")
	i.begin()
	require.False(t, i.met(), "nobody is there")
	require.Error(t, attempt(first))
	require.Eventually(t, i.met, plenty, time.Millisecond, "somebody came while it was cut")
	i.end()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	require.False(t, in.impair(ctx, cut, "y"))
}

func TestAFaultTurnsToANodeThatSomebodyIsConnectedTo(t *testing.T) {
	t.Parallel()
	in, first, second := broken(t)
	_, err := ask(dial(t, second), "hello", plenty)
	require.NoError(t, err)
	slow := plan.Fault{Kind: plan.Latency, Dependency: plan.NATS, Target: 0, Direction: plan.Upstream, Amount: 10, For: time.Millisecond}
	require.Equal(t, []*proxy{second}, in.aim(slow))
	require.True(t, in.impair(t.Context(), slow, "x"))
	_, err = ask(dial(t, first), "hello", plenty)
	require.NoError(t, err)
	require.Equal(t, []*proxy{first}, in.aim(slow))
	slow.Target = plan.All
	require.Equal(t, []*proxy{first, second}, in.aim(slow))
}
