package dialect

import (
	"strings"
	"testing"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// span makes a span with attributes for a benchmark or a test.
func spanOf(scope, name string, attrs map[string]any) (pcommon.Resource, pcommon.InstrumentationScope, ptrace.Span) {
	res, sc, s := pcommon.NewResource(), pcommon.NewInstrumentationScope(), ptrace.NewSpan()
	res.Attributes().PutStr("service.name", "checkout")
	res.Attributes().PutStr("service.instance.id", "627cc493-f310-47de-96bd-71410b7dec09")
	res.Attributes().PutStr("deployment.environment.name", "production")
	sc.SetName(scope)
	s.SetName(name)
	s.SetTraceID(pcommon.TraceID{1})
	s.SetSpanID(pcommon.SpanID{1})
	s.SetStartTimestamp(1_700_000_000_000_000_000)
	s.SetEndTimestamp(1_700_000_001_000_000_000)
	_ = s.Attributes().FromRaw(attrs)
	return res, sc, s
}

// BenchmarkSpan reads the two kinds of span that a pipeline is full of: a model call, as SDK
// instrumentations write it, and an HTTP span that has nothing to do with models.
func BenchmarkSpan(b *testing.B) {
	for name, attrs := range map[string]map[string]any{
		"genai": {
			"gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai", "gen_ai.request.model": "gpt-4o-mini",
			"gen_ai.response.model": "gpt-4o-mini-2024-07-18", "gen_ai.response.id": "chatcmpl-8b25", "gen_ai.request.temperature": 0.7,
			"gen_ai.request.max_tokens": 1024, "gen_ai.request.stream": true, "gen_ai.response.time_to_first_chunk": 0.42,
			"gen_ai.usage.input_tokens": 1200, "gen_ai.usage.output_tokens": 345, "gen_ai.usage.cache_read.input_tokens": 1000,
			"gen_ai.usage.reasoning.output_tokens": 64, "server.address": "api.openai.com", "server.port": 443,
			"user.id": "u-17", "session.id": "s-4711", "gen_ai.output.type": "text",
		},
		"http": {
			"http.request.method": "GET", "http.route": "/orders/{id}", "http.response.status_code": 200, "url.path": "/orders/17",
			"url.scheme": "https", "server.address": "shop.example", "server.port": 443, "client.address": "10.0.0.7",
			"network.protocol.version": "1.1", "user_agent.original": "Mozilla/5.0", "thread.id": 17, "code.function": "get",
		},
	} {
		b.Run(name, func(b *testing.B) {
			res, scope, s := spanOf("my.instrumentation", name, attrs)
			d := New(Options{})
			b.ReportAllocs()
			for b.Loop() {
				d.Span(res, scope, s)
			}
		})
	}
}

// BenchmarkAnswer reads a span that keeps the provider's whole answer, a long one.
func BenchmarkAnswer(b *testing.B) {
	res, scope, s := spanOf("@arizeai/openinference-instrumentation-openai", "OpenAI Chat Completions", map[string]any{
		"openinference.span.kind": "LLM", "llm.model_name": "gpt-4o", "llm.token_count.prompt": 1200, "llm.token_count.completion": 345,
		"output.value": `{"choices":[{"message":{"content":"` + strings.Repeat("it is long, and \\\"quoted\\\" ", 4000) + `"}}],"usage":{"prompt_tokens":1200,"completion_tokens":345}}`,
	})
	d := New(Options{})
	b.ReportAllocs()
	for b.Loop() {
		d.Span(res, scope, s)
	}
}
