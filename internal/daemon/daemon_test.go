package daemon

import (
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jobferry/jobferry/internal/config"
	"github.com/jobferry/jobferry/internal/embedded"
	"github.com/jobferry/jobferry/internal/retry"
	"github.com/jobferry/jobferry/internal/secret"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"
)

// patience bounds every wait; it is never how long one takes.
const patience = 30 * time.Second

// nowhere is where nobody listens.
const nowhere = "nats://127.0.0.1:1"

func settings(natsURL string) config.Config {
	return config.Config{
		NATS: config.NATS{URL: natsURL},
		API:  config.API{URL: "http://127.0.0.1:1", Token: secret.New("token")},
		S3:   config.S3{Bucket: "results"},
		Worker: config.Worker{
			SubjectPrefix: "jobs", StreamReplicas: 1, Polls: 1, Transfers: 1, MaxCrashes: 1, MaxResultBytes: 1,
			Backoff: retry.Policy{Initial: time.Second, Max: time.Second, Multiplier: 1}, EventsMaxAge: time.Hour,
			JobDeadline: time.Hour, DrainTimeout: time.Second, HTTPAddr: "127.0.0.1:0",
		},
	}
}

func startNATS(t *testing.T) *embedded.NATS {
	t.Helper()
	server, err := embedded.StartNATS(embedded.NATSOptions{Addr: "127.0.0.1:0", Dir: t.TempDir()})
	require.NoError(t, err)
	t.Cleanup(server.Stop)
	return server
}

// getPage fetches a page of a daemon: 0 when nobody answers.
func getPage(t *testing.T, d *Daemon, path string) (int, string) {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Get("http://" + d.HTTPAddr() + path)
	if err != nil {
		return 0, ""
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp.StatusCode, string(body)
}

func TestATakenPortShowsBeforeAnythingElse(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer taken.Close()
	cfg := settings(nowhere)
	cfg.Worker.HTTPAddr = taken.Addr().String()
	_, err = New(cfg, "", zap.NewNop())
	require.ErrorIs(t, err, syscall.EADDRINUSE)
	require.ErrorContains(t, err, "WORKER_HTTP_ADDR")
	require.ErrorContains(t, err, cfg.Worker.HTTPAddr)
}

func TestProbesAreAnsweredBeforeTheWorkerRuns(t *testing.T) {
	t.Parallel()
	d, err := New(settings(nowhere), "", zap.NewNop())
	require.NoError(t, err)
	status, _ := getPage(t, d, "/livez")
	require.Equal(t, http.StatusOK, status)
	status, body := getPage(t, d, "/readyz")
	require.Equal(t, http.StatusServiceUnavailable, status)
	for _, condition := range []string{"nats", "streams", "api", "store"} {
		require.Contains(t, body, condition+": not tried yet\n")
	}
	_, body = getPage(t, d, "/metrics")
	require.Contains(t, body, "go_goroutines")
	require.Contains(t, body, "process_start_time_seconds")
	d.Close()
	status, _ = getPage(t, d, "/livez")
	require.Zero(t, status, "the address is free again")
	d.Close()
}

func TestAnEndThatComesEarlyIsNoError(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	d, err := New(settings(nowhere), "", zap.NewNop())
	require.NoError(t, err)
	require.NoError(t, d.Run(ctx, t.Context()))
	status, _ := getPage(t, d, "/livez")
	require.Zero(t, status)
}

func TestABrokerThatIsAwayIsWaitedFor(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	d, err := New(settings(nowhere), "", zap.NewNop())
	require.NoError(t, err)
	ended := make(chan error, 1)
	go func() { ended <- d.Run(ctx, t.Context()) }()
	require.Eventually(t, func() bool {
		status, body := getPage(t, d, "/readyz")
		return status == http.StatusServiceUnavailable &&
			strings.Contains(body, "nats: not connected") && strings.Contains(body, "streams: waiting for JetStream")
	}, patience, 5*time.Millisecond)
	cancel()
	require.NoError(t, <-ended)
	status, _ := getPage(t, d, "/livez")
	require.Zero(t, status)
}

func TestItWorksAndDrains(t *testing.T) {
	t.Parallel()
	server := startNATS(t)
	core, logs := observer.New(zapcore.InfoLevel)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	d, err := New(settings(server.URL()), "", zap.New(core))
	require.NoError(t, err)
	ended := make(chan error, 1)
	go func() { ended <- d.Run(ctx, t.Context()) }()
	require.Eventually(t, func() bool {
		_, body := getPage(t, d, "/readyz")
		return strings.Contains(body, "nats: ok\n") && strings.Contains(body, "streams: ok\n")
	}, patience, 5*time.Millisecond)
	cancel()
	require.NoError(t, <-ended)
	require.Equal(t, d.HTTPAddr(), logs.FilterMessage("worker started").All()[0].ContextMap()["http"])
	require.Equal(t, 1, logs.FilterMessage("worker stopped").Len())
	require.Zero(t, logs.FilterMessage("not everything closed in order").Len())
}

// What no waiting would mend ends the run, and takes down what is open.
func TestWrongSettingsEndTheRun(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(*config.Config){
		"the subject prefix": func(c *config.Config) { c.Worker.SubjectPrefix = "a b" },
		"NITRO_API_URL":      func(c *config.Config) { c.API.URL = "api" },
		"S3_BUCKET":          func(c *config.Config) { c.S3.Bucket = "" },
		"connect to nats":    func(c *config.Config) { c.NATS.CA = "/no/such/file" },
		"replicas":           func(c *config.Config) { c.Worker.StreamReplicas = 0 },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := settings(nowhere)
			spoil(&cfg)
			d, err := New(cfg, "", zap.NewNop())
			require.NoError(t, err)
			require.ErrorContains(t, d.Run(t.Context(), t.Context()), name)
			status, _ := getPage(t, d, "/livez")
			require.Zero(t, status)
		})
	}
}

