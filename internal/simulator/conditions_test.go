package simulator_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/jobferry/jobferry/internal/simulator"
)

func TestConditionsComeAndGo(t *testing.T) {
	t.Parallel()
	c := start(t, simulator.Options{})
	c.Add(simulator.Job{ID: "a"})
	for name, is := range map[string]struct {
		conditions    simulator.Conditions
		result, token int
	}{
		"unauthorized": {simulator.Conditions{Unauthorized: true}, 401, 200},
		"down":         {simulator.Conditions{Down: true}, 503, 503},
		"token down":   {simulator.Conditions{TokenDown: true}, 200, 503},
		"fair":         {simulator.Conditions{}, 200, 200},
	} {
		c.SetConditions(is.conditions)
		require.Equal(t, is.result, c.poll("a").status, name)
		require.Equal(t, is.token, c.fetchToken("simulator", "simulated").status, name)
	}
}

// A refused call does not bring the job on.
func TestRefusedPollsDoNotCount(t *testing.T) {
	t.Parallel()
	c := start(t, simulator.Options{})
	c.Add(simulator.Job{ID: "a", Polls: 1})
	c.SetConditions(simulator.Conditions{Unauthorized: true})
	require.Equal(t, 401, c.poll("a").status)
	c.SetConditions(simulator.Conditions{})
	require.Equal(t, 404, c.poll("a").status)
	require.Equal(t, 200, c.poll("a").status)
}

func TestRateLimit(t *testing.T) {
	t.Parallel()
	clock := newClock()
	c := start(t, simulator.Options{Now: clock.now})
	c.Add(simulator.Job{ID: "a"})
	c.SetConditions(simulator.Conditions{RateLimit: 2})
	require.Equal(t, 200, c.poll("a").status)
	require.Equal(t, 200, c.poll("a").status)
	got := c.poll("a")
	require.Equal(t, 429, got.status)
	require.Equal(t, "1", got.header.Get("Retry-After"))
	require.Equal(t, map[string]any{"retry_after": 1.0}, got.object(t)["extensions"])
	clock.advance(time.Second)
	require.Equal(t, 200, c.poll("a").status)
}
