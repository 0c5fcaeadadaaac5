package embedded

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"
)

func configFile(t *testing.T, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "nats.conf")
	require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
	return path
}

func TestNATSTakesUsersAndPermissionsFromAFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	server, err := StartNATS(NATSOptions{Addr: "127.0.0.1:0", Dir: dir, ConfigFile: configFile(t, `
		port: 1
		jetstream { store_dir: "/no/such/place" }
		authorization { users: [{ user: one, password: right, permissions: { publish: [ "$JS.API.>" ] } }] }
	`)})
	require.NoError(t, err)
	defer server.Stop()
	require.NotRegexp(t, `:1$`, server.URL(), "the port is the option's")
	_, err = nats.Connect(server.URL())
	require.ErrorIs(t, err, nats.ErrAuthorization)

	problems := make(chan error, 1)
	nc, err := nats.Connect(server.URL(), nats.UserInfo("one", "right"),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { problems <- err }))
	require.NoError(t, err)
	defer nc.Close()
	js, err := jetstream.New(nc)
	require.NoError(t, err)
	_, err = js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "S", Subjects: []string{"s"}})
	require.NoError(t, err)
	require.DirExists(t, filepath.Join(dir, "jetstream"), "the directory is the option's")
	require.NoError(t, nc.Publish("s", nil))
	require.ErrorIs(t, <-problems, nats.ErrPermissionViolation)
}

func TestNATSRefusesABadConfigFile(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"/no/such/file", configFile(t, "authorization {")} {
		_, err := StartNATS(NATSOptions{Addr: "127.0.0.1:0", Dir: t.TempDir(), ConfigFile: path})
		require.ErrorContains(t, err, "embedded nats-server: ")
	}
}

func TestNATSTracesWhatClientsDo(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var lines []string
	server, err := StartNATS(NATSOptions{Addr: "127.0.0.1:0", Dir: t.TempDir(), Trace: func(line string) {
		mu.Lock()
		defer mu.Unlock()
		lines = append(lines, line)
	}})
	require.NoError(t, err)
	defer server.Stop()
	nc, err := nats.Connect(server.URL(), nats.Name("traced"))
	require.NoError(t, err)
	defer nc.Close()
	_, err = nc.SubscribeSync("what.>")
	require.NoError(t, err)
	require.NoError(t, nc.Publish("what.ever", []byte("body")))
	require.NoError(t, nc.FlushTimeout(10*time.Second))
	mu.Lock()
	defer mu.Unlock()
	text := strings.Join(lines, "\n")
	require.Regexp(t, `traced.*<<- \[SUB what\.>`, text)
	require.Regexp(t, `traced.*<<- \[PUB what\.ever`, text)
}
