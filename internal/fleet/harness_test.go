package fleet_test

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/jobferry/jobferry/internal/broker"

	"github.com/jobferry/jobferry/internal/embedded"
	"github.com/jobferry/jobferry/internal/fleet"
	"github.com/jobferry/jobferry/internal/job"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience bounds every wait of a test; it is never how long one takes.
const patience = 20 * time.Second

// world is a real broker with a worker's streams, and the fleet under test.
type world struct {
	*fleet.Fleet

	t        *testing.T
	js       jetstream.JetStream
	subjects broker.Subjects
	cfg      broker.Config
}

func newWorld(t *testing.T) *world {
	t.Helper()
	server, err := embedded.StartNATS(embedded.NATSOptions{Addr: "127.0.0.1:0", Dir: t.TempDir()})
	require.NoError(t, err)
	t.Cleanup(server.Stop)
	subjects, err := broker.NewSubjects("jobs")
	require.NoError(t, err)
	nc, err := nats.Connect(server.URL())
	require.NoError(t, err)
	t.Cleanup(nc.Close)
	js, err := jetstream.New(nc)
	require.NoError(t, err)
	w := &world{t: t, js: js, subjects: subjects, Fleet: fleet.New(js, subjects)}
	w.cfg = broker.Config{Subjects: subjects, Replicas: 1, EventsMaxAge: time.Hour}
	require.NoError(t, broker.Setup(t.Context(), nc, w.cfg))
	return w
}

// submit publishes a submission under a subject.
func (w *world) submit(subject, body string) uint64 {
	w.t.Helper()
	ack, err := w.js.Publish(w.t.Context(), subject, []byte(body))
	require.NoError(w.t, err)
	return ack.Sequence
}

// arm publishes a job's timer as a worker does, and returns when it fires.
func (w *world) arm(j job.Job, in time.Duration) time.Time {
	w.t.Helper()
	body, err := j.Encode()
	require.NoError(w.t, err)
	at := time.Now().Add(in).UTC()
	_, err = w.js.PublishMsg(w.t.Context(), &nats.Msg{Subject: w.subjects.WaitFor(j.ID), Data: body, Header: nats.Header{
		"Nats-Schedule": {"@at " + at.Format(time.RFC3339Nano)}, "Nats-Schedule-Target": {w.subjects.Due(j.ID)},
	}})
	require.NoError(w.t, err)
	return at
}

// settle publishes the terminal event of a job, and returns its sequence.
func (w *world) settle(data job.EventData) uint64 {
	w.t.Helper()
	data.SettledAt = time.Now().UTC()
	body, err := job.NewEvent(string(data.JobID), data, "").Encode()
	require.NoError(w.t, err)
	return w.submit(w.subjects.Event(data.Status, data.JobID), string(body))
}

// take has the next message of a stream in hand, as a worker has.
func (w *world) take(stream string) jetstream.Msg {
	w.t.Helper()
	c, err := w.js.Consumer(w.t.Context(), stream, broker.Durable)
	require.NoError(w.t, err)
	msg, err := c.Next(jetstream.FetchMaxWait(patience))
	require.NoError(w.t, err)
	return msg
}

// find tells where a job is.
func (w *world) find(id job.ID) fleet.JobStatus {
	w.t.Helper()
	at, err := w.Find(w.t.Context(), id)
	require.NoError(w.t, err)
	return at
}

// events are the terminal events that stand for a job.
func (w *world) events(id job.ID) []job.Event {
	w.t.Helper()
	stream, err := w.js.Stream(w.t.Context(), w.subjects.Events())
	require.NoError(w.t, err)
	info, err := stream.Info(w.t.Context(), jetstream.WithSubjectFilter(w.subjects.AnyEvent(id)))
	require.NoError(w.t, err)
	var events []job.Event
	for subject, count := range info.State.Subjects {
		require.EqualValues(w.t, 1, count, subject)
		msg, err := stream.GetLastMsgForSubject(w.t.Context(), subject)
		require.NoError(w.t, err)
		var event job.Event
		require.NoError(w.t, json.Unmarshal(msg.Data, &event))
		events = append(events, event)
	}
	return events
}

// messages is how many a stream holds.
func (w *world) messages(stream string) uint64 {
	w.t.Helper()
	s, err := w.js.Stream(context.WithoutCancel(w.t.Context()), stream)
	require.NoError(w.t, err)
	return s.CachedInfo().State.Msgs
}
