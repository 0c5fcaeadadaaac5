package main

import (
	"bytes"
	"context"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jobferry/jobferry/internal/broker"
	"github.com/jobferry/jobferry/internal/embedded"
	"github.com/jobferry/jobferry/internal/job"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience bounds every wait of a test; it is never how long one takes.
const patience = 20 * time.Second

// world is a real broker, and a connection to see what commands do there.
type world struct {
	t        *testing.T
	addr     string
	dir      string
	js       jetstream.JetStream
	subjects broker.Subjects
	stop     func() // the broker
}

// newBroker starts a broker without streams.
func newBroker(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, dir: t.TempDir(), addr: "127.0.0.1:0"}
	var err error
	w.subjects, err = broker.NewSubjects("jobs")
	require.NoError(t, err)
	w.startBroker()
	return w
}

// newWorld starts a broker with the worker's streams.
func newWorld(t *testing.T) *world {
	t.Helper()
	w := newBroker(t)
	require.NoError(t, broker.Setup(t.Context(), w.js.Conn(), broker.Config{
		Subjects: w.subjects, Replicas: 1, EventsMaxAge: time.Hour,
	}))
	return w
}

// startBroker starts the broker, or starts it again, and connects to it.
func (w *world) startBroker() {
	w.t.Helper()
	server, err := embedded.StartNATS(embedded.NATSOptions{Addr: w.addr, Dir: w.dir})
	require.NoError(w.t, err)
	w.addr = strings.TrimPrefix(server.URL(), "nats://")
	w.stop = sync.OnceFunc(server.Stop)
	w.t.Cleanup(w.stop)
	nc, err := nats.Connect(server.URL())
	require.NoError(w.t, err)
	w.t.Cleanup(nc.Close)
	w.js, err = jetstream.New(nc)
	require.NoError(w.t, err)
}

// output is what a command prints; it can be read while the command does.
type output struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.String()
}

// command is one that runs.
type command struct {
	t         *testing.T
	out, errs *output
	interrupt context.CancelFunc
	done      chan error
}

// begin runs a command against the world's broker.
func (w *world) begin(stdin io.Reader, args ...string) *command {
	w.t.Helper()
	c := &command{t: w.t, out: &output{}, errs: &output{}, done: make(chan error, 1)}
	ctx, cancel := context.WithCancel(context.Background())
	c.interrupt = cancel
	root := newRoot(context.Background())
	root.SetIn(stdin)
	root.SetOut(c.out)
	root.SetErr(c.errs)
	root.SetArgs(slices.Insert(args, 1, "--nats-url", "nats://"+w.addr))
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		c.done <- root.ExecuteContext(ctx)
	}()
	w.t.Cleanup(func() {
		cancel()
		<-ended
	})
	return c
}

// wait returns how the command ended.
func (c *command) wait() error {
	c.t.Helper()
	select {
	case err := <-c.done:
		return err
	case <-time.After(patience):
		require.FailNow(c.t, "the command does not end", "it printed %q and %q", c.out, c.errs)
		return nil
	}
}

// run runs a command to its end.
func (w *world) run(stdin string, args ...string) (stdout, stderr string, err error) {
	w.t.Helper()
	c := w.begin(strings.NewReader(stdin), args...)
	err = c.wait()
	return c.out.String(), c.errs.String(), err
}

func (c *command) printed(text string) {
	c.t.Helper()
	require.Eventually(c.t, func() bool { return strings.Contains(c.out.String(), text) }, patience, 2*time.Millisecond,
		"%q was not printed", text)
}

// readers waits until the events stream has that many readers.
func (w *world) readers(count int) {
	w.t.Helper()
	require.Eventually(w.t, func() bool {
		stream, err := w.js.Stream(w.t.Context(), w.subjects.Events())
		return err == nil && stream.CachedInfo().State.Consumers == count
	}, patience, 2*time.Millisecond)
}

// settle publishes the terminal event of a job, and returns it as it stands
// on the wire.
func (w *world) settle(data job.EventData) string {
	w.t.Helper()
	body, err := job.NewEvent(string(data.JobID), data, "").Encode()
	require.NoError(w.t, err)
	w.publish(w.subjects.Event(data.Status, data.JobID), body)
	return string(body)
}

// publish has a message stored, however often that has to be tried.
func (w *world) publish(subject string, body []byte) {
	w.t.Helper()
	require.Eventually(w.t, func() bool {
		_, err := w.js.Publish(w.t.Context(), subject, body, jetstream.WithMsgID(subject))
		return err == nil
	}, patience, time.Millisecond)
}

// submissions are the bodies that stand in the stream of submissions, by
// subject.
func (w *world) submissions() map[string]string {
	w.t.Helper()
	stream, err := w.js.Stream(w.t.Context(), w.subjects.Jobs())
	require.NoError(w.t, err)
	bodies := make(map[string]string)
	for sequence := range stream.CachedInfo().State.LastSeq {
		msg, err := stream.GetMsg(w.t.Context(), sequence+1)
		require.NoError(w.t, err)
		bodies[msg.Subject] = string(msg.Data)
	}
	return bodies
}
