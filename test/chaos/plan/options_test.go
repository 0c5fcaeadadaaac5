package plan_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/jobferry/jobferry/test/chaos/plan"
)

func TestAllThatIsWrongIsReportedAtOnce(t *testing.T) {
	t.Parallel()
	err := plan.Options{Jobs: 0, WorkerKills: -1, NodeKills: 3, Nodes: 3, Length: 30 * time.Second}.Validate()
	for _, word := range []string{"jobs is 0", "worker kills is -1", "workers is 0", "length is 30s"} {
		require.ErrorContains(t, err, word)
	}
	require.NoError(t, small(1).Validate())
	require.NoError(t, large(1).Validate())
}

func TestTheLengthFollowsFromTheNumbers(t *testing.T) {
	t.Parallel()
	require.Equal(t, 10*time.Minute, large(1).Over())
	require.Equal(t, 40*time.Second, small(1).Over())
	require.Equal(t, time.Minute, plan.Options{Jobs: 1, WorkerKills: 3, Length: time.Minute}.Over())
}

func TestTheSummaryCountsWhatWillBeDone(t *testing.T) {
	t.Parallel()
	text := plan.Summary(small(1))
	require.Contains(t, text, "seed 1: 150 jobs")
	require.Regexp(t, `worker kill -9 +5\n`, text)
	require.Regexp(t, `node kill -9 +1\n\s+leader kill -9 +1\n`, text)
}
