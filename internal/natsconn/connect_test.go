package natsconn_test

import (
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jobferry/jobferry/internal/config"
	"github.com/jobferry/jobferry/internal/job"
	"github.com/jobferry/jobferry/internal/natsconn"
	"github.com/jobferry/jobferry/internal/secret"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const patience = 20 * time.Second

// condition records the last word on the connection.
type condition struct {
	mu  sync.Mutex
	set bool
	err error
}

func (c *condition) Set(_ string, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.set, c.err = true, err
}

func (c *condition) get() (bool, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.set, c.err
}

func (c *condition) holds() bool {
	set, err := c.get()
	return set && err == nil
}

// startServer runs a nats-server that wants a user and a password, unless
// they are empty.
func startServer(t *testing.T, port int, user, password string) *server.Server {
	t.Helper()
	return serve(t, &server.Options{Port: port, Username: user, Password: password})
}

// serve runs a nats-server until the test ends.
func serve(t *testing.T, opts *server.Options) *server.Server {
	t.Helper()
	opts.Host, opts.NoLog, opts.NoSigs = "127.0.0.1", true, true
	srv, err := server.NewServer(opts)
	require.NoError(t, err)
	go srv.Start()
	require.True(t, srv.ReadyForConnections(patience))
	t.Cleanup(func() {
		srv.Shutdown()
		srv.WaitForShutdown()
	})
	return srv
}

func TestDaemonWaitsForTheBrokerAndComesBack(t *testing.T) {
	t.Parallel()
	first := startServer(t, server.RANDOM_PORT, "", "")
	u, err := url.Parse(first.ClientURL())
	require.NoError(t, err)
	port, err := strconv.Atoi(u.Port())
	require.NoError(t, err)
	first.Shutdown()
	first.WaitForShutdown()

	health := &condition{}
	nc, err := natsconn.Connect(config.NATS{URL: first.ClientURL()}, "test", health, zap.NewNop())
	require.NoError(t, err, "a broker that is away is no error")
	defer nc.Close()
	require.False(t, health.holds())
	second := startServer(t, port, "", "")
	require.Eventually(t, health.holds, patience, 5*time.Millisecond)
	second.Shutdown()
	require.Eventually(t, func() bool { return !health.holds() }, patience, 5*time.Millisecond)
	second.WaitForShutdown()
	startServer(t, port, "", "")
	require.Eventually(t, health.holds, patience, 5*time.Millisecond)
}

func TestCommandGivesUpWithAClearError(t *testing.T) {
	t.Parallel()
	_, err := natsconn.ConnectOnce(t.Context(), config.NATS{URL: "nats://user:hunter2@127.0.0.1:1"}, "test", zap.NewNop())
	require.ErrorContains(t, err, "NATS_URL=127.0.0.1:1")
	require.NotContains(t, err.Error(), "hunter2")
}

func TestRefusedCredentialsShowAsRefused(t *testing.T) {
	t.Parallel()
	srv := startServer(t, server.RANDOM_PORT, "worker", "right")
	cfg := config.NATS{URL: srv.ClientURL(), User: "worker", Password: secret.New("wrong")}
	_, err := natsconn.ConnectOnce(t.Context(), cfg, "test", zap.NewNop())
	require.Error(t, err)
	require.True(t, job.IsRefused(err), err)
	require.NotContains(t, err.Error(), "wrong")
}

// Credentials may be taken back while there is no connection: that is another
// matter than a broker that is away, and somebody has to see to it.
func TestARefusalShowsWhateverWentBefore(t *testing.T) {
	t.Parallel()
	for name, before := range map[string]bool{"after a connection": true, "after an absence": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := startServer(t, server.RANDOM_PORT, "worker", "right")
			port := srv.Addr().(*net.TCPAddr).Port
			health := &condition{}
			core, logs := observer.New(zapcore.InfoLevel)
			if !before {
				srv.Shutdown()
				srv.WaitForShutdown()
			}
			cfg := config.NATS{URL: srv.ClientURL(), User: "worker", Password: secret.New("right")}
			nc, err := natsconn.Connect(cfg, "test", health, zap.New(core))
			require.NoError(t, err)
			defer nc.Close()
			if before {
				require.Eventually(t, health.holds, patience, time.Millisecond)
				srv.Shutdown()
				srv.WaitForShutdown()
			}
			require.Eventually(t, func() bool {
				_, err := health.get()
				return err != nil && strings.Contains(err.Error(), "connection refused")
			}, patience, time.Millisecond)
			other := startServer(t, port, "worker", "another")
			require.Eventually(t, func() bool {
				_, err := health.get()
				return job.IsRefused(err) && strings.Contains(err.Error(), "check the credentials")
			}, patience, time.Millisecond)
			other.Shutdown()
			other.WaitForShutdown()
			startServer(t, port, "worker", "right")
			require.Eventually(t, health.holds, patience, time.Millisecond)
			require.Zero(t, logs.FilterMessage("nats reports an error").Len(), "the health tells")
		})
	}
}

