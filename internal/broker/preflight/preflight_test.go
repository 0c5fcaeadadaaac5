package preflight

import (
	"testing"
	"time"

	"github.com/jobferry/jobferry/internal/broker"
	"github.com/jobferry/jobferry/internal/embedded"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
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

// TestRunChangesNothing, whatever streams there are.
func TestRunChangesNothing(t *testing.T) {
	t.Parallel()
	server, err := embedded.StartNATS(embedded.NATSOptions{Addr: "127.0.0.1:0", Dir: t.TempDir()})
	require.NoError(t, err)
	t.Cleanup(server.Stop)
	nc, err := nats.Connect(server.URL())
	require.NoError(t, err)
	t.Cleanup(nc.Close)
	js, err := jetstream.New(nc)
	require.NoError(t, err)
	subjects, err := broker.NewSubjects("jobs")
	require.NoError(t, err)
	cfg := broker.Config{Subjects: subjects, Replicas: 1, EventsMaxAge: time.Hour}
	require.NoError(t, broker.Setup(t.Context(), nc, cfg))
	_, err = js.Publish(t.Context(), subjects.Submit(), []byte("kept"))
	require.NoError(t, err)
	_, err = js.Publish(t.Context(), "jobs.events.completed.jobferry-check", nil) // of a job that is called so
	require.NoError(t, err)
	wrong := func() (all []error) {
		require.NoError(t, Run(t.Context(), nc, cfg, func(_, _ string, err error) {
			if err != nil {
				all = append(all, err)
			}
		}))
		return all
	}
	require.Empty(t, wrong())
	for stream, kept := range map[string]uint64{"JOBS": 1, "JOBS_WAIT": 0, "JOBS_EVENTS": 1} {
		state, err := js.Stream(t.Context(), stream)
		require.NoError(t, err)
		require.Equal(t, kept, state.CachedInfo().State.Msgs, stream)
		require.Equal(t, kept, state.CachedInfo().State.LastSeq, stream)
	}
	for _, name := range []string{"JOBS", "JOBS_WAIT", "JOBS_EVENTS"} {
		require.NoError(t, js.DeleteStream(t.Context(), name))
	}
	require.Empty(t, wrong())
	names := js.StreamNames(t.Context())
	for name := range names.Name() {
		require.Fail(t, "a stream was created", name)
	}
	require.NoError(t, names.Err())
}
