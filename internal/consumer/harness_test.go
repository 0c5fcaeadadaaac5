package consumer

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jobferry/jobferry/internal/broker"
	"github.com/jobferry/jobferry/internal/embedded"
	"github.com/jobferry/jobferry/internal/job"
	"github.com/jobferry/jobferry/internal/retry"
	"github.com/jobferry/jobferry/internal/secret"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest"
)

// patience bounds every wait of a test; it is never how long one takes.
const patience = 20 * time.Second

// harness is a real broker with a worker whose API and store are scripted.
type harness struct {
	t        *testing.T
	cfg      Config
	url      string
	nc       *nats.Conn
	js       jetstream.JetStream
	subjects broker.Subjects
	api      *scriptedAPI
	store    *memoryStore

	tracer trace.Tracer
	log    *zap.Logger
}

func newHarness(t *testing.T) *harness {
	t.Helper()
	server, err := embedded.StartNATS(embedded.NATSOptions{Addr: "127.0.0.1:0", Dir: t.TempDir()})
	require.NoError(t, err)
	t.Cleanup(server.Stop)
	subjects, err := broker.NewSubjects("jobs")
	require.NoError(t, err)
	h := &harness{t: t, url: server.URL(), subjects: subjects, api: newScriptedAPI(), store: newMemoryStore()}
	h.log = zaptest.NewLogger(t)
	h.tracer = noop.NewTracerProvider().Tracer("")
	h.cfg = Config{
		Broker: broker.Config{Subjects: subjects, Replicas: 1, EventsMaxAge: time.Hour}, Polls: 16, Transfers: 4, MaxCrashes: 3,
		Backoff:      retry.Policy{Initial: 10 * time.Millisecond, Max: 50 * time.Millisecond, Multiplier: 1.5},
		Rules:        job.Rules{Bucket: "results", Deadline: time.Hour},
		DrainTimeout: 5 * time.Second,
	}
	h.nc = h.connect()
	h.js, err = jetstream.New(h.nc)
	require.NoError(t, err)
	require.NoError(t, broker.Setup(t.Context(), h.nc, h.cfg.Broker))
	return h
}

func (h *harness) connect() *nats.Conn {
	h.t.Helper()
	nc, err := nats.Connect(h.url, nats.MaxReconnects(-1), nats.ReconnectWait(10*time.Millisecond), nats.ReconnectBufSize(-1))
	require.NoError(h.t, err)
	h.t.Cleanup(nc.Close)
	return nc
}

// running is a worker under way.
type running struct {
	stop   context.CancelFunc // SIGTERM
	kill   context.CancelFunc // the second one
	done   chan error
	health *recordedHealth
	worker *Worker
}

// wait returns what Run returned.
func (r *running) wait(t *testing.T) error {
	t.Helper()
	select {
	case err := <-r.done:
		return err
	case <-time.After(patience):
		require.FailNow(t, "the worker did not stop")
		return nil
	}
}

// start runs a worker on a connection of its own.
func (h *harness) start() *running { return h.startOn(h.connect()) }

func (h *harness) startOn(nc *nats.Conn) *running {
	h.t.Helper()
	r := &running{done: make(chan error, 1), health: newRecordedHealth()}
	w, err := New(h.cfg, Deps{
		Conn: nc, API: h.api, Store: h.store, Health: r.health,
		Log: h.log, Metrics: prometheus.NewRegistry(), Tracer: h.tracer,
	})
	require.NoError(h.t, err)
	r.worker = w
	var ctx, stop context.Context
	ctx, r.stop = context.WithCancel(context.Background())
	stop, r.kill = context.WithCancel(context.Background())
	finished := make(chan struct{})
	go func() {
		defer close(finished)
		r.done <- w.Run(ctx, stop)
	}()
	h.t.Cleanup(func() {
		r.stop()
		r.kill()
		<-finished
	})
	return r
}

// submit publishes one submission and has it stored.
func (h *harness) submit(body string) {
	h.t.Helper()
	_, err := h.js.Publish(h.t.Context(), h.subjects.Submit(), []byte(body))
	require.NoError(h.t, err)
}

// event waits for a job's terminal event.
func (h *harness) event(id job.ID) job.Event {
	h.t.Helper()
	return h.eventAt(h.subjects.AnyEvent(id))
}

func (h *harness) eventAt(subject string) job.Event {
	h.t.Helper()
	var event job.Event
	h.eventually(func() bool {
		msg, found := h.last(h.subjects.Events(), subject)
		return found && json.Unmarshal(msg, &event) == nil
	}, "no event on "+subject)
	return event
}

// last returns the last message under a subject, by direct get.
func (h *harness) last(stream, subject string) ([]byte, bool) {
	answer, err := h.nc.Request("$JS.API.DIRECT.GET."+stream, []byte(`{"last_by_subj":"`+subject+`"}`), time.Second)
	if err != nil || answer.Header.Get("Status") != "" {
		return nil, false
	}
	return answer.Data, true
}

// settledEverywhere waits until no submission, timer or due job is left.
func (h *harness) settledEverywhere() {
	h.t.Helper()
	h.eventually(func() bool { return h.count(h.subjects.Jobs())+h.count(h.subjects.Wait()) == 0 }, "messages are left behind")
}

func (h *harness) count(stream string) uint64 {
	s, err := h.js.Stream(context.Background(), stream)
	require.NoError(h.t, err)
	return s.CachedInfo().State.Msgs
}

func (h *harness) eventually(condition func() bool, what string) {
	h.t.Helper()
	require.Eventually(h.t, condition, patience, 5*time.Millisecond, what)
}

