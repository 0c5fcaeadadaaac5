package limit

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func TestAnswersTellOneJobFromTheOthers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := NewAnswers()
		began := time.Now()
		time.Sleep(time.Second) // of the bubble's clock
		require.False(t, a.OthersSince("a", began))
		a.Answered("a")
		require.False(t, a.OthersSince("a", began), "its own answer is not another's")
		require.True(t, a.OthersSince("b", began))
		a.Answered("b")
		a.Answered("a")
		require.True(t, a.OthersSince("a", began))
		require.False(t, a.OthersSince("a", time.Now()))
		time.Sleep(time.Second) // of the bubble's clock
		began = time.Now()
		time.Sleep(time.Second) // the same
		a.Probed()
		require.True(t, a.WellSince("a", began))
		require.False(t, a.OthersSince("a", began), "a probe is about no job")
	})
}

func TestAnswersCountDifferentJobs(t *testing.T) {
	t.Parallel()
	a := NewAnswers()
	for range 3 {
		require.Equal(t, 1, a.Refused("a"))
	}
	require.Equal(t, 2, a.Refused("b"))
	require.Equal(t, 1, a.Throttled("b"))
	a.Answered("c")
	require.Equal(t, 1, a.Refused("a"), "an answer in between starts the count again")
}
