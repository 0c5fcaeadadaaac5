package main

import (
	"context"
	"encoding/json"
	"net"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jobferry/jobferry/internal/cli"
	"github.com/jobferry/jobferry/internal/job"
	"github.com/jobferry/jobferry/internal/simulator"
	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"
)

// There is one S3 server in a process: these tests run one after the other.

func freePorts(t *testing.T, more ...string) []string {
	t.Helper()
	return append([]string{
		"--dir", t.TempDir(), "--nats-addr", "127.0.0.1:0", "--s3-addr", "127.0.0.1:0",
		"--api-addr", "127.0.0.1:0", "--http-addr", "127.0.0.1:0",
	}, more...)
}

// screen is what the program has printed so far.
type screen struct {
	mu   sync.Mutex
	text strings.Builder
}

func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(p)
}

func (s *screen) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

// find waits for a line and returns its first group.
func (s *screen) find(t *testing.T, pattern string) string {
	t.Helper()
	expression := regexp.MustCompile(pattern)
	var match []string
	require.Eventually(t, func() bool {
		match = expression.FindStringSubmatch(s.String())
		return match != nil
	}, time.Minute, 10*time.Millisecond, pattern)
	return match[len(match)-1]
}

func TestOnceSettlesEverySample(t *testing.T) {
	out := &screen{}
	require.NoError(t, run(t.Context(), freePorts(t, "--once", "--worker-backoff-max", "1s"), out))
	for _, sample := range simulator.Samples("") {
		require.Contains(t, out.String(), sample.Job.ID)
	}
	require.Contains(t, out.String(), "all 20 samples settled as they should")
}

func TestWrongSamplesAreFound(t *testing.T) {
	r := &row{sample: simulator.Sample{
		Job: simulator.Job{ID: "x"}, Want: simulator.Expectation{Outcome: job.OutcomeCompleted, Kind: job.KindFile},
	}, event: &job.Event{Data: job.EventData{Status: job.OutcomeCompleted, Kind: job.KindFile}}}
	sh := &show{rows: []*row{r}}
	require.Empty(t, sh.wrong())
	for _, spoil := range []func(*job.EventData){
		func(d *job.EventData) { d.Status = job.OutcomeFailed },
		func(d *job.EventData) { d.Reason = "job_failed" },
		func(d *job.EventData) { d.Kind = job.KindText },
		func(d *job.EventData) { d.Objects = make([]job.Object, 1) },
	} {
		data := r.event.Data
		spoil(&data)
		require.Len(t, (&show{rows: []*row{{sample: r.sample, event: &job.Event{Data: data}}}}).wrong(), 1)
	}
}

func TestTakenPortNamesTheFlag(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close()
	taken := listener.Addr().String()
	for _, flag := range []string{"--nats-addr", "--s3-addr", "--api-addr", "--http-addr"} {
		err := run(t.Context(), freePorts(t, flag, taken), &screen{})
		require.ErrorContains(t, err, flag)
		require.ErrorContains(t, err, taken+" is taken")
		require.Equal(t, 1, cli.ExitStatus(err))
	}
}

func TestADirectoryIsForOneAtATime(t *testing.T) {
	dir := t.TempDir()
	taken, err := lock(dir)
	require.NoError(t, err)
	err = run(t.Context(), freePorts(t, "--dir", dir), &screen{})
	require.ErrorIs(t, err, errLocked)
	require.ErrorContains(t, err, "--dir "+dir)
	require.Equal(t, 1, cli.ExitStatus(err))
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, left, 1, "no server has touched it")

	require.NoError(t, taken.Close())
	require.NoError(t, run(t.Context(), freePorts(t, "--dir", dir, "--once", "--worker-backoff-max", "1s"), &screen{}))
	taken, err = lock(dir)
	require.NoError(t, err, "who has ended has left it")
	require.NoError(t, taken.Close())

	_, err = lock("/dev/null/data")
	require.ErrorContains(t, err, "--dir: ")
}

func TestWrongFlagsAndSettingsEndWithStatusTwo(t *testing.T) {
	for _, args := range [][]string{{"--nonsense"}, {"argument"}, freePorts(t, "--worker-polls", "none")} {
		require.Equal(t, 2, cli.ExitStatus(run(t.Context(), args, &screen{})), args)
	}
	out := &screen{}
	require.NoError(t, run(t.Context(), []string{"--help"}, out))
	require.Contains(t, out.String(), "go run ./cmd/standalone")
}

func TestItWorksForTheRealAPI(t *testing.T) {
	api, err := simulator.Start(simulator.Options{Token: "fixed-token"})
	require.NoError(t, err)
	defer func() { require.NoError(t, api.Close()) }()
	t.Setenv("NITRO_API_URL", api.APIURL())
	t.Setenv("NITRO_API_TOKEN", "fixed-token")
	t.Setenv("WORKER_RESULT_HOSTS", "127.0.0.1")

	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	out := &screen{}
	done := make(chan error, 1)
	args := freePorts(t)
	go func() { done <- run(ctx, args, out) }()
	nc, err := nats.Connect(out.find(t, `NATS +(\S+)`))
	require.NoError(t, err)
	defer nc.Close()
	out.find(t, `(Submit more)`)
	events, err := nc.SubscribeSync("jobs.events.>")
	require.NoError(t, err)
	api.Add(simulator.Job{ID: "real"})
	require.NoError(t, nc.Publish("jobs.submit", []byte("real")))
	msg, err := events.NextMsg(time.Minute)
	require.NoError(t, err)
	var event job.Event
	require.NoError(t, json.Unmarshal(msg.Data, &event))
	require.Equal(t, job.OutcomeCompleted, event.Data.Status)
	stop()
	require.NoError(t, <-done)
}
