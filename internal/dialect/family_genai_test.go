package dialect

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/usage"
)

func TestGenAIFamily(t *testing.T) {
	base := map[string]any{"gen_ai.usage.input_tokens": 300, "gen_ai.usage.output_tokens": 40}
	with := func(more map[string]any) map[string]any {
		attrs := chat("openai", "gpt-4o", base)
		for k, v := range more {
			attrs[k] = v
		}
		return attrs
	}
	readCases(t, []readCase{
		{
			name: "the new name of cache writes (langfuse#17117)", span: "chat",
			attrs: with(map[string]any{"gen_ai.usage.cache_read.input_tokens": 40, "gen_ai.usage.cache_write.input_tokens": 25}),
			want:  tok{300, 40, 40, 25, none},
		},
		{
			name: "both names of one figure are one figure", span: "chat",
			attrs: with(map[string]any{"gen_ai.usage.cache_write.input_tokens": 25, "gen_ai.usage.cache_creation.input_tokens": 25}),
			want:  tok{300, 40, none, 25, none},
		},
		{
			name: "an inclusive input keeps its cache (langfuse#12306)", span: "chat",
			attrs: chat("anthropic", "claude", map[string]any{
				"gen_ai.usage.input_tokens": 130213, "gen_ai.usage.output_tokens": 10, "gen_ai.usage.cache_read.input_tokens": 128955,
			}),
			want: tok{130213, 10, 128955, none, none},
		},
		{
			name: "a cache above the input is beside it, and nothing becomes 0 (langfuse#13724)", span: "chat",
			attrs: chat("", "m", map[string]any{
				"gen_ai.usage.input_tokens": 5, "gen_ai.usage.output_tokens": 80, "gen_ai.usage.cache_read.input_tokens": 1000,
			}),
			want: tok{1005, 80, 1000, none, none},
		},
		{
			name: "modalities and details restate and are not added (langfuse#16489)", span: "chat",
			attrs: with(map[string]any{
				"gen_ai.usage.details.text_prompt_tokens": 300, "gen_ai.usage.text.input_tokens": 250, "gen_ai.usage.audio.input_tokens": 50,
			}),
			want: tok{300, 40, none, none, none},
		},
		{
			name: "reasoning beside the output, shown by the total (pollinations#11187)", span: "chat",
			attrs: chat("x_ai", "grok-4", map[string]any{
				"gen_ai.usage.input_tokens": 137, "gen_ai.usage.output_tokens": 1, "gen_ai.usage.reasoning.output_tokens": 136,
				"gen_ai.usage.total_tokens": 274,
			}),
			want: tok{137, 137, none, none, 136},
		},
		{
			name: "reasoning above the output is beside it", span: "chat",
			attrs: chat("x_ai", "grok-4", map[string]any{
				"gen_ai.usage.input_tokens": 137, "gen_ai.usage.output_tokens": 1, "gen_ai.usage.reasoning_tokens": 136,
			}),
			want: tok{137, 137, none, none, 136},
		},
		{
			name: "the text NaN is no figure (openllmetry-js#1031)", span: "chat",
			attrs: with(map[string]any{"gen_ai.usage.total_tokens": "NaN"}), want: tok{300, 40, none, none, none},
		},
		{
			name: "a malformed preferred name hides no good one (traceroot#1029)", span: "chat",
			attrs: chat("openai", "gpt-4o", map[string]any{
				"gen_ai.usage.input_tokens": "many", "gen_ai.usage.prompt_tokens": 300, "gen_ai.usage.output_tokens": 40,
			}),
			want: tok{300, 40, none, none, none}, quality: usage.Inconsistent,
		},
		{
			name: "negative figures (pollinations#5378)", span: "chat",
			attrs: chat("openai", "gpt-4o", map[string]any{"gen_ai.usage.input_tokens": 300, "gen_ai.usage.output_tokens": -40}),
			want:  tok{300, none, none, none, none}, quality: usage.Inconsistent,
		},
		{
			name: "figures as texts (axiomhq/ai#186)", span: "chat",
			attrs: chat("openai", "gpt-4o", map[string]any{"gen_ai.usage.input_tokens": "300", "gen_ai.usage.output_tokens": "40.0"}),
			want:  tok{300, 40, none, none, none},
		},
		{
			name: "figures as AnyValues written out", span: "chat",
			attrs: chat("openai", "gpt-4o", map[string]any{
				"gen_ai.usage.input_tokens": `{"intValue":"300"}`, "gen_ai.usage.output_tokens": map[string]any{"intValue": 40},
			}),
			want: tok{300, 40, none, none, none},
		},
		{
			name: "a name without a figure is absent, not 0", span: "chat", attrs: chat("openai", "gpt-4o", nil),
			want: tok{none, none, none, none, none},
		},
		{
			name: "sentry's names", span: "chat",
			attrs: with(map[string]any{
				"gen_ai.usage.input_tokens.cached": 10, "gen_ai.usage.input_tokens.cache_write": 5, "gen_ai.usage.output_tokens.reasoning": 4,
			}),
			want: tok{300, 40, 10, 5, 4},
		},
		{
			name: "counting tokens spends nothing", span: "count_tokens",
			attrs: map[string]any{"gen_ai.operation.name": "count_tokens", "gen_ai.usage.input_tokens": 300}, notCall: true,
		},
		{
			name: "an agent's sum under a name of its own is not read", span: "invoke_agent",
			attrs:   map[string]any{"gen_ai.operation.name": "invoke_agent", "gen_ai.aggregated_usage.input_tokens": 300},
			notCall: true,
		},
		{
			name: "an answer that ended in an error", span: "chat", attrs: chat("openai", "gpt-4o", map[string]any{"gen_ai.response.finish_reasons": []any{"error"}}),
			want: tok{none, none, none, none, none}, check: func(t *testing.T, c *usage.Call) {
				require.True(t, c.Failed)
				require.Equal(t, "_OTHER", c.ErrorType)
			},
		},
		{
			name: "a tool is one whatever kind stands beside it", span: "execute_tool", notCall: true,
			attrs: map[string]any{"gen_ai.operation.name": "execute_tool", "traceloop.span.kind": "task"},
		},
		{
			name: "the conventions' event", scope: "openai", event: "gen_ai.client.inference.operation.details",
			attrs: with(map[string]any{"gen_ai.usage.cache_read.input_tokens": 40}), want: tok{300, 40, 40, none, none},
		},
		{
			name: "its request half", scope: "openai", event: "gen_ai.client.inference.operation.details", attrs: chat("openai", "gpt-4o", nil), notCall: true,
		},
	})
}
