package consumer

import (
	"context"

	"github.com/jobferry/jobferry/internal/broker"
	"github.com/jobferry/jobferry/internal/consumer/limit"
	"github.com/jobferry/jobferry/internal/job"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

// traceContext reads and writes the traceparent header. Its version 00 is the
// one that is written: https://www.w3.org/TR/trace-context/
var traceContext propagation.TraceContext

// Attributes of the spans: OpenTelemetry's own where there are any.
// https://opentelemetry.io/docs/specs/semconv/messaging/messaging-spans/
const (
	attrSystem      = attribute.Key("messaging.system")
	attrOperation   = attribute.Key("messaging.operation.type")
	attrDestination = attribute.Key("messaging.destination.name")
	attrJob         = attribute.Key("jobferry.job.id")
	attrAttempt     = attribute.Key("jobferry.job.attempt")
	attrCrashes     = attribute.Key("jobferry.job.crashes")
	attrAnswer      = attribute.Key("jobferry.poll.answer")
	attrDecision    = attribute.Key("jobferry.conclusion")
	attrCause       = attribute.Key("jobferry.wait.cause")
	attrOutcome     = attribute.Key("jobferry.outcome")
	attrReason      = attribute.Key("jobferry.reason")
	attrObjectKey   = attribute.Key("jobferry.object.key")
	attrObjectSize  = attribute.Key("jobferry.object.size")
)

// startSpan begins the span of one delivery, as a child of the submitter's span:
// all deliveries of a job, whichever pods have them in hand, are in one trace.
// A submission that is in none begins one, which its timers and its event carry
// on. Both contexts of the delivery carry the span.
func (w *Worker) startSpan(d *delivery) trace.Span {
	d.traceparent = broker.Traceparent(d.msg.Header)
	parent := traceContext.Extract(context.Background(), propagation.MapCarrier{broker.HeaderTraceparent: d.traceparent})
	_, span := w.tracer.Start(parent, "process "+w.laneSubject(d.lane), trace.WithSpanKind(trace.SpanKindConsumer),
		trace.WithAttributes(attrSystem.String("nats"), attrOperation.String("process"), attrDestination.String(d.msg.Subject),
			attrCrashes.Int(d.crashes())))
	d.work, d.settling = trace.ContextWithSpan(d.work, span), trace.ContextWithSpan(d.settling, span)
	if d.traceparent == "" {
		d.traceparent = traceparentOf(d.settling)
	}
	return span
}

// laneSubject is the subject of a lane's messages without the job's part.
func (w *Worker) laneSubject(l limit.Lane) string {
	if l == limit.Due {
		return w.cfg.Broker.Subjects.Dues()
	}
	return w.cfg.Broker.Subjects.Submit()
}

// traceparentOf is the header that makes another span a child of ctx's, or
// empty while nothing is traced.
func traceparentOf(ctx context.Context) string {
	header := propagation.MapCarrier{}
	traceContext.Inject(ctx, header)
	return header.Get(broker.HeaderTraceparent)
}

// step begins the span of one stage of a delivery. The caller ends it.
//
//nolint:spancheck // it is handed out
func (w *Worker) step(ctx context.Context, name string) (context.Context, trace.Span) {
	return w.tracer.Start(ctx, name)
}

// describeJob tells the span what job it is about.
func describeJob(span trace.Span, j job.Job) {
	if span.IsRecording() {
		span.SetAttributes(attrJob.String(string(j.ID)), attrAttempt.Int(j.Attempt))
	}
}

// describePoll ends the span of a poll.
func describePoll(span trace.Span, answer job.Answer, err error) {
	if err == nil {
		span.SetAttributes(attrAnswer.String(string(answer.Verdict)))
	}
	endOf(span, err)
	span.End()
}

// describeObject ends the span of storing one object.
func describeObject(span trace.Span, object *job.Object, err error) {
	if object != nil {
		span.SetAttributes(attrObjectKey.String(object.Key), attrObjectSize.Int64(object.Size))
	}
	endOf(span, err)
	span.End()
}

// describeDecision tells the span what became of the delivery. err is why it
// was left alone, if it was.
func describeDecision(span trace.Span, next decision, err error) {
	if !span.IsRecording() {
		return
	}
	span.SetAttributes(attrDecision.String(next.action.String()))
	if next.cause != "" {
		span.SetAttributes(attrCause.String(next.cause))
	}
	if next.event.Status != "" {
		span.SetAttributes(attrOutcome.String(string(next.event.Status)))
	}
	if next.event.Status == job.OutcomeFailed {
		span.SetAttributes(attrReason.String(next.event.Reason))
	}
	endOf(span, err)
}

// endOf marks a span whose work went wrong.
func endOf(span trace.Span, err error) {
	if err != nil {
		span.SetStatus(codes.Error, err.Error())
	}
}
