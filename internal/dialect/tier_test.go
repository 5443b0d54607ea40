package dialect

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/tokenboard/tokenboard/internal/jsonlines"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// TestServiceTier: the tier of the answer goes before that of the request, whoever names it.
func TestServiceTier(t *testing.T) {
	openAI := map[string]any{
		"gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai", "gen_ai.request.model": "gpt-5", "gen_ai.usage.input_tokens": 10, "gen_ai.usage.output_tokens": 5,
	}
	openInference := map[string]any{
		"openinference.span.kind": "LLM", "llm.model_name": "gpt-5", "llm.provider": "openai", "llm.token_count.prompt": 10, "llm.token_count.completion": 5,
	}
	vercel := map[string]any{
		"ai.operationId": "ai.generateText.doGenerate", "ai.model.id": "gpt-5", "ai.model.provider": "openai.responses",
		"ai.usage.inputTokens": 10, "ai.usage.outputTokens": 5,
	}
	for _, tc := range []struct {
		name  string
		scope string
		base  map[string]any
		more  map[string]any
		want  usage.Tier
	}{
		{name: "none", base: openAI},
		{name: "of the answer", base: openAI, more: map[string]any{"openai.response.service_tier": "flex"}, want: usage.TierFlex},
		{name: "before the conventions moved it", base: openAI, more: map[string]any{"gen_ai.openai.response.service_tier": "priority"}, want: usage.TierPriority},
		{name: "requested, not granted", base: openAI, want: usage.TierStandard,
			more: map[string]any{"openai.request.service_tier": "priority", "openai.response.service_tier": "default"}},
		{name: "requested, the answer does not say", base: openAI, want: usage.TierFlex,
			more: map[string]any{"openai.request.service_tier": "flex", "openai.response.service_tier": "None"}},
		{name: "auto", base: openAI, more: map[string]any{"openai.request.service_tier": "auto"}, want: usage.TierStandard},
		{name: "auto, granted", base: openAI, want: usage.TierScale,
			more: map[string]any{"openai.request.service_tier": "auto", "openai.response.service_tier": "scale"}},
		{name: "one of its own", base: openAI, more: map[string]any{"openai.response.service_tier": "Platinum-77"}, want: usage.TierOther},
		{name: "not a text", base: openAI, more: map[string]any{"openai.response.service_tier": 5}, want: usage.TierOther},
		{name: "Anthropic", base: openAI, more: map[string]any{"anthropic.response.service_tier": "batch"}, want: usage.TierBatch},
		{name: "MLflow", base: openAI, more: map[string]any{"mlflow.spanOutputs": `{"service_tier":"flex"}`}, want: usage.TierFlex},
		{name: "LiteLLM", base: openAI, more: map[string]any{"litellm.call_id": "x", "metadata.usage_object": "{'prompt_tokens': 10, 'service_tier': 'batch'}"}, want: usage.TierBatch},
		{name: "LiteLLM 1", base: openAI, more: map[string]any{"litellm.call_id": "x", "llm.openai.service_tier": "flex"}, want: usage.TierFlex},
		{name: "OpenInference, the answer", base: openInference, want: usage.TierFlex,
			more: map[string]any{"output.value": `{"id":"x","service_tier":"flex"}`, "llm.invocation_parameters": `{"service_tier":"auto"}`}},
		{name: "OpenInference, the request", base: openInference, more: map[string]any{"llm.invocation_parameters": `{"service_tier":"flex"}`}, want: usage.TierFlex},
		{name: "OpenInference, Anthropic's answer", base: openInference, more: map[string]any{"output.value": `{"usage":{"service_tier":"priority"}}`}, want: usage.TierPriority},
		{name: "OpenInference, LangChain", scope: "openinference.instrumentation.langchain", base: openInference, want: usage.TierFlex,
			more: map[string]any{"output.value": `{"generations":[],"llm_output":{"service_tier":"flex"}}`}},
		{name: "Vercel, OpenAI", base: vercel, more: map[string]any{"ai.response.providerMetadata": `{"openai":{"serviceTier":"priority"}}`}, want: usage.TierPriority},
		{name: "Vercel, Anthropic", base: vercel, more: map[string]any{"ai.response.providerMetadata": `{"anthropic":{"usage":{"service_tier":"batch"}}}`}, want: usage.TierBatch},
		{name: "Vercel, Gemini", base: vercel, more: map[string]any{"ai.response.providerMetadata": `{"google":{"serviceTier":"SERVICE_TIER_FLEX"}}`}, want: usage.TierFlex},
		{name: "Vercel, Vertex", base: vercel, more: map[string]any{"ai.response.providerMetadata": `{"vertex":{"usageMetadata":{"trafficType":"ON_DEMAND_PRIORITY"}}}`}, want: usage.TierPriority},
	} {
		t.Run(tc.name, func(t *testing.T) {
			td := ptrace.NewTraces()
			ss := td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty()
			ss.Scope().SetName(tc.scope)
			s := ss.Spans().AppendEmpty()
			s.SetTraceID([16]byte{1})
			s.SetSpanID([8]byte{1})
			for _, attrs := range []map[string]any{tc.base, tc.more} {
				for k, v := range attrs {
					require.NoError(t, s.Attributes().PutEmpty(k).FromRaw(v))
				}
			}
			rd := New(Options{}).Reader()
			rd.Resource(td.ResourceSpans().At(0).Resource())
			rd.Scope(ss.Scope())
			var c, again usage.Call
			family := rd.Span(s, &c)
			require.Equal(t, usage.RoleCall, c.Role)
			require.Equal(t, tc.want, c.Tier)
			rd.Write(&c, family)
			require.Equal(t, Canonical, rd.Span(s, &again))
			require.Equal(t, tc.want, again.Tier)
		})
	}
}

// TestServiceTierOfCaptures: every call of a capture that names its tier is read with that tier.
func TestServiceTierOfCaptures(t *testing.T) {
	for emitter, want := range map[string]int{
		"langsmith": 1, "litellm-proxy": 1, "openlit": 1, "py-openllmetry": 1, "py-otel-genai": 1, "vercel-ai": 1, "py-openinference": 1, "openinference": 1,
		"py-pydantic-ai": 1, "genkit": 1, "py-langchain-nested": 1, "py-logfire": 1,
	} {
		t.Run(emitter, func(t *testing.T) {
			tiers := 0
			var um ptrace.JSONUnmarshaler
			rd := New(Options{}).Reader()
			for _, line := range jsonlines.Read(t, filepath.Join("..", "..", "testdata", "captures", emitter, "traces.jsonl")) {
				td, err := um.UnmarshalTraces(line)
				require.NoError(t, err)
				for _, rs := range td.ResourceSpans().All() {
					rd.Resource(rs.Resource())
					for _, ss := range rs.ScopeSpans().All() {
						rd.Scope(ss.Scope())
						for _, s := range ss.Spans().All() {
							var c usage.Call
							if rd.Span(s, &c); c.Tier != usage.TierUnknown {
								require.Equal(t, usage.TierStandard, c.Tier, s.Name())
								tiers++
							}
						}
					}
				}
			}
			require.GreaterOrEqual(t, tiers, want)
			t.Log(tiers)
		})
	}
}
