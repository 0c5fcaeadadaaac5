package consumer

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestServersThatAreTooOldForSchedules(t *testing.T) {
	t.Parallel()
	for _, old := range []string{"2.11.0", "2.11.12", "v2.10.29", "2.9.0-RC.1", "1.4.1", "2.11"} {
		require.True(t, predatesSchedules(old), old)
	}
	for _, fine := range []string{"2.12.0", "2.12.0-beta.1", "v2.14.5", "2.100.0", "3.0.0", "2", "", "dev", "2.x.1"} {
		require.False(t, predatesSchedules(fine), fine)
	}
}

// What an inspection tries has no effect, whatever is there.
func TestInspectChangesNothing(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.submit("kept")
	_, err := h.js.Publish(t.Context(), "jobs.events.completed.jobferry-check", nil) // of a job that is called so
	require.NoError(t, err)
	wrong := func() (all []error) {
		require.NoError(t, Inspect(t.Context(), h.nc, h.cfg, func(_, _ string, err error) {
			if err != nil {
				all = append(all, err)
			}
		}))
		return all
	}
	require.Empty(t, wrong())
	for stream, kept := range map[string]uint64{"JOBS": 1, "JOBS_WAIT": 0, "JOBS_EVENTS": 1} {
		state, err := h.js.Stream(t.Context(), stream)
		require.NoError(t, err)
		require.Equal(t, kept, state.CachedInfo().State.Msgs, stream)
		require.Equal(t, kept, state.CachedInfo().State.LastSeq, stream)
	}
	for _, name := range []string{"JOBS", "JOBS_WAIT", "JOBS_EVENTS"} {
		require.NoError(t, h.js.DeleteStream(t.Context(), name))
	}
	require.Empty(t, wrong())
	names := h.js.StreamNames(t.Context())
	for name := range names.Name() {
		require.Fail(t, "a stream was created", name)
	}
	require.NoError(t, names.Err())
}
