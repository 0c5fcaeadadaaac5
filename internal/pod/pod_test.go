package pod_test

import (
	"testing"
	"time"

	"github.com/jobferry/jobferry/internal/broker"
	"github.com/jobferry/jobferry/internal/job"

	"github.com/jobferry/jobferry/internal/embedded"
	"github.com/jobferry/jobferry/internal/pod"
	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"
)

func connect(t *testing.T, url string) *nats.Conn {
	t.Helper()
	nc, err := nats.Connect(url)
	require.NoError(t, err)
	t.Cleanup(nc.Close)
	return nc
}

func TestEveryPodAnswers(t *testing.T) {
	t.Parallel()
	server, err := embedded.StartNATS(embedded.NATSOptions{Addr: "127.0.0.1:0", Dir: t.TempDir()})
	require.NoError(t, err)
	t.Cleanup(server.Stop)
	subjects, err := broker.NewSubjects("jobs")
	require.NoError(t, err)
	asking := connect(t, server.URL())
	none, err := pod.Ask(t.Context(), asking, subjects)
	require.NoError(t, err)
	require.Empty(t, none)

	transfer := job.Transfer{Job: "a", Name: "result", Size: 8, Done: 2, Since: time.Now().UTC()}
	for _, name := range []string{"two", "one", "one"} {
		nc := connect(t, server.URL())
		service, err := pod.Serve(nc, subjects, func() pod.Report {
			return pod.Report{Name: name, Slots: 4, Problems: []string{"api: away"}, Transfers: []job.Transfer{transfer}}
		})
		require.NoError(t, err)
		require.NoError(t, nc.Flush())
		t.Cleanup(func() { require.NoError(t, service.Stop()) })
	}
	reports, err := pod.Ask(t.Context(), asking, subjects)
	require.NoError(t, err)
	require.Len(t, reports, 3)
	require.Equal(t, []string{"one", "one", "two"}, []string{reports[0].Name, reports[1].Name, reports[2].Name})
	require.NotEqual(t, reports[0].ID, reports[1].ID, "pods of one host are told apart")
	require.Equal(t, []job.Transfer{transfer}, reports[2].Transfers)
	require.Equal(t, []string{"api: away"}, reports[2].Problems)

	other, err := broker.NewSubjects("others")
	require.NoError(t, err)
	none, err = pod.Ask(t.Context(), asking, other)
	require.NoError(t, err)
	require.Empty(t, none, "each fleet by itself")
}
