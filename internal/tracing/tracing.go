// Package tracing exports the worker's spans by the OpenTelemetry protocol. It
// makes no span itself: whoever does gets a tracer, which does nothing and
// costs next to nothing unless an endpoint is set.
//
// Its settings are OpenTelemetry's own environment variables, as in every other
// program: OTEL_EXPORTER_OTLP_ENDPOINT, OTEL_EXPORTER_OTLP_HEADERS,
// OTEL_SERVICE_NAME, OTEL_RESOURCE_ATTRIBUTES, OTEL_TRACES_SAMPLER and so on.
// https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/
package tracing

import (
	"context"
	"fmt"
	"os"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	"go.opentelemetry.io/otel/sdk/trace"
	api "go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"
	"go.uber.org/zap"
)

// scope names the spans' instrumentation.
const scope = "github.com/jobferry/jobferry"

// The variables that turn tracing on, and the one that turns it off again.
const (
	envEndpoint       = "OTEL_EXPORTER_OTLP_ENDPOINT"
	envTracesEndpoint = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"
	envDisabled       = "OTEL_SDK_DISABLED"
	envProtocol       = "OTEL_EXPORTER_OTLP_PROTOCOL"
	envTracesProtocol = "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL"
)

// protocol is the only one that is linked, and the specification's default.
const protocol = "http/protobuf"

// Tracing hands out the tracer and sends what it made.
type Tracing struct {
	provider *trace.TracerProvider // nil while tracing is off
}

// Start reads the environment; the spans are those of a program of this version,
// which is not named where it is empty. It connects to nothing: spans are sent in the
// background, and those of a collector that is away are dropped, with a line in
// the log. An error means that the environment asks for what is not there.
func Start(ctx context.Context, version string, log *zap.Logger) (*Tracing, error) {
	if !enabled() {
		return &Tracing{}, nil
	}
	if asked := first(envTracesProtocol, envProtocol); asked != "" && asked != protocol {
		return nil, fmt.Errorf("%s is %q: only %s is spoken; collectors take it at port 4318", envProtocol, asked, protocol)
	}
	exporter, err := otlptracehttp.New(ctx)
	if err != nil {
		return nil, fmt.Errorf("export traces: %w", err)
	}
	about, err := describe(ctx, version)
	if err != nil {
		return nil, fmt.Errorf("export traces: %w", err)
	}
	// The library reports what went wrong in the background to one place in a
	// process, and there is one worker in it.
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) {
		log.Warn("traces could not be exported", zap.Error(err))
	}))
	return &Tracing{provider: trace.NewTracerProvider(trace.WithBatcher(exporter), trace.WithResource(about))}, nil
}

// Tracer returns the tracer for the worker's spans, never nil.
func (t *Tracing) Tracer() api.Tracer {
	if t.provider == nil {
		return noop.NewTracerProvider().Tracer(scope)
	}
	return t.provider.Tracer(scope)
}

// Close sends what has not been sent yet, until ctx ends.
func (t *Tracing) Close(ctx context.Context) error {
	if t.provider == nil {
		return nil
	}
	if err := t.provider.Shutdown(ctx); err != nil {
		return fmt.Errorf("send the last traces: %w", err)
	}
	return nil
}

func enabled() bool {
	return first(envTracesEndpoint, envEndpoint) != "" && os.Getenv(envDisabled) != "true"
}

// first returns the value of the first variable that is set and not empty.
func first(names ...string) string {
	for _, name := range names {
		if value := os.Getenv(name); value != "" {
			return value
		}
	}
	return ""
}

// describe says who makes the spans: what the environment says goes before.
func describe(ctx context.Context, version string) (*resource.Resource, error) {
	about := []attribute.KeyValue{attribute.String("service.name", "jobferry")}
	if version != "" {
		about = append(about, attribute.String("service.version", version))
	}
	return resource.New(ctx,
		resource.WithAttributes(about...), resource.WithHost(), resource.WithTelemetrySDK(), resource.WithFromEnv(),
	)
}
