package pod_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/jobferry/jobferry/internal/broker"
	"github.com/jobferry/jobferry/internal/embedded"
	"github.com/jobferry/jobferry/internal/pod"
	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"
)

// Each permission that the broker's files give for it is taken away by the test
// of `worker check`; this is the one that is no subject.
func TestInspectNamesThatAnswersAreNotPermitted(t *testing.T) {
	t.Parallel()
	subjects, err := broker.NewSubjects("jobs")
	require.NoError(t, err)
	for answers, wrong := range map[string][]string{"": {"answer jobs.pods"}, ", allow_responses: true": nil} {
		conf := filepath.Join(t.TempDir(), "nats.conf")
		require.NoError(t, os.WriteFile(conf, []byte(`authorization { users: [ { user: u, password: "p", permissions: {
			publish: { allow: ["jobs.pods"] }, subscribe: { allow: [">"] }`+answers+` } } ] }`), 0o600))
		server, err := embedded.StartNATS(embedded.NATSOptions{Addr: "127.0.0.1:0", Dir: t.TempDir(), ConfigFile: conf})
		require.NoError(t, err)
		t.Cleanup(server.Stop)
		nc, err := nats.Connect(server.URL(), nats.UserInfo("u", "p"))
		require.NoError(t, err)
		t.Cleanup(nc.Close)
		var found []string
		pod.Inspect(t.Context(), nc, subjects, func(what, _ string, err error) {
			if err != nil {
				require.ErrorContains(t, err, "allow_responses")
				found = append(found, what)
			}
		})
		require.Equal(t, wrong, found)
	}
}
