package plan_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/jobferry/jobferry/internal/simulator"
	"github.com/jobferry/jobferry/test/chaos/plan"
)

func TestAWorkloadBringsFaultsOfEveryKind(t *testing.T) {
	t.Parallel()
	eachPlan(t, func(t *testing.T, o plan.Options) {
		expected := plan.ExpectedFaults(plan.Workload(o))
		require.Len(t, expected, len(plan.WorkloadKinds()))
		for _, kind := range plan.WorkloadKinds() {
			require.Positive(t, expected[kind], kind)
		}
	})
}

func TestWhatWasMetIsCountedByTheRecord(t *testing.T) {
	t.Parallel()
	workload := []plan.Submission{
		{Job: simulator.Job{ID: "a", Files: []simulator.File{
			{Size: 100, Faults: simulator.Faults{CutAt: []int64{10, 99}}},
			{Size: 100, Faults: simulator.Faults{CutAt: []int64{95}}},
		}}},
		{Job: simulator.Job{ID: "b"}},
	}
	record := simulator.Record{Jobs: map[string]simulator.JobRecord{"a": {Files: map[int]simulator.FileRecord{
		0: {Expired: 3, Unavailable: 1, Cuts: 2}, 1: {Cuts: 1, Stalls: 4},
	}}}}
	require.Equal(t, map[plan.Kind]int{
		plan.URLExpired: 3, plan.DownloadRefused: 1, plan.DownloadCut: 2, plan.DownloadTruncated: 1, plan.DownloadStalled: 4,
		plan.DuplicateSubmission: 2,
	}, plan.ObservedFaults(workload, record, map[string]int{"a": 3}))
}
