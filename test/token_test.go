package test

import (
	"fmt"
	"testing"
	"time"

	"github.com/jobferry/jobferry/internal/simulator"
	"github.com/stretchr/testify/require"
)

// TestTwoPodsEndEachOthersTokens: a new token ends the one before, and both pods
// have the same client. All jobs settle, few tokens are fetched, and the log says
// what is the matter.
func TestTwoPodsEndEachOthersTokens(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.api.SetConditions(simulator.Conditions{OneToken: true})
	began := time.Now()
	first, second := w.start(nil), w.start(nil)
	jobs := make([]simulator.Job, 60)
	for i := range jobs {
		jobs[i] = simulator.Job{ID: fmt.Sprintf("job-%d", i), Duration: 30 * time.Second}
	}
	w.add(jobs...)
	for _, j := range jobs {
		w.check(j)
	}
	require.Contains(t, first.out.String()+second.out.String(), "another process")
	// Each pod fetches one at its start, and one in ten seconds after that.
	require.LessOrEqual(t, len(w.api.Record().Tokens), 2*(2+int(time.Since(began)/(10*time.Second))))
	w.nothingLeft()
}
