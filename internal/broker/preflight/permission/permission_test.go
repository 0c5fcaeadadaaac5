package permission_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/jobferry/jobferry/internal/broker/preflight/permission"
	"github.com/jobferry/jobferry/internal/embedded"
	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// connect returns a connection of a user who may do this and nothing else.
func connect(t *testing.T, permissions string, options ...nats.Option) *nats.Conn {
	t.Helper()
	conf := filepath.Join(t.TempDir(), "nats.conf")
	require.NoError(t, os.WriteFile(conf, []byte(`authorization { users: [ { user: u, password: "p", permissions: { `+permissions+` } } ] }`), 0o600))
	server, err := embedded.StartNATS(embedded.NATSOptions{Addr: "127.0.0.1:0", Dir: t.TempDir(), ConfigFile: conf})
	require.NoError(t, err)
	t.Cleanup(server.Stop)
	nc, err := nats.Connect(server.URL(), append(options, nats.UserInfo("u", "p"))...)
	require.NoError(t, err)
	t.Cleanup(nc.Close)
	return nc
}

func limited(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func TestWhatIsRefusedIsNamedAtOnce(t *testing.T) {
	t.Parallel()
	nc := connect(t, `publish: { allow: ["fine.*"] }, subscribe: { allow: ["_INBOX.>", "fine.*"] }`)
	ctx := limited(t)
	_, err := permission.Ask(ctx, nc, nats.NewMsg("bad.a"), "bad.*")
	require.EqualError(t, err, "not permitted: allow the user to publish to bad.*")
	_, err = permission.Ask(ctx, nc, nats.NewMsg("fine.a"), "fine.*")
	require.ErrorIs(t, err, nats.ErrNoResponders, "what was refused before is not held against it")
	_, err = permission.Subscribe(ctx, nc, "bad.a", "bad.*")
	require.EqualError(t, err, "not permitted: allow the user to subscribe to bad.*")
	subscription, err := permission.Subscribe(ctx, nc, "fine.a", "fine.*")
	require.NoError(t, err)
	require.NoError(t, permission.Publish(ctx, nc, nats.NewMsg("fine.a"), "fine.*"))
	_, err = subscription.NextMsgWithContext(ctx)
	require.NoError(t, err)
}

func TestAnswersAreReturned(t *testing.T) {
	t.Parallel()
	nc := connect(t, `publish: { allow: [">"] }, subscribe: { allow: [">"] }`)
	_, err := nc.Subscribe("asked", func(request *nats.Msg) { _ = request.Respond([]byte("answer")) })
	require.NoError(t, err)
	answer, err := permission.Ask(limited(t), nc, nats.NewMsg("asked"), "asked")
	require.NoError(t, err)
	require.Equal(t, "answer", string(answer.Data))
}

func TestSilenceIsExplained(t *testing.T) {
	t.Parallel()
	nc := connect(t, `publish: { allow: [">"] }, subscribe: { allow: [">"] }`)
	_, err := nc.SubscribeSync("asked") // and never answered
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	_, err = permission.Ask(ctx, nc, nats.NewMsg("asked"), "asked")
	require.ErrorContains(t, err, "no answer: allow the user to publish to asked")
}

func TestInboxOfTheConnectionsOwnPrefix(t *testing.T) {
	t.Parallel()
	for allowed, right := range map[string]bool{"_INBOX.mine.>": true, "_INBOX.mine.*": false, "_INBOX.other.>": false} {
		nc := connect(t, `publish: { allow: [">"] }, subscribe: { allow: ["`+allowed+`"] }`, nats.CustomInboxPrefix("_INBOX.mine"))
		inbox, err := permission.Inbox(limited(t), nc)
		require.Equal(t, "_INBOX.mine.>", inbox)
		if right {
			require.NoError(t, err, allowed)
			continue
		}
		require.EqualError(t, err, "not permitted: allow the user to subscribe to _INBOX.mine.>")
	}
}
