package consumer

import (
	"errors"
	"slices"
	"testing"

	"github.com/jobferry/jobferry/internal/job"
	"github.com/stretchr/testify/require"
)

// TestEveryErrorHasARule at every stage, whoever's word it is.
func TestEveryErrorHasARule(t *testing.T) {
	t.Parallel()
	for s := range anyStage {
		for class := job.ClassUnavailable; class <= job.ClassPermanent; class++ {
			for _, by := range []job.Dependency{"", job.API, job.FileHost, job.Store} {
				err := &job.Error{Class: class, By: by, Err: errors.New("x")}
				require.True(t, slices.ContainsFunc(rules, func(r rule) bool { return r.fits(s, err) }), "stage %d, class %d, by %q", s, class, by)
			}
		}
	}
}

// TestEveryRuleIsReached: no earlier one fits all that it fits.
func TestEveryRuleIsReached(t *testing.T) {
	t.Parallel()
	for i, later := range rules {
		for _, earlier := range rules[:i] {
			covered := (earlier.stage == later.stage || earlier.stage == anyStage) && earlier.class == later.class &&
				(earlier.by == later.by || earlier.by == "")
			require.False(t, covered, "rule %d", i)
		}
	}
}

func TestErrorThatNobodyHasClassifiedLetsItsJobWait(t *testing.T) {
	t.Parallel()
	require.Equal(t, job.ClassUnavailable, job.AsError(errors.New("x")).Class)
	require.Empty(t, job.AsError(errors.New("x")).By)
}
