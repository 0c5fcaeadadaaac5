package page

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jobferry/jobferry/internal/broker"
	"github.com/jobferry/jobferry/internal/embedded"
	"github.com/jobferry/jobferry/internal/fleet"
	"github.com/jobferry/jobferry/internal/job"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
)

// mostRequests is how much a reading may ask of the broker when nothing has
// happened: whether streams and consumers have anything, the jobs that wait,
// the pods; and now and then how many events there are of each outcome.
const mostRequests = 16

// fleetOf is a fleet of no pod on a real broker, read by a connection that
// nobody else uses.
func fleetOf(t *testing.T, waiting, settled int) Source {
	t.Helper()
	server, err := embedded.StartNATS(embedded.NATSOptions{Addr: "127.0.0.1:0", Dir: t.TempDir()})
	require.NoError(t, err)
	t.Cleanup(server.Stop)
	subjects, err := broker.NewSubjects("jobs")
	require.NoError(t, err)
	js := connect(t, server.URL())
	require.NoError(t, broker.Setup(t.Context(), js.Conn(), broker.Config{Subjects: subjects, Replicas: 1, EventsMaxAge: time.Hour}))
	for i := range waiting {
		arm(t, js, subjects, job.ID(fmt.Sprint("waiting-", i)))
	}
	for i := range settled {
		settle(t, js, subjects, job.ID(fmt.Sprint("settled-", i)))
	}
	own := connect(t, server.URL())
	return Source{Pod: "here", Fleet: fleet.New(own, subjects), Conn: own.Conn(), Subjects: subjects}
}

func connect(t *testing.T, url string) jetstream.JetStream {
	t.Helper()
	nc, err := nats.Connect(url)
	require.NoError(t, err)
	t.Cleanup(nc.Close)
	js, err := jetstream.New(nc)
	require.NoError(t, err)
	return js
}

func arm(t *testing.T, js jetstream.JetStream, subjects broker.Subjects, id job.ID) {
	t.Helper()
	body, err := job.Job{ID: id}.Encode()
	require.NoError(t, err)
	_, err = js.PublishMsg(t.Context(), &nats.Msg{Subject: subjects.WaitFor(id), Data: body, Header: nats.Header{
		"Nats-Schedule":        {"@at " + time.Now().Add(time.Hour).UTC().Format(time.RFC3339)},
		"Nats-Schedule-Target": {subjects.Due(id)},
	}})
	require.NoError(t, err)
}

func settle(t *testing.T, js jetstream.JetStream, subjects broker.Subjects, id job.ID) {
	t.Helper()
	body, err := job.NewEvent(string(id), job.EventData{JobID: id, Status: job.OutcomeCompleted, SettledAt: time.Now()}, "").Encode()
	require.NoError(t, err)
	_, err = js.Publish(t.Context(), subjects.Event(job.OutcomeCompleted, id), body)
	require.NoError(t, err)
}

func lookAt(source Source) *pageReader {
	var at atomic.Pointer[Source]
	at.Store(&source)
	return newReader(&at, zap.NewNop())
}

func TestAnEmptyFleetIsShownByEmptyLists(t *testing.T) {
	t.Parallel()
	s := lookAt(fleetOf(t, 0, 0)).read(t.Context())
	require.Empty(t, s.Error)
	body, err := json.Marshal(s)
	require.NoError(t, err)
	for _, list := range []string{"waiting", "events", "reasons", "pods"} {
		require.Contains(t, string(body), `"`+list+`":[]`, "the page goes through it")
	}
}

func TestAReadingCostsTheSameHoweverManyJobsThereAre(t *testing.T) {
	t.Parallel()
	source := fleetOf(t, 300, 300)
	r := lookAt(source)
	first := r.read(t.Context())
	require.Empty(t, first.Error)
	require.EqualValues(t, 300, first.Jobs.Waiting)
	require.Equal(t, 300, first.Settled[job.OutcomeCompleted])
	require.Len(t, first.Waiting, maxWaiting)
	require.Len(t, first.Events, maxEvents)
	require.Equal(t, "settled-299", first.Events[0].ID, "the last one first")
	for range settledEvery {
		before := source.Conn.Stats()
		require.Empty(t, r.read(t.Context()).Error)
		after := source.Conn.Stats()
		require.LessOrEqual(t, after.OutMsgs-before.OutMsgs, uint64(mostRequests))
		require.Less(t, after.InBytes-before.InBytes, uint64(32<<10), "what has been read is not read again")
	}
}

// TestWhatSettlesIsAddedToTheCount: to count the events of an hour is work for
// the broker, and done no more often where many settle.
func TestWhatSettlesIsAddedToTheCount(t *testing.T) {
	t.Parallel()
	source := fleetOf(t, 0, 3)
	js := connect(t, source.Conn.ConnectedUrl())
	r := lookAt(source)
	requests := func() uint64 {
		before := source.Conn.Stats().OutMsgs
		require.Empty(t, r.read(t.Context()).Error)
		return source.Conn.Stats().OutMsgs - before
	}
	counting, idle := requests(), requests()
	require.Less(t, idle, counting)
	for i := range settledEvery - 3 {
		settle(t, js, source.Subjects, job.ID(fmt.Sprint("late-", i)))
		require.LessOrEqual(t, requests(), idle+1, "it reads the new event")
		require.Equal(t, 4+i, r.settled[job.OutcomeCompleted])
	}
	require.Greater(t, requests(), idle+1, "it counts once more")
	require.Equal(t, settledEvery, r.settled[job.OutcomeCompleted])
}

func TestManyPagesCostTheBrokerNoMoreThanOne(t *testing.T) {
	t.Parallel()
	const pages, readings = 8, 3
	source := fleetOf(t, 0, 0)
	p := New(zap.NewNop())
	server := httptest.NewServer(p)
	t.Cleanup(server.Close)
	p.Show(source)
	before := source.Conn.Stats().OutMsgs
	streams := make([]*bufio.Reader, pages)
	for i := range streams {
		resp, err := server.Client().Get(server.URL + "/live")
		require.NoError(t, err)
		t.Cleanup(func() { resp.Body.Close() })
		streams[i] = bufio.NewReader(resp.Body)
	}
	for range readings {
		for _, stream := range streams {
			next(t, stream)
		}
	}
	p.Close()
	asked := source.Conn.Stats().OutMsgs - before
	require.NotZero(t, asked)
	require.LessOrEqual(t, asked, uint64((readings+2)*mostRequests), "two more may have begun since")
}

// next waits for the next reading of a stream.
func next(t *testing.T, stream *bufio.Reader) {
	t.Helper()
	for {
		line, err := stream.ReadString('\n')
		require.NoError(t, err)
		if strings.HasPrefix(line, "data: ") {
			return
		}
	}
}
