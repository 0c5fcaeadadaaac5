package broker

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/jobferry/jobferry/internal/embedded"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"
)

func TestSetupTakesAProducersStreamAsItIs(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*jetstream.StreamConfig){
		"nothing": func(*jetstream.StreamConfig) {},
		"limits": func(c *jetstream.StreamConfig) {
			c.MaxMsgs, c.MaxBytes, c.MaxAge, c.Discard = 77, 1<<20, time.Hour, jetstream.DiscardOld
		},
		"memory":          func(c *jetstream.StreamConfig) { c.Storage = jetstream.MemoryStorage },
		"more subjects":   func(c *jetstream.StreamConfig) { c.Subjects = append(c.Subjects, "orders.>") },
		"one token below": func(c *jetstream.StreamConfig) { c.Subjects = []string{"jobs.submit", "jobs.submit.*"} },
		"from another stream": func(c *jetstream.StreamConfig) {
			c.Subjects, c.Sources = nil, []*jetstream.StreamSource{{Name: "FIRST"}}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHarness(t)
			stream := jetstream.StreamConfig{Name: "JOBS", Subjects: []string{"jobs.submit", "jobs.submit.>"}, Retention: jetstream.WorkQueuePolicy}
			change(&stream)
			h.recreate(stream)
			require.NoError(t, Setup(t.Context(), h.nc, h.cfg))
		})
	}
}

func TestSetupRefusesAStreamOfSubmissionsThatWouldLoseThem(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		stream jetstream.StreamConfig
		says   string
	}{
		"other subjects": {jetstream.StreamConfig{Subjects: []string{"orders.>"}, Retention: jetstream.WorkQueuePolicy}, "does not take jobs.submit:"},
		"no jobs.submit.>": {
			jetstream.StreamConfig{Subjects: []string{"jobs.submit"}, Retention: jetstream.WorkQueuePolicy}, "does not take jobs.submit.>:",
		},
		"limits":   {jetstream.StreamConfig{Subjects: []string{"jobs.submit", "jobs.submit.>"}}, "retention limits, it must be a work queue"},
		"interest": {jetstream.StreamConfig{Subjects: []string{"jobs.submit", "jobs.submit.>"}, Retention: jetstream.InterestPolicy}, "retention interest"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHarness(t)
			test.stream.Name = "JOBS"
			h.recreate(test.stream)
			err := Setup(t.Context(), h.nc, h.cfg)
			require.ErrorContains(t, err, "stream JOBS ")
			require.ErrorContains(t, err, test.says)
			var wrong *Misconfigured
			require.ErrorAs(t, err, &wrong)
			require.ErrorAs(t, h.client.SetUp(t.Context()), &wrong, "no waiting mends it")
		})
	}
}

func fileOf(t *testing.T, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "nats.conf")
	require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
	return path
}

// For the account, and for the whole server.
func TestSetupSaysThatJetStreamIsOff(t *testing.T) {
	t.Parallel()
	account, err := embedded.StartNATS(embedded.NATSOptions{
		Addr: "127.0.0.1:0", Dir: t.TempDir(),
		ConfigFile: fileOf(t, `accounts { PLAIN { users: [{ user: worker, password: "" }] } }, no_auth_user: worker`),
	})
	require.NoError(t, err)
	t.Cleanup(account.Stop)
	whole, err := server.NewServer(&server.Options{Host: "127.0.0.1", Port: server.RANDOM_PORT, NoLog: true, NoSigs: true})
	require.NoError(t, err)
	go whole.Start()
	require.True(t, whole.ReadyForConnections(patience))
	t.Cleanup(func() {
		whole.Shutdown()
		whole.WaitForShutdown()
	})
	subjects, err := NewSubjects("jobs")
	require.NoError(t, err)
	for _, url := range []string{account.URL(), whole.ClientURL()} {
		nc, err := nats.Connect(url)
		require.NoError(t, err)
		t.Cleanup(nc.Close)
		err = Setup(t.Context(), nc, Config{Subjects: subjects, Replicas: 1})
		require.ErrorContains(t, err, "JetStream is off for this account: enable it")
	}
}

func TestSubjectsThatCoverOthers(t *testing.T) {
	t.Parallel()
	for _, pair := range [][2]string{
		{"a", "a"}, {"a.b", "a.b"}, {"a.*", "a.b"}, {"a.*", "a.*"}, {"a.>", "a.b"}, {"a.>", "a.*"}, {"a.>", "a.>"}, {"a.>", "a.b.c"}, {"*.b", "a.b"}, {">", "a.>"},
	} {
		require.True(t, covers(pair[0], pair[1]), "%v", pair)
	}
	for _, pair := range [][2]string{
		{"a", "b"}, {"a", "a.b"}, {"a.b", "a"}, {"a.>", "a"}, {"a.*", "a"}, {"a.*", "a.>"}, {"a.*", "a.b.c"}, {"a.b", "a.*"}, {"a.b", "a.>"}, {"*", "a.b"},
	} {
		require.False(t, covers(pair[0], pair[1]), "%v", pair)
	}
}
