package tracing

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/trace"
	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"go.uber.org/goleak"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
	"google.golang.org/protobuf/proto"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// receiver is an OTLP collector's door.
type receiver struct {
	mu      sync.Mutex
	service map[string]string // of the last request
	spans   []string
	headers http.Header
}

func startReceiver(t *testing.T) (*receiver, string) {
	t.Helper()
	r := &receiver{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		body, err := io.ReadAll(req.Body)
		var export collector.ExportTraceServiceRequest
		if err != nil || req.URL.Path != "/v1/traces" || proto.Unmarshal(body, &export) != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		r.take(&export, req.Header)
	}))
	t.Cleanup(server.Close)
	return r, server.URL
}

func (r *receiver) take(export *collector.ExportTraceServiceRequest, header http.Header) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.headers = header
	for _, resource := range export.GetResourceSpans() {
		r.service = map[string]string{}
		for _, attribute := range resource.GetResource().GetAttributes() {
			r.service[attribute.GetKey()] = attribute.GetValue().GetStringValue()
		}
		for _, scoped := range resource.GetScopeSpans() {
			for _, span := range scoped.GetSpans() {
				r.spans = append(r.spans, scoped.GetScope().GetName()+" "+span.GetName())
			}
		}
	}
}

func TestOffUnlessAnEndpointIsSet(t *testing.T) {
	for name, env := range map[string]map[string]string{
		"nothing set": {},
		"turned off":  {envEndpoint: "http://127.0.0.1:1", envDisabled: "true"},
	} {
		t.Run(name, func(t *testing.T) {
			for key, value := range env {
				t.Setenv(key, value)
			}
			tracing, err := Start(t.Context(), "v1.2.3", zap.NewNop())
			require.NoError(t, err)
			_, span := tracing.Tracer().Start(t.Context(), "x")
			defer span.End()
			require.False(t, span.IsRecording())
			require.False(t, span.SpanContext().IsValid(), "no trace begins")
			require.NoError(t, tracing.Close(t.Context()))
		})
	}
}

func TestSpansReachTheCollectorByTheEnd(t *testing.T) {
	for _, variable := range []string{envEndpoint, envTracesEndpoint} {
		t.Run(variable, func(t *testing.T) {
			received, url := startReceiver(t)
			if variable == envTracesEndpoint {
				url += "/v1/traces" // it is taken as it is
			}
			t.Setenv(variable, url)
			t.Setenv("OTEL_EXPORTER_OTLP_HEADERS", "x-key=value")
			t.Setenv("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=test")
			tracing, err := Start(t.Context(), "v1.2.3", zap.NewNop())
			require.NoError(t, err)
			_, span := tracing.Tracer().Start(t.Context(), "process jobs.due", trace.WithSpanKind(trace.SpanKindConsumer))
			span.End()
			require.NoError(t, tracing.Close(t.Context()))
			require.Equal(t, []string{scope + " process jobs.due"}, received.spans)
			require.Equal(t, "jobferry", received.service["service.name"])
			require.Equal(t, "v1.2.3", received.service["service.version"])
			require.Equal(t, "test", received.service["deployment.environment.name"])
			require.Equal(t, "value", received.headers.Get("X-Key"))
		})
	}
}

func TestServiceNameOfTheEnvironmentGoesBefore(t *testing.T) {
	received, url := startReceiver(t)
	t.Setenv(envEndpoint, url)
	t.Setenv("OTEL_SERVICE_NAME", "jobferry-eu")
	tracing, err := Start(t.Context(), "v1.2.3", zap.NewNop())
	require.NoError(t, err)
	_, span := tracing.Tracer().Start(t.Context(), "x")
	span.End()
	require.NoError(t, tracing.Close(t.Context()))
	require.Equal(t, "jobferry-eu", received.service["service.name"])
}

func TestAnotherProtocolIsRefused(t *testing.T) {
	t.Setenv(envEndpoint, "http://127.0.0.1:1")
	for _, variable := range []string{envProtocol, envTracesProtocol} {
		t.Setenv(envProtocol, protocol)
		t.Setenv(variable, "grpc")
		_, err := Start(t.Context(), "v1.2.3", zap.NewNop())
		require.ErrorContains(t, err, "grpc")
		require.ErrorContains(t, err, protocol)
	}
	t.Setenv(envTracesProtocol, protocol)
	tracing, err := Start(t.Context(), "v1.2.3", zap.NewNop())
	require.NoError(t, err)
	require.NoError(t, tracing.Close(t.Context()))
}

func TestCollectorThatIsAwayHoldsNobody(t *testing.T) {
	t.Setenv(envEndpoint, "http://127.0.0.1:1")
	core, logs := observer.New(zap.WarnLevel)
	tracing, err := Start(t.Context(), "v1.2.3", zap.New(core))
	require.NoError(t, err)
	_, span := tracing.Tracer().Start(t.Context(), "x")
	span.End()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	err = tracing.Close(ctx)
	if err == nil { // dropped, and said so
		require.NotZero(t, logs.Len())
		return
	}
	require.ErrorContains(t, err, "last traces")
}
