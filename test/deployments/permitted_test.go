package deployments

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/jobferry/jobferry/internal/daemon"
	"github.com/jobferry/jobferry/internal/secret"
	"github.com/jobferry/jobferry/internal/simulator"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
)

// startPermitted starts a nats-server whose users have the password "secret",
// and may do what the chart's ConfigMap says.
func startPermitted(t *testing.T, files manifest) string {
	t.Helper()
	dir := t.TempDir()
	var users string
	for _, role := range []string{"worker", "producer", "subscriber", "operator"} {
		name := "nats-" + role + ".conf"
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(files[name].(string)), 0o600))
		users += fmt.Sprintf("{ user: %s, password: secret, permissions: { include %q } }\n", role, name)
	}
	conf := filepath.Join(dir, "nats.conf")
	text := fmt.Sprintf("listen: \"127.0.0.1:-1\"\njetstream { store_dir: %q }\nauthorization { users: [\n%s] }\n", t.TempDir(), users)
	require.NoError(t, os.WriteFile(conf, []byte(text), 0o600))
	options, err := server.ProcessConfigFile(conf)
	require.NoError(t, err)
	options.NoLog, options.NoSigs = true, true
	return startServer(t, options).ClientURL()
}

// logIn connects a role's own program, with the inbox that it has.
func logIn(t *testing.T, url, role, inbox string) *nats.Conn {
	t.Helper()
	nc, err := nats.Connect(url, nats.UserInfo(role, "secret"), nats.CustomInboxPrefix("_INBOX.jobferry-"+inbox))
	require.NoError(t, err)
	t.Cleanup(nc.Close)
	return nc
}

// The files themselves are tried elsewhere; here it is what the chart makes of
// them for another prefix.
func TestPermissionsOfTheChartAreEnoughWithAnotherPrefix(t *testing.T) {
	url := startPermitted(t, permissions(t, "S3_BUCKET: b, WORKER_SUBJECT_PREFIX: a.b"))
	api, err := simulator.Start(simulator.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, api.Close()) })
	api.Add(simulator.Job{ID: "missing", Outcome: simulator.Failed})
	cfg := settings(url, api.APIURL())
	cfg.NATS.User, cfg.NATS.Password, cfg.Worker.SubjectPrefix = "worker", secret.New("secret"), "a.b"
	require.NoError(t, daemon.SetUp(t.Context(), cfg, zap.NewNop()))
	_, stop := startWorker(t, cfg)
	defer stop()

	events, err := logIn(t, url, "subscriber", "events").SubscribeSync("a.b.events.>")
	require.NoError(t, err)
	js, err := jetstream.New(logIn(t, url, "producer", "submit"))
	require.NoError(t, err)
	_, err = js.Publish(t.Context(), "a.b.submit", []byte("missing"))
	require.NoError(t, err)
	event, err := events.NextMsg(patience)
	require.NoError(t, err)
	require.Equal(t, "a.b.events.failed.missing", event.Subject)
}
