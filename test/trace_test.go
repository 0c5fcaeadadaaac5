package test

import (
	"encoding/hex"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/jobferry/jobferry/internal/simulator"
	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"
	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
)

// spans is an OTLP receiver: every span that a worker has sent, by pod.
type spans struct {
	mu       sync.Mutex
	all      []*tracepb.Span
	pods     map[string]bool
	versions map[string]bool
}

func newSpans() *spans { return &spans{pods: map[string]bool{}, versions: map[string]bool{}} }

func (s *spans) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	var export collector.ExportTraceServiceRequest
	if err != nil || proto.Unmarshal(body, &export) != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, resource := range export.GetResourceSpans() {
		for _, attribute := range resource.GetResource().GetAttributes() {
			switch value := attribute.GetValue().GetStringValue(); attribute.GetKey() {
			case "service.instance.id":
				s.pods[value] = true
			case "service.version":
				s.versions[value] = true
			}
		}
		for _, scope := range resource.GetScopeSpans() {
			s.all = append(s.all, scope.GetSpans()...)
		}
	}
}

// of lists the spans of a trace by name.
func (s *spans) of(traceID string) map[string][]*tracepb.Span {
	s.mu.Lock()
	defer s.mu.Unlock()
	named := map[string][]*tracepb.Span{}
	for _, span := range s.all {
		if hex.EncodeToString(span.GetTraceId()) == traceID {
			named[span.GetName()] = append(named[span.GetName()], span)
		}
	}
	return named
}

func attribute(span *tracepb.Span, key string) string {
	for _, a := range span.GetAttributes() {
		if a.GetKey() == key {
			return a.GetValue().GetStringValue()
		}
	}
	return ""
}

func TestOneTraceFromTheSubmitterToTheEventAcrossPods(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	received := newSpans()
	server := httptest.NewServer(received)
	defer server.Close()
	env := func(pod string) map[string]string {
		return map[string]string{
			"OTEL_EXPORTER_OTLP_ENDPOINT": server.URL, "OTEL_BSP_SCHEDULE_DELAY": "50",
			"OTEL_RESOURCE_ATTRIBUTES": "service.instance.id=" + pod,
		}
	}
	const traceID, spanID = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
	j := simulator.Job{ID: "traced", Polls: 4, Files: []simulator.File{simulator.PDFFile(1)}}
	w.api.Add(j)
	first := w.start(env("first"))
	first.ready()
	msg := nats.NewMsg("jobs.submit")
	msg.Data = []byte(j.ID)
	msg.Header.Set("traceparent", "00-"+traceID+"-"+spanID+"-01")
	_, err := w.js.PublishMsg(t.Context(), msg)
	require.NoError(t, err)
	w.eventually("nothing was polled", func() bool { return len(received.of(traceID)["arm timer"]) > 0 })
	first.signal(15)
	require.Zero(t, first.status())
	w.start(env("second"))
	event := w.check(j)
	require.Contains(t, event.Traceparent, traceID)

	w.eventually("the trace has no end", func() bool { return len(received.of(traceID)["process jobs.due"]) == 4 })
	trace := received.of(traceID)
	require.Len(t, trace["process jobs.submit"], 1)
	require.Len(t, trace["poll job"], 5)
	require.Len(t, trace["arm timer"], 4)
	require.Len(t, trace["store file"], 1)
	require.Len(t, trace["publish event"], 1)
	require.Len(t, received.pods, 2)
	require.Equal(t, map[string]bool{version: true}, received.versions)
	status, said, _ := w.run("", "version")
	require.Zero(t, status)
	require.Contains(t, said, "jobferry "+version+",", "a trace names the version that the worker says it is")
	deliveries := map[string]bool{}
	for _, name := range []string{"process jobs.submit", "process jobs.due"} {
		for _, span := range trace[name] {
			require.Equal(t, spanID, hex.EncodeToString(span.GetParentSpanId()), "each delivery hangs from the submitter's span")
			require.Equal(t, j.ID, attribute(span, "jobferry.job.id"))
			deliveries[string(span.GetSpanId())] = true
		}
	}
	for _, name := range []string{"poll job", "arm timer", "store file", "publish event"} {
		for _, span := range trace[name] {
			require.True(t, deliveries[string(span.GetParentSpanId())], "%s is part of a delivery", name)
		}
	}
	require.Equal(t, event.Data.Objects[0].Key, attribute(trace["store file"][0], "jobferry.object.key"))
}

func TestJobThatIsInNoTraceBeginsOne(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	received := newSpans()
	server := httptest.NewServer(received)
	defer server.Close()
	w.start(map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": server.URL, "OTEL_BSP_SCHEDULE_DELAY": "50"})
	j := simulator.Job{ID: "untraced", Polls: 2}
	w.add(j)
	event := w.check(j)
	require.Regexp(t, `^00-[0-9a-f]{32}-[0-9a-f]{16}-01$`, event.Traceparent)
	traceID := event.Traceparent[3:35]
	require.Eventually(t, func() bool { return len(received.of(traceID)["poll job"]) == 3 }, patience, 20*time.Millisecond,
		"all polls are in the trace of the event")
}
