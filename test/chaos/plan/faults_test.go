package plan_test

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/jobferry/jobferry/test/chaos/plan"
)

// ackWait is the broker's, as the contract has it.
const ackWait = 30 * time.Second

func large(seed uint64) plan.Options {
	return plan.Options{Seed: seed, Jobs: 10_000, WorkerKills: 300, NodeKills: 30, Workers: 3, Nodes: 3}
}

func small(seed uint64) plan.Options {
	return plan.Options{Seed: seed, Jobs: 150, WorkerKills: 5, NodeKills: 2, Workers: 3, Nodes: 3}
}

// eachPlan runs a test on plans of several sizes and seeds.
func eachPlan(t *testing.T, test func(t *testing.T, o plan.Options)) {
	t.Helper()
	for name, options := range map[string]func(uint64) plan.Options{"large": large, "small": small} {
		for seed := range uint64(4) {
			t.Run(fmt.Sprint(name, "/", seed), func(t *testing.T) {
				t.Parallel()
				test(t, options(seed))
			})
		}
	}
}

func TestASeedGivesTheSamePlanAgain(t *testing.T) {
	t.Parallel()
	require.Equal(t, encoded(t, plan.Faults(large(7))), encoded(t, plan.Faults(large(7))))
	require.NotEqual(t, encoded(t, plan.Faults(large(7))), encoded(t, plan.Faults(large(8))))
	require.Equal(t, plan.Summary(small(7)), plan.Summary(small(7)))
}

func encoded(t *testing.T, v any) string {
	t.Helper()
	body, err := json.Marshal(v)
	require.NoError(t, err)
	return string(body)
}

func TestThereAreAsManyKillsAsAskedFor(t *testing.T) {
	t.Parallel()
	eachPlan(t, func(t *testing.T, o plan.Options) {
		faults := plan.Faults(o)
		require.Len(t, ofKind(faults, plan.WorkerKill), o.WorkerKills)
		require.Len(t, ofNodes(faults), o.NodeKills)
	})
}

func TestAFewKillsComeWithATermination(t *testing.T) {
	t.Parallel()
	o := small(1)
	require.Len(t, ofKind(plan.Faults(o), plan.WorkerTerminate), 1)
	o.WorkerKills = 2
	require.Len(t, ofKind(plan.Faults(o), plan.WorkerTerminate), 1)
	o.WorkerKills = 0
	require.Empty(t, ofKind(plan.Faults(o), plan.WorkerTerminate))
}

func ofKind(faults []plan.Fault, kind plan.Kind) []plan.Fault {
	var found []plan.Fault
	for _, f := range faults {
		if f.Kind == kind {
			found = append(found, f)
		}
	}
	return found
}

// ofNodes are the kills of nodes, leaders or not.
func ofNodes(faults []plan.Fault) []plan.Fault {
	return slices.DeleteFunc(slices.Clone(faults), func(f plan.Fault) bool { return f.Kind != plan.NodeKill && f.Kind != plan.LeaderKill })
}

func TestFaultsAreInOrderAndOverWhenTheRunIs(t *testing.T) {
	t.Parallel()
	eachPlan(t, func(t *testing.T, o plan.Options) {
		faults := plan.Faults(o)
		require.True(t, slices.IsSortedFunc(faults, func(a, b plan.Fault) int { return cmp.Compare(a.At, b.At) }))
		for _, f := range faults {
			require.GreaterOrEqual(t, f.At, time.Duration(0), "%+v", f)
			require.LessOrEqual(t, f.Ends(), o.Over(), "%+v", f)
			require.Less(t, f.Target, 3, "%+v", f)
		}
	})
}

func TestNeverMoreIsAwayThanTheRunCanBear(t *testing.T) {
	t.Parallel()
	away := func(f plan.Fault) bool {
		full := (f.Kind == plan.StoreError || f.Kind == plan.StoreSlowDown) && f.Amount == 100
		return full || f.Kind == plan.Cut || f.Kind == plan.Stall || f.Kind == plan.APIDown
	}
	eachPlan(t, func(t *testing.T, o plan.Options) {
		faults := plan.Faults(o)
		requireApart(t, ofNodes(faults))
		requireApart(t, ofKind(faults, plan.WorkerStop))
		requireApart(t, slices.DeleteFunc(slices.Clone(faults), func(f plan.Fault) bool { return !away(f) }))
		requireApart(t, ofKind(faults, plan.APIThrottle))
	})
}