// scriptedAPI answers each poll as the job's script says.
type scriptedAPI struct {
	mu        sync.Mutex
	scripts   map[job.ID]func(ctx context.Context, n int) (job.Answer, error)
	polls     map[job.ID]int
	status    map[job.ID]job.Verdict
	statusErr map[job.ID]error // of the status
	open      func(ctx context.Context, id job.ID, index int) (job.Source, error)
	probe     func() error
}

func newScriptedAPI() *scriptedAPI {
	return &scriptedAPI{
		scripts: map[job.ID]func(context.Context, int) (job.Answer, error){},
		polls:   map[job.ID]int{}, status: map[job.ID]job.Verdict{}, statusErr: map[job.ID]error{},
		probe: func() error { return nil },
	}
}

// script sets what the n-th poll of a job answers, n from 1.
func (a *scriptedAPI) script(id job.ID, answer func(ctx context.Context, n int) (job.Answer, error)) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.scripts[id] = answer
}

func (a *scriptedAPI) polled(id job.ID) int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.polls[id]
}

func (a *scriptedAPI) Poll(ctx context.Context, id job.ID) (job.Answer, error) {
	a.mu.Lock()
	a.polls[id]++
	n, script := a.polls[id], a.scripts[id]
	a.mu.Unlock()
	if script == nil {
		return job.Answer{Verdict: job.Running}, nil
	}
	return script(ctx, n)
}

func (a *scriptedAPI) Status(_ context.Context, id job.ID) (job.Verdict, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if err := a.statusErr[id]; err != nil {
		return "", err
	}
	if verdict, known := a.status[id]; known {
		return verdict, nil
	}
	return job.Unknown, nil
}

func (a *scriptedAPI) Download(j job.Job, _ []job.File) job.Downloads {
	return scriptedDownloads{a, j.ID}
}

type scriptedDownloads struct {
	api *scriptedAPI
	id  job.ID
}

func (d scriptedDownloads) Open(ctx context.Context, index int) (job.Source, error) {
	return d.api.open(ctx, d.id, index)
}
func (scriptedDownloads) Renewals() int { return 0 }
func (scriptedDownloads) Close()        {}

func (a *scriptedAPI) Probe(context.Context) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.probe()
}

// text is a small result that stands in the answer.
func text(value string) job.Answer {
	return job.Answer{Verdict: job.Completed, Kind: job.KindText, Payload: &textPayload{strings.NewReader(value)}}
}

func completed(context.Context, int) (job.Answer, error) { return text("done"), nil }

// after answers "running" to the first polls.
func after(running int, then job.Answer) func(context.Context, int) (job.Answer, error) {
	return func(_ context.Context, n int) (job.Answer, error) {
		if n <= running {
			return job.Answer{Verdict: job.Running}, nil
		}
		return then, nil
	}
}

type textPayload struct{ *strings.Reader }

func (p *textPayload) Size() int64           { return p.Reader.Size() }
func (*textPayload) ContentType() string     { return "text/plain; charset=utf-8" }
func (*textPayload) Ext() string             { return "" }
func (*textPayload) ContentEncoding() string { return "" }
func (*textPayload) Close() error            { return nil }
func (*textPayload) Kind() job.Kind          { return job.KindText }

// memoryStore keeps what was put.
type memoryStore struct {
	mu      sync.Mutex
	objects map[string][]byte
	aborted map[job.ID]int
	looks   int                                                     // for what stands already
	put     func(ctx context.Context, j job.Job, name string) error // before the source is read
	abort   func() error
	probe   func() error
}

func newMemoryStore() *memoryStore {
	return &memoryStore{
		objects: map[string][]byte{}, aborted: map[job.ID]int{},
		put:   func(context.Context, job.Job, string) error { return nil },
		abort: func() error { return nil },
		probe: func() error { return nil },
	}
}

func (s *memoryStore) Put(ctx context.Context, j job.Job, name string, src job.Source) (job.Object, error) {
	if err := s.put(ctx, j, name); err != nil {
		return job.Object{}, err
	}
	var content bytes.Buffer
	if _, err := io.Copy(&content, src); err != nil {
		return job.Object{}, err
	}
	key := string(j.ID) + "/" + name
	s.mu.Lock()
	defer s.mu.Unlock()
	s.objects[key] = content.Bytes()
	return job.Object{Bucket: "results", Key: key, Size: int64(content.Len()), ContentType: src.ContentType()}, nil
}

func (s *memoryStore) Existing(_ context.Context, j job.Job, name string, what job.Description) *job.Object {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.looks++
	content, found := s.objects[string(j.ID)+"/"+name]
	if !found || what.Size() >= 0 && what.Size() != int64(len(content)) {
		return nil
	}
	return &job.Object{Bucket: "results", Key: string(j.ID) + "/" + name, Size: int64(len(content)), ContentType: what.ContentType()}
}

func (s *memoryStore) AbortUploads(_ context.Context, j job.Job) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.aborted[j.ID]++
	return s.abort()
}

func (s *memoryStore) Probe(context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.probe()
}

func (s *memoryStore) content(key string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return string(s.objects[key])
}

// recordedHealth remembers the conditions as they are now.
type recordedHealth struct {
	mu         sync.Mutex
	conditions map[string]error
}

func newRecordedHealth() *recordedHealth { return &recordedHealth{conditions: map[string]error{}} }

func (h *recordedHealth) Set(condition string, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.conditions[condition] = err
}

func (h *recordedHealth) get(condition string) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	err, known := h.conditions[condition]
	if !known {
		return errors.New("not set")
	}
	return err
}

// files is a result of count files.
func files(count int) job.Answer {
	answer := job.Answer{Verdict: job.Completed, Kind: job.KindFiles}
	for range count {
		answer.Files = append(answer.Files, job.File{URL: secret.New("https://files.example/x")})
	}
	return answer
}
