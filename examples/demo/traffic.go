package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/semconv/v1.37.0"
	"go.opentelemetry.io/otel/trace"

	"github.com/tokenboard/tokenboard/internal/fakeupstream"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// clients are the people of the demo, their keys, and what they ask.
type clients struct {
	console, proxy string
	http           *http.Client
	people         []person
}

type person struct {
	name, key string
	weight    float64
}

// model is one that people ask.
type model struct {
	name, provider, operation, path string
	weight                          float64
	input, output                   float64 // usual tokens
}

var models = []model{
	{"gpt-4o", "openai", "chat", "/v1/chat/completions", 3, 1800, 350},
	{"gpt-4o-mini", "openai", "chat", "/v1/chat/completions", 5, 900, 220},
	{"gpt-5", "openai", "chat", "/v1/responses", 3, 4200, 900},
	{"text-embedding-3-small", "openai", "embeddings", "/v1/embeddings", 2, 600, 0},
	{"claude-sonnet-4-5", "anthropic", "chat", "/v1/messages", 6, 9000, 700},
	{"claude-opus-4-1", "anthropic", "chat", "/v1/messages", 1, 12000, 900},
	{"gemini-2.5-flash", "gcp.gemini", "generate_content", "/v1beta/models/gemini-2.5-flash:", 4, 2500, 400},
	{"gemini-2.5-pro", "gcp.gemini", "generate_content", "/v1beta/models/gemini-2.5-pro:", 2, 5200, 800},
}

// pick chooses by weight.
func pick[T any](rng *rand.Rand, all []T, weight func(*T) float64) *T {
	sum := 0.0
	for i := range all {
		sum += weight(&all[i])
	}
	at := rng.Float64() * sum
	for i := range all {
		if at -= weight(&all[i]); at < 0 {
			return &all[i]
		}
	}
	return &all[len(all)-1]
}

// prepare makes the keys.
func (c *clients) prepare(ctx context.Context) error {
	for i, p := range []struct{ user, key string }{
		{"alice", "alice: IDE"}, {"alice", "alice: scripts"}, {"bob", "bob"}, {"chen", "chen"}, {"dana", "dana"},
		{"support-bot", "support bot"}, {"nightly", "nightly batch"}, {"eve", "eve (trial)"},
	} {
		key, err := c.makeKey(ctx, map[string]any{"name": p.key, "description": "made by the demo", "owner": p.user})
		if err != nil {
			return fmt.Errorf("make a key: %w", err)
		}
		c.people = append(c.people, person{name: p.user, key: key, weight: 8 / float64(i+1)})
	}
	return nil
}

// makeKey asks the console for a key.
func (c *clients) makeKey(ctx context.Context, body any) (key string, err error) {
	raw, err := json.Marshal(body)
	if err != nil {
		return "", err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.console+"/api/console/keys", bytes.NewReader(raw))
	if err != nil {
		return "", err
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := c.http.Do(req)
	if err != nil {
		return "", err
	}
	defer func() { _ = res.Body.Close() }()
	if raw, err = io.ReadAll(res.Body); err != nil {
		return "", err
	}
	if res.StatusCode != http.StatusCreated {
		return "", fmt.Errorf("status %d: %s", res.StatusCode, raw)
	}
	var made struct{ Data struct{ Key string } }
	err = json.Unmarshal(raw, &made)
	return made.Data.Key, err
}

// traffic makes calls until ctx ends; that a program of the demo ends before is an error.
func (c *clients) traffic(ctx context.Context, rate float64, programs []*child) error {
	var calls sync.WaitGroup
	defer calls.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	rng := rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), 0)) //nolint:gosec // a demo
	for n := 0; ; n++ {
		p := pick(rng, c.people, func(p *person) float64 { return p.weight })
		m := pick(rng, models, func(m *model) float64 { return m.weight })
		r, err := c.request(ctx, rng, n, p, m)
		if err != nil {
			return err
		}
		calls.Go(func() { // one that fails is part of the picture
			if res, err := c.http.Do(r); err == nil {
				_, _ = io.Copy(io.Discard, res.Body)
				_ = res.Body.Close()
			}
		})
		select {
		case <-ctx.Done():
			return nil
		case <-programs[0].exited:
			return programs[0].ended()
		case <-programs[1].exited:
			return programs[1].ended()
		case <-time.After(time.Duration(rng.ExpFloat64() / rate * float64(time.Second))):
		}
	}
}

