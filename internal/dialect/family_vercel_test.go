package dialect

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/usage"
)

func TestVercelFamily(t *testing.T) {
	do := func(system string, more map[string]any) map[string]any {
		attrs := map[string]any{"ai.operationId": "ai.generateText.doGenerate", "ai.model.provider": system, "gen_ai.request.model": "m"}
		for k, v := range more {
			attrs[k] = v
		}
		return attrs
	}
	readCases(t, []readCase{
		{
			name: "4, openai: the cache is in the metadata", scope: "ai", span: "ai.generateText.doGenerate", family: "vercel-ai",
			attrs: do("openai.responses", map[string]any{
				"ai.usage.promptTokens": 1410, "ai.usage.completionTokens": 141, "gen_ai.usage.input_tokens": 1410, "gen_ai.usage.output_tokens": 141,
				"ai.response.providerMetadata": `{"openai":{"responseId":"resp_1","cachedPromptTokens":700,"reasoningTokens":41}}`,
			}),
			want: tok{1410, 141, 700, none, 41},
			check: func(t *testing.T, c *usage.Call) {
				require.Equal(t, "resp_1", c.ResponseID)
			},
		},
		{
			name: "4, anthropic: so it is, and not in the input", scope: "ai", span: "ai.generateText.doGenerate",
			attrs: do("anthropic.messages", map[string]any{
				"ai.usage.promptTokens": 1550, "ai.usage.completionTokens": 222,
				"ai.response.providerMetadata": `{"anthropic":{"cacheCreationInputTokens":450,"cacheReadInputTokens":3000}}`,
			}),
			want: tok{5000, 222, 3000, 450, none},
		},
		{
			name: "4, a stream without usage is NaN", scope: "ai", span: "ai.streamText.doStream",
			attrs: do("openai.chat", map[string]any{"ai.usage.promptTokens": math.NaN(), "ai.usage.completionTokens": math.NaN()}),
			want:  tok{none, none, none, none, none}, quality: usage.Inconsistent,
		},
		{
			name: "5, anthropic", scope: "ai", span: "ai.generateText.doGenerate",
			attrs: do("anthropic.messages", map[string]any{
				"ai.usage.inputTokens": 1550, "ai.usage.outputTokens": 222, "ai.usage.cachedInputTokens": 3000,
				"ai.response.providerMetadata": `{"anthropic":{"usage":{"input_tokens":1550,"cache_creation_input_tokens":450,"cache_read_input_tokens":3000}}}`,
			}),
			want: tok{5000, 222, 3000, 450, none},
		},
		{
			name: "5, gemini leaves thoughts out of the output (sentry-js#23993)", scope: "ai", span: "ai.generateText.doGenerate",
			attrs: do("google.generative-ai", map[string]any{
				"ai.usage.inputTokens": 2600, "ai.usage.outputTokens": 190, "ai.usage.totalTokens": 2910,
				"ai.response.providerMetadata": `{"google":{"usageMetadata":{"promptTokenCount":2600,"candidatesTokenCount":190,"thoughtsTokenCount":120,"cachedContentTokenCount":1500}}}`,
			}),
			want: tok{2600, 310, 1500, none, 120},
		},
		{
			name: "5, values as AnyValues written out", scope: "ai", span: "ai.generateText.doGenerate",
			attrs: do("openai.chat", map[string]any{"ai.usage.inputTokens": `{"intValue":1200}`, "ai.usage.outputTokens": "345"}),
			want:  tok{1200, 345, none, none, none},
		},
		{
			name: "6: the input has the cache of every provider (sentry-js#21488)", scope: "ai", span: "ai.generateText.doGenerate",
			attrs: do("anthropic.messages", map[string]any{
				"ai.usage.inputTokens": 18495, "ai.usage.outputTokens": 445, "ai.usage.cachedInputTokens": 16399,
				"ai.usage.inputTokenDetails.noCacheTokens": 7, "ai.usage.inputTokenDetails.cacheReadTokens": 16399, "ai.usage.inputTokenDetails.cacheWriteTokens": 2089,
			}),
			want: tok{18495, 445, 16399, 2089, none},
		},
		{
			name: "7: the conventions, reasoning under the older name", scope: "gen_ai", span: "chat gpt-5.1",
			attrs: chat("openai", "gpt-5.1", map[string]any{
				"gen_ai.usage.input_tokens": 1200, "gen_ai.usage.output_tokens": 345, "ai.usage.outputTokenDetails.reasoningTokens": 64,
			}),
			want: tok{1200, 345, none, none, 64},
		},
		{
			name: "7: a step without usage is none", scope: "gen_ai", span: "step 1", attrs: map[string]any{"gen_ai.operation.name": "agent_step"}, notCall: true,
		},
		{
			name: "embeddings", scope: "ai", span: "ai.embed.doEmbed",
			attrs: map[string]any{"ai.operationId": "ai.embed.doEmbed", "ai.usage.tokens": 77, "ai.model.provider": "openai.embedding"},
			want:  tok{77, none, none, none, none},
			check: func(t *testing.T, c *usage.Call) { require.Equal(t, "embeddings", c.Operation) },
		},
	})
}
