package broker

import (
	"sync"
	"testing"
	"time"

	"github.com/jobferry/jobferry/internal/embedded"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience bounds every wait of a test; it is never how long one takes.
const patience = 20 * time.Second

// harness is a real nats-server with the worker's streams, and a client of it.
type harness struct {
	t      *testing.T
	cfg    Config
	nc     *nats.Conn
	js     jetstream.JetStream
	client *Client
}

func newHarness(t *testing.T) *harness {
	t.Helper()
	server, err := embedded.StartNATS(embedded.NATSOptions{Addr: "127.0.0.1:0", Dir: t.TempDir()})
	require.NoError(t, err)
	t.Cleanup(server.Stop)
	subjects, err := NewSubjects("jobs")
	require.NoError(t, err)
	h := &harness{t: t, cfg: Config{Subjects: subjects, Replicas: 1, EventsMaxAge: time.Hour}}
	h.nc, err = nats.Connect(server.URL())
	require.NoError(t, err)
	t.Cleanup(h.nc.Close)
	h.js, err = jetstream.New(h.nc)
	require.NoError(t, err)
	h.client, err = New(h.nc, h.cfg, &recordedHealth{})
	require.NoError(t, err)
	require.NoError(t, Setup(t.Context(), h.nc, h.cfg))
	return h
}

func (h *harness) publish(subject, body string) {
	h.t.Helper()
	_, err := h.js.Publish(h.t.Context(), subject, []byte(body))
	require.NoError(h.t, err)
}

func (h *harness) count(stream string) uint64 {
	h.t.Helper()
	s, err := h.js.Stream(h.t.Context(), stream)
	require.NoError(h.t, err)
	return s.CachedInfo().State.Msgs
}

func (h *harness) streamConfig(name string) jetstream.StreamConfig {
	h.t.Helper()
	s, err := h.js.Stream(h.t.Context(), name)
	require.NoError(h.t, err)
	return s.CachedInfo().Config
}

// recreate puts another stream in the place of one of the worker's.
func (h *harness) recreate(cfg jetstream.StreamConfig) {
	h.t.Helper()
	require.NoError(h.t, h.js.DeleteStream(h.t.Context(), cfg.Name))
	_, err := h.js.CreateStream(h.t.Context(), cfg)
	require.NoError(h.t, err)
}

// recordedHealth remembers the last word on each condition.
type recordedHealth struct {
	mu         sync.Mutex
	conditions map[string]error
}

func (r *recordedHealth) Set(condition string, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.conditions == nil {
		r.conditions = map[string]error{}
	}
	r.conditions[condition] = err
}