func TestSetUpCreatesWhatIsMissing(t *testing.T) {
	t.Parallel()
	server := startNATS(t)
	cfg := settings(server.URL())
	cfg.Worker.SubjectPrefix, cfg.Worker.EventsMaxAge = "other.jobs", 2*time.Hour
	nc, err := nats.Connect(server.URL())
	require.NoError(t, err)
	defer nc.Close()
	js, err := jetstream.New(nc)
	require.NoError(t, err)
	for range 2 { // what is there is left alone
		require.NoError(t, SetUp(t.Context(), cfg, zap.NewNop()))
		for stream, consumers := range map[string]int{"OTHER_JOBS": 1, "OTHER_JOBS_WAIT": 1, "OTHER_JOBS_EVENTS": 0} {
			found, err := js.Stream(t.Context(), stream)
			require.NoError(t, err, stream)
			require.Equal(t, consumers, found.CachedInfo().State.Consumers, stream)
		}
	}
	events, err := js.Stream(t.Context(), "OTHER_JOBS_EVENTS")
	require.NoError(t, err)
	require.Equal(t, 2*time.Hour, events.CachedInfo().Config.MaxAge)
}

func TestSetUpSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	cfg := settings(nowhere)
	require.ErrorContains(t, SetUp(t.Context(), cfg, zap.NewNop()), "NATS_URL=nats://127.0.0.1:1")
	cfg.Worker.SubjectPrefix = ""
	require.ErrorContains(t, SetUp(t.Context(), cfg, zap.NewNop()), "the subject prefix \"\" must be")

	server := startNATS(t)
	nc, err := nats.Connect(server.URL())
	require.NoError(t, err)
	defer nc.Close()
	js, err := jetstream.New(nc)
	require.NoError(t, err)
	_, err = js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "OTHER", Subjects: []string{"jobs.wait.x"}})
	require.NoError(t, err)
	err = SetUp(t.Context(), settings(server.URL()), zap.NewNop())
	require.ErrorContains(t, err, "set up: ")
	require.ErrorContains(t, err, "JOBS_WAIT")
}