func TestPasswordFileIsReadAtEachConnect(t *testing.T) {
	t.Parallel()
	srv := startServer(t, server.RANDOM_PORT, "worker", "right")
	file := filepath.Join(t.TempDir(), "password")
	require.NoError(t, os.WriteFile(file, []byte("not yet\n"), 0o600))
	health := &condition{}
	nc, err := natsconn.Connect(config.NATS{URL: srv.ClientURL(), User: "worker", PasswordFile: file}, "test", health, zap.NewNop())
	require.NoError(t, err)
	defer nc.Close()
	require.Eventually(t, func() bool { _, err := health.get(); return job.IsRefused(err) }, patience, 5*time.Millisecond)
	require.NoError(t, os.WriteFile(file, []byte("right\n"), 0o600))
	require.Eventually(t, health.holds, patience, 5*time.Millisecond, "renewed credentials count without a restart")
}

func TestContextOfTheNatsTool(t *testing.T) {
	t.Parallel()
	srv := startServer(t, server.RANDOM_PORT, "worker", "right")
	file := filepath.Join(t.TempDir(), "test.json")
	require.NoError(t, os.WriteFile(file, []byte(`{"url": "`+srv.ClientURL()+`", "user": "worker", "password": "right"}`), 0o600))
	nc, err := natsconn.ConnectOnce(t.Context(), config.NATS{Context: file}, "test", zap.NewNop())
	require.NoError(t, err)
	nc.Close()
	_, err = natsconn.ConnectOnce(t.Context(), config.NATS{Context: "/no/such/context.json"}, "test", zap.NewNop())
	require.ErrorContains(t, err, "NATS_CONTEXT")

	elsewhere := filepath.Join(t.TempDir(), "test.json")
	require.NoError(t, os.WriteFile(elsewhere, []byte(`{"url": "nats://127.0.0.1:1", "user": "worker", "password": "right"}`), 0o600))
	nc, err = natsconn.ConnectOnce(t.Context(), config.NATS{Context: elsewhere, URL: srv.ClientURL()}, "test", zap.NewNop())
	require.NoError(t, err, "NATS_URL beats the context")
	nc.Close()
}

func TestAContextWithABadURLKeepsItsPassword(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "test.json")
	require.NoError(t, os.WriteFile(file, []byte(`{"url": "nats://worker:hunter2@127.0.0.1:port"}`), 0o600))
	_, err := natsconn.ConnectOnce(t.Context(), config.NATS{Context: file}, "test", zap.NewNop())
	require.ErrorContains(t, err, "cannot be parsed")
	require.NotContains(t, err.Error(), "hunter2")
}

func TestACommandSaysOnceThatItLostTheBroker(t *testing.T) {
	t.Parallel()
	srv := startServer(t, server.RANDOM_PORT, "", "")
	core, logs := observer.New(zapcore.InfoLevel)
	nc, err := natsconn.ConnectOnce(t.Context(), config.NATS{URL: "nats://127.0.0.1:1, " + srv.ClientURL()}, "test", zap.New(core))
	require.NoError(t, err, "one server of the list is enough")
	defer nc.Close()
	port := srv.Addr().(*net.TCPAddr).Port
	srv.Shutdown()
	srv.WaitForShutdown()
	require.Eventually(t, func() bool { return logs.FilterMessageSnippet("lost").Len() > 0 }, patience, time.Millisecond)
	startServer(t, port, "", "")
	require.Eventually(t, nc.IsConnected, patience, time.Millisecond)
	require.Eventually(t, func() bool { return logs.FilterMessageSnippet("connected to nats").Len() == 2 }, patience, time.Millisecond)
	require.Len(t, logs.All(), 3)
}