// requireApart fails when two of the faults, which are in time, overlap.
func requireApart(t *testing.T, faults []plan.Fault) {
	t.Helper()
	for i := 1; i < len(faults); i++ {
		require.Less(t, faults[i-1].Ends(), faults[i].At, "%+v and %+v", faults[i-1], faults[i])
	}
}

func TestNodesAreAwayForFiveToTenSecondsAndLeadersAreAmongThem(t *testing.T) {
	t.Parallel()
	eachPlan(t, func(t *testing.T, o plan.Options) {
		faults := plan.Faults(o)
		for _, f := range ofNodes(faults) {
			require.GreaterOrEqual(t, f.For, 5*time.Second)
			require.LessOrEqual(t, f.For, 10*time.Second)
			require.Equal(t, f.Kind == plan.LeaderKill, f.Stream != "")
		}
		require.Len(t, ofKind(faults, plan.LeaderKill), o.NodeKills/2)
	})
}

func TestAStoppedWorkerIsLeftAloneUntilItGoesOn(t *testing.T) {
	t.Parallel()
	eachPlan(t, func(t *testing.T, o plan.Options) {
		faults := plan.Faults(o)
		strikes := append(ofKind(faults, plan.WorkerKill), ofKind(faults, plan.WorkerTerminate)...)
		for _, stop := range ofKind(faults, plan.WorkerStop) {
			require.Greater(t, stop.For, ackWait)
			for _, f := range strikes {
				struck := f.Target == stop.Target && f.At >= stop.At && f.At <= stop.Ends()
				require.False(t, struck, "%+v during %+v", f, stop)
			}
		}
	})
}

func TestEveryKindOccurs(t *testing.T) {
	t.Parallel()
	eachPlan(t, func(t *testing.T, o plan.Options) {
		faults := plan.Faults(o)
		for _, kind := range plan.Kinds() {
			if kind == plan.WorkerStop && o.Over() < 90*time.Second {
				continue // it takes longer than such a run
			}
			require.NotEmpty(t, ofKind(faults, kind), kind)
		}
	})
}

func TestALongRunHasEveryConnectionCutAndStalledInEachDirection(t *testing.T) {
	t.Parallel()
	type link struct {
		kind       plan.Kind
		dependency plan.Dependency
		target     int
		direction  plan.Direction
	}
	seen := map[link]bool{}
	long := 0
	for _, f := range plan.Faults(large(1)) {
		seen[link{f.Kind, f.Dependency, f.Target, f.Direction}] = true
		if f.Dependency != "" && f.For > ackWait {
			long++
		}
	}
	for _, kind := range []plan.Kind{plan.Cut, plan.Stall, plan.Latency, plan.Bandwidth, plan.Slice} {
		for _, direction := range []plan.Direction{plan.Upstream, plan.Downstream} {
			require.True(t, seen[link{kind, plan.NATS, plan.All, direction}], kind)
			require.True(t, seen[link{kind, plan.NATS, 1, direction}], kind)
			require.True(t, seen[link{kind, plan.Store, 0, direction}], kind)
			require.True(t, seen[link{kind, plan.API, 0, direction}], kind)
			require.True(t, seen[link{kind, plan.Files, 0, direction}], kind)
		}
	}
	require.Positive(t, long, "an outage longer than the ack wait")
}

func TestTheClockJumpsByMinutesAndIsNeverBehind(t *testing.T) {
	t.Parallel()
	eachPlan(t, func(t *testing.T, o plan.Options) {
		ahead, furthest := int64(0), int64(0)
		for _, f := range ofKind(plan.Faults(o), plan.ClockJump) {
			require.NotZero(t, f.Amount)
			ahead += f.Amount
			require.GreaterOrEqual(t, ahead, int64(0))
			furthest = max(furthest, f.Amount)
		}
		require.GreaterOrEqual(t, furthest, int64(60))
	})
}
