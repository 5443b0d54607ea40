package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/semconv/v1.37.0"
	"go.opentelemetry.io/otel/trace"

	"github.com/tokenboard/tokenboard/internal/usage"
)

const quarter = 15 * time.Minute

// backfill sends the calls of the time since before now over OTLP and returns how many they were. They
// are the same for the same length.
func (c *clients) backfill(ctx context.Context, otlp string, since time.Duration, now time.Time) (n int, err error) {
	exporter, err := otlptracehttp.New(ctx, otlptracehttp.WithEndpointURL(otlp+"/v1/traces"))
	if err != nil {
		return 0, fmt.Errorf("send the past: %w", err)
	}
	defer func() { err = errors.Join(err, exporter.Shutdown(context.WithoutCancel(ctx))) }()
	batch := &exact{to: exporter}
	tracers := map[team]trace.Tracer{}
	for _, t := range []team{product, support} {
		described := resource.NewSchemaless(semconv.ServiceName(t.service), attribute.String(usage.AttrProject, t.project))
		tracers[t] = sdktrace.NewTracerProvider(sdktrace.WithSyncer(batch), sdktrace.WithResource(described)).Tracer("demo")
	}
	rng := rand.New(rand.NewPCG(uint64(since), 90))
	for at := now.Add(-since).Truncate(quarter); at.Before(now); at = at.Add(quarter) {
		for range int(busy(at)*(0.7+0.6*rng.Float64()) + 0.5) {
			x, calls := c.company.draw(rng, at.Add(time.Duration(rng.Int64N(int64(quarter)))))
			if !calls || !x.at.Add(x.took).Before(now) || x.at.Before(now.Add(-since)) {
				continue
			}
			x.span(tracers[x.person.team])
			n++
		}
		if batch.err != nil || ctx.Err() != nil {
			break
		}
	}
	batch.flush(ctx)
	if batch.err != nil {
		return n, fmt.Errorf("send the past: %w", batch.err)
	}
	return n, nil
}

// span makes the span of a call as the instrumented proxy writes it.
func (x *call) span(tracer trace.Tracer) {
	p, m := x.person, x.model
	_, span := tracer.Start(context.Background(), m.operation+" "+m.name, trace.WithTimestamp(x.at), trace.WithSpanKind(trace.SpanKindClient), trace.WithAttributes(
		attribute.String(usage.AttrRole, "call"), attribute.String(usage.AttrOperation, m.operation), attribute.String(usage.AttrProvider, m.provider),
		attribute.String(usage.AttrRequestModel, m.name), attribute.String(usage.AttrResponseModel, m.name),
		attribute.String(usage.AttrUser, p.user), attribute.String(usage.AttrHTTPMethod, http.MethodPost), attribute.String(usage.AttrURLPath, m.urlPath(x.stream, false)),
		attribute.String(usage.AttrKeyFingerprint, usage.Fingerprint(p.key)), attribute.String(usage.AttrKeyDisplay, usage.DisplayKey(p.key)),
		attribute.Int(usage.AttrHTTPStatus, x.status), attribute.Bool(usage.AttrRequestStream, x.stream),
	))
	defer func() { span.End(trace.WithTimestamp(x.at.Add(x.took))) }()
	if x.status != http.StatusOK {
		span.SetAttributes(attribute.String(usage.AttrErrorType, x.errorType))
		span.SetStatus(codes.Error, x.errorType)
		return
	}
	if x.stream {
		span.SetAttributes(attribute.Float64(usage.AttrTTFT, x.ttft.Seconds()))
	}
	if x.silent {
		return
	}
	span.SetAttributes(attribute.Int64(usage.AttrInputTokens, x.input), attribute.Int64(usage.AttrOutputTokens, x.output))
	if m.operation != "embeddings" {
		span.SetAttributes(attribute.Int64(usage.AttrCacheRead, x.read), attribute.Int64(usage.AttrCacheWrite, x.write), attribute.Int64(usage.AttrReasoningTokens, x.reasoning))
	}
}

// exact gathers spans and sends them in large requests, losing none: the SDK's batcher drops what comes
// faster than it sends.
type exact struct {
	to    sdktrace.SpanExporter
	spans []sdktrace.ReadOnlySpan
	err   error
}

const batchSize = 2000

// ExportSpans takes spans that have ended.
func (e *exact) ExportSpans(ctx context.Context, spans []sdktrace.ReadOnlySpan) error {
	if e.spans = append(e.spans, spans...); len(e.spans) >= batchSize {
		e.flush(ctx)
	}
	return nil
}

func (e *exact) flush(ctx context.Context) {
	if e.err == nil && len(e.spans) > 0 {
		e.err = e.to.ExportSpans(ctx, e.spans)
	}
	e.spans = e.spans[:0]
}

// Shutdown has nothing to end: the exporter is ended by who made it.
func (e *exact) Shutdown(context.Context) error { return nil }
