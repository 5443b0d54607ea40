package dialect

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/tokenboard/tokenboard/internal/usage"
)

// TestParts: cache writes for an hour and tokens that are not text, in the spellings of their
// emitters; the same after a trip through the canonical form.
func TestParts(t *testing.T) {
	for _, tc := range []struct {
		name, scope string
		attrs       map[string]any
		input       int64
		write, hour int64 // of the cache
		hasHour     bool  // whether the hour's part is reported
		modalities  usage.Modalities
		bad         bool
	}{
		{name: "Claude Code", scope: "com.anthropic.claude_code.tracing", attrs: map[string]any{
			"gen_ai.operation.name": "chat", "input_tokens": 10, "output_tokens": 5, "cache_creation_tokens": 70,
			"cache_creation_5m_tokens": 20, "cache_creation_1h_tokens": 50,
		}, input: 80, write: 70, hour: 50, hasHour: true},
		{name: "Anthropic's SDK", scope: "com.anthropic.sdk.typescript", attrs: map[string]any{
			"gen_ai.usage.input_tokens": 100, "gen_ai.usage.output_tokens": 5, "gen_ai.usage.cache_write.input_tokens": 30,
			"anthropic.usage.cache_creation.ephemeral_5m_input_tokens": 0, "anthropic.usage.cache_creation.ephemeral_1h_input_tokens": 30,
		}, input: 100, write: 30, hour: 30, hasHour: true},
		{name: "Vercel AI SDK", scope: "ai", attrs: map[string]any{
			"ai.model.provider": "anthropic.messages", "ai.usage.inputTokens": 100, "ai.usage.outputTokens": 5,
			"ai.usage.inputTokenDetails.cacheWriteTokens": 40,
			"ai.response.providerMetadata":                `{"anthropic":{"usage":{"cache_creation":{"ephemeral_5m_input_tokens":15,"ephemeral_1h_input_tokens":25}}}}`,
		}, input: 100, write: 40, hour: 25, hasHour: true},
		{name: "LangChain reports the parts and 0 for the whole", scope: "langsmith", attrs: map[string]any{
			"gen_ai.usage.input_tokens": 100, "gen_ai.usage.output_tokens": 5, "gen_ai.usage.total_tokens": 105,
			"gen_ai.usage.input_token_details": `{"cache_creation": 0, "ephemeral_5m_input_tokens": 15, "ephemeral_1h_input_tokens": 25}`,
		}, input: 100, write: 40, hour: 25, hasHour: true},
		{name: "Langfuse", attrs: map[string]any{
			"langfuse.observation.usage_details": `{"input":10,"input_cache_creation_5m":15,"input_cache_creation_1h":25,"output":5}`,
		}, input: 50, write: 40, hour: 25, hasHour: true},
		{name: "not reported", attrs: map[string]any{
			"gen_ai.usage.input_tokens": 100, "gen_ai.usage.output_tokens": 5, "gen_ai.usage.cache_write.input_tokens": 30,
		}, input: 100, write: 30},
		{name: "more than the input", attrs: map[string]any{
			"gen_ai.usage.input_tokens": 10, "gen_ai.usage.output_tokens": 5, "gen_ai.usage.total_tokens": 15, usage.AttrCacheWrite1h: 30,
		}, input: 40, write: 30, hour: 30, hasHour: true},
		{name: "audio by the conventions", attrs: map[string]any{
			"gen_ai.usage.input_tokens": 100, "gen_ai.usage.output_tokens": 50, "gen_ai.usage.cache_read.input_tokens": 40,
			"gen_ai.usage.audio.input_tokens": 60, "gen_ai.usage.audio.cache_read.input_tokens": 20, "gen_ai.usage.audio.output_tokens": 45,
		}, input: 100, modalities: usage.Modalities{AudioInput: 60, AudioCacheRead: 20, AudioOutput: 45}},
		{name: "audio by OpenInference", attrs: map[string]any{
			"openinference.span.kind": "LLM", "llm.token_count.prompt": 100, "llm.token_count.completion": 50,
			"llm.token_count.prompt_details.audio": 60, "llm.token_count.completion_details.audio": 45,
		}, input: 100, modalities: usage.Modalities{AudioInput: 60, AudioOutput: 45}},
		{name: "more audio than input", attrs: map[string]any{
			"gen_ai.usage.input_tokens": 10, "gen_ai.usage.output_tokens": 50, "gen_ai.usage.audio.input_tokens": 60,
		}, input: 10, bad: true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			span := ptrace.NewSpan()
			span.SetTraceID(pcommon.TraceID{1})
			span.SetSpanID(pcommon.SpanID{1})
			span.SetName("chat")
			require.NoError(t, span.Attributes().FromRaw(tc.attrs))
			scope := pcommon.NewInstrumentationScope()
			scope.SetName(tc.scope)
			d := New(Options{})
			for range 2 { // as it comes, and as the processor leaves it
				c, family := d.Span(pcommon.NewResource(), scope, span)
				require.Equal(t, tc.input, c.Tokens.Input())
				require.Equal(t, tc.write, c.Tokens.CacheWrite)
				require.Equal(t, tc.hour, c.Tokens.CacheWrite1h)
				require.Equal(t, tc.hasHour, c.Tokens.Fields&usage.HasCacheWrite1h != 0)
				require.Equal(t, tc.modalities, c.Modalities)
				require.Equal(t, tc.bad, c.Quality&usage.Inconsistent != 0)
				WriteCanonical(&c, family, span.Attributes())
			}
		})
	}
}