// request makes a call as a client would, now and then one that fails or is cut.
func (c *clients) request(ctx context.Context, rng *rand.Rand, n int, p *person, m *model) (*http.Request, error) {
	stream := rng.Float64() < 0.7 && m.operation != "embeddings"
	body := map[string]any{"model": m.name, "stream": stream, "n": n, "input": strings.Repeat("word ", int(rng.ExpFloat64()*m.input))}
	if stream && m.path == "/v1/chat/completions" && rng.Float64() < 0.95 {
		body["stream_options"] = map[string]any{"include_usage": true}
	}
	path := m.path
	if m.provider == "gcp.gemini" {
		path += map[bool]string{true: "streamGenerateContent?alt=sse", false: "generateContent"}[stream]
	}
	raw, err := json.Marshal(body)
	if err != nil {
		return nil, fmt.Errorf("write a call: %w", err)
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, c.proxy+path, bytes.NewReader(raw))
	if err != nil {
		return nil, fmt.Errorf("write a call: %w", err)
	}
	r.Header.Set("Content-Type", "application/json")
	switch m.provider {
	case "anthropic":
		r.Header.Set("X-Api-Key", p.key)
		r.Header.Set("Anthropic-Version", "2023-06-01")
	case "gcp.gemini":
		r.Header.Set("X-Goog-Api-Key", p.key)
	default:
		r.Header.Set("Authorization", "Bearer "+p.key)
	}
	switch x := rng.Float64(); {
	case x < 0.02:
		r.Header.Set(fakeupstream.HeaderStatus, "429")
	case x < 0.03:
		r.Header.Set(fakeupstream.HeaderStatus, "500")
	case x < 0.04 && stream:
		r.Header.Set(fakeupstream.HeaderCut, "4")
	}
	return r, nil
}

// backfill sends calls of the past over OTLP, with the days and hours of people who work.
func (c *clients) backfill(ctx context.Context, otlp string, since time.Duration, now time.Time) (n int, err error) {
	exporter, err := otlptracehttp.New(ctx, otlptracehttp.WithEndpointURL(otlp+"/v1/traces"))
	if err != nil {
		return 0, fmt.Errorf("send the past: %w", err)
	}
	defer func() { err = errors.Join(err, exporter.Shutdown(context.WithoutCancel(ctx))) }()
	batch := &exact{to: exporter}
	provider := sdktrace.NewTracerProvider(sdktrace.WithSyncer(batch), sdktrace.WithResource(resource.NewSchemaless(semconv.ServiceName("demo-proxy"))))
	tracer := provider.Tracer("demo")
	rng := rand.New(rand.NewPCG(uint64(since), 90)) //nolint:gosec // a demo, the same every time
	for at := now.Add(-since); at.Before(now); at = at.Add(15 * time.Minute) {
		for range int(rng.ExpFloat64() * busy(at)) {
			when := at.Add(time.Duration(rng.Int64N(int64(15 * time.Minute))))
			if !when.Before(now) {
				continue
			}
			c.past(tracer, rng, when)
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

// busy is how many calls a quarter of an hour usually has.
func busy(at time.Time) float64 {
	hour := float64(at.Hour()) + float64(at.Minute())/60
	morning, afternoon := hour-10.5, hour-15.5
	level := 0.6 + 9*math.Exp(-morning*morning/6) + 8*math.Exp(-afternoon*afternoon/7)
	if day := at.Weekday(); day == time.Saturday || day == time.Sunday {
		level *= 0.2
	}
	return level
}

// past makes the span of one call.
func (c *clients) past(tracer trace.Tracer, rng *rand.Rand, when time.Time) {
	p := pick(rng, c.people, func(p *person) float64 { return p.weight })
	m := pick(rng, models, func(m *model) float64 { return m.weight })
	_, span := tracer.Start(context.Background(), m.operation+" "+m.name, trace.WithTimestamp(when), trace.WithSpanKind(trace.SpanKindClient), trace.WithAttributes(
		attribute.String(usage.AttrRole, "call"), attribute.String(usage.AttrOperation, m.operation), attribute.String(usage.AttrProvider, m.provider),
		attribute.String(usage.AttrRequestModel, m.name), attribute.String(usage.AttrResponseModel, m.name),
		attribute.String(usage.AttrUser, p.name), attribute.String(usage.AttrHTTPMethod, http.MethodPost), attribute.String(usage.AttrURLPath, m.path),
		attribute.String(usage.AttrKeyFingerprint, usage.Fingerprint(p.key)), attribute.String(usage.AttrKeyDisplay, usage.DisplayKey(p.key)),
	))
	took := time.Duration((0.4 + rng.ExpFloat64()*m.output/150) * float64(time.Second))
	if rng.Float64() < 0.03 {
		span.SetAttributes(attribute.Int(usage.AttrHTTPStatus, http.StatusTooManyRequests), attribute.String(usage.AttrErrorType, "rate_limit_error"))
		span.SetStatus(codes.Error, "rate_limit_error")
		span.End(trace.WithTimestamp(when.Add(120 * time.Millisecond)))
		return
	}
	input := 1 + int64(rng.ExpFloat64()*m.input)
	read := int64(rng.Float64() * 0.8 * float64(input))
	write := int64(0)
	if m.provider == "anthropic" {
		write = int64(rng.Float64() * 0.1 * float64(input))
	}
	output := int64(rng.ExpFloat64() * m.output)
	attrs := []attribute.KeyValue{
		attribute.Int(usage.AttrHTTPStatus, http.StatusOK), attribute.Int64(usage.AttrInputTokens, input), attribute.Int64(usage.AttrOutputTokens, output),
	}
	if m.operation != "embeddings" {
		attrs = append(attrs, attribute.Int64(usage.AttrCacheRead, read), attribute.Int64(usage.AttrCacheWrite, write), attribute.Bool(usage.AttrRequestStream, true),
			attribute.Int64(usage.AttrReasoningTokens, output/5), attribute.Float64(usage.AttrTTFT, 0.2+rng.ExpFloat64()*0.4))
	}
	span.SetAttributes(attrs...)
	span.End(trace.WithTimestamp(when.Add(took)))
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
