package deployments

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/jobferry/jobferry/internal/config"
	"github.com/jobferry/jobferry/internal/daemon"
	"github.com/jobferry/jobferry/internal/retry"
	"github.com/jobferry/jobferry/internal/secret"
	"github.com/jobferry/jobferry/internal/simulator"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
)

// patience bounds every wait; it is never how long one takes.
const patience = 90 * time.Second

// startMonitored starts a nats-server with JetStream and its monitoring port.
func startMonitored(t *testing.T) *server.Server {
	t.Helper()
	return startServer(t, &server.Options{
		Host: "127.0.0.1", Port: server.RANDOM_PORT, HTTPHost: "127.0.0.1", HTTPPort: server.RANDOM_PORT,
		JetStream: true, StoreDir: t.TempDir(), NoLog: true, NoSigs: true,
	})
}

func startServer(t *testing.T, options *server.Options) *server.Server {
	t.Helper()
	srv, err := server.NewServer(options)
	require.NoError(t, err)
	srv.Start()
	require.True(t, srv.ReadyForConnections(patience))
	t.Cleanup(func() { srv.Shutdown(); srv.WaitForShutdown() })
	return srv
}

// lag is the figure that KEDA's nats-jetstream scaler computes of a trigger:
// what the consumer has pending and unacknowledged, by the same request; the
// stream's last sequence when there is no such consumer, and 0 when there is no
// such stream.
// https://github.com/kedacore/keda/blob/v2.21.0/pkg/scalers/nats_jetstream_scaler.go
func lag(t *testing.T, srv *server.Server, trigger any) int64 {
	t.Helper()
	metadata := at(t, trigger, "metadata").(manifest)
	resp, err := http.Get(fmt.Sprintf("http://%s/jsz?acc=%s&consumers=true&config=true", srv.MonitorAddr(), metadata["account"]))
	require.NoError(t, err)
	defer resp.Body.Close()
	var answer server.JSInfo
	require.NoError(t, json.NewDecoder(resp.Body).Decode(&answer))
	for _, account := range answer.AccountDetails {
		for _, stream := range account.Streams {
			if account.Name != metadata["account"] || stream.Name != metadata["stream"] {
				continue
			}
			for _, c := range stream.Consumer {
				if c.Name == metadata["consumer"] {
					return int64(c.NumPending) + int64(c.NumAckPending)
				}
			}
			return int64(stream.State.LastSeq)
		}
	}
	return 0
}

// settings are those of a worker that polls each job once an hour.
func settings(natsURL, apiURL string) config.Config {
	return config.Config{
		NATS: config.NATS{URL: natsURL},
		API:  config.API{URL: apiURL, ClientID: "simulator", ClientSecret: secret.New("simulated")},
		S3:   config.S3{Bucket: "results", PathStyle: true},
		Worker: config.Worker{
			SubjectPrefix: "jobs", StreamReplicas: 1, Polls: 64, Transfers: 1, MaxCrashes: 5, MaxResultBytes: 1 << 20,
			Backoff:     retry.Policy{Initial: time.Hour, Max: time.Hour, Multiplier: 1},
			JobDeadline: 24 * time.Hour, EventsMaxAge: time.Hour, DrainTimeout: time.Second, HTTPAddr: "127.0.0.1:0",
		},
	}
}

// startWorker runs a worker, which serves its metrics at addr, until stop is
// called.
func startWorker(t *testing.T, cfg config.Config) (addr string, stop func()) {
	t.Helper()
	store := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})) // has each bucket; no job gets that far
	t.Cleanup(store.Close)
	t.Setenv("AWS_REGION", "us-east-1")
	t.Setenv("AWS_ENDPOINT_URL_S3", store.URL)
	t.Setenv("AWS_ACCESS_KEY_ID", "key")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "secret")
	d, err := daemon.New(cfg, "", zap.NewNop())
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- d.Run(ctx, context.Background()) }()
	return d.HTTPAddr(), func() { cancel(); require.NoError(t, <-ended) }
}

// fallDue lets the timers of waiting jobs fire now, by putting others in their
// place.
func fallDue(t *testing.T, js jetstream.JetStream, jobs int) {
	t.Helper()
	stream, err := js.Stream(t.Context(), "JOBS_WAIT")
	require.NoError(t, err)
	for i := range jobs {
		timer, err := stream.GetLastMsgForSubject(t.Context(), "jobs.wait."+jobID(i))
		require.NoError(t, err)
		again := &nats.Msg{Subject: timer.Subject, Data: timer.Data, Header: nats.Header{}}
		again.Header.Set("Nats-Schedule", "@at "+time.Now().UTC().Format(time.RFC3339Nano))
		again.Header.Set("Nats-Schedule-Target", timer.Header.Get("Nats-Schedule-Target"))
		_, err = js.PublishMsg(t.Context(), again)
		require.NoError(t, err)
	}
}

func jobID(i int) string { return fmt.Sprintf("job-%d", i) }

func TestWaitingJobsCountForNothingAndDueOnesDo(t *testing.T) {
	const jobs = 1000
	srv := startMonitored(t)
	triggers := at(t, render(t, everything)["ScaledObject"], "spec", "triggers")
	require.Equal(t, "A_B", at(t, triggers, 0, "metadata", "stream"), "streams are named after the prefix")
	triggers = at(t, render(t, enough+"keda: {enabled: true}")["ScaledObject"], "spec", "triggers")
	lags := func() [2]int64 { return [2]int64{lag(t, srv, at(t, triggers, 0)), lag(t, srv, at(t, triggers, 1))} }
	require.Zero(t, lags(), "a missing stream reads as no work")

	nc, err := nats.Connect(srv.ClientURL())
	require.NoError(t, err)
	defer nc.Close()
	js, err := jetstream.New(nc)
	require.NoError(t, err)
	api, err := simulator.Start(simulator.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, api.Close()) })
	require.NoError(t, daemon.SetUp(t.Context(), settings(srv.ClientURL(), api.APIURL()), zap.NewNop()), "as the chart's hook does")
	eventually := func(want [2]int64) {
		t.Helper()
		require.Eventually(t, func() bool { return lags() == want }, patience, 50*time.Millisecond, "%v", want)
	}

	for i := range jobs {
		api.Add(simulator.Job{ID: jobID(i), Polls: 1000})
		_, err := js.Publish(t.Context(), "jobs.submit", []byte(jobID(i)))
		require.NoError(t, err)
	}
	eventually([2]int64{jobs, 0})

	_, stop := startWorker(t, settings(srv.ClientURL(), api.APIURL()))
	eventually([2]int64{0, 0})
	stop()
	stream, err := js.Stream(t.Context(), "JOBS_WAIT")
	require.NoError(t, err)
	require.EqualValues(t, jobs, stream.CachedInfo().State.Msgs, "all of them wait")
	require.Zero(t, lags())

	fallDue(t, js, jobs)
	eventually([2]int64{0, jobs})
}
