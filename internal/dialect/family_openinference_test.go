package dialect

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/usage"
)

func TestOpenInferenceFamily(t *testing.T) {
	llm := func(prompt, completion, total int, more map[string]any) map[string]any {
		attrs := map[string]any{
			"openinference.span.kind": "LLM", "llm.token_count.prompt": prompt, "llm.token_count.completion": completion, "llm.model_name": "m",
		}
		if total > 0 {
			attrs["llm.token_count.total"] = total
		}
		for k, v := range more {
			attrs[k] = v
		}
		return attrs
	}
	readCases(t, []readCase{
		{
			name: "openai", scope: "openinference.instrumentation.openai", span: "ChatCompletion", family: "openinference",
			attrs: llm(110, 60, 170, map[string]any{
				"llm.token_count.prompt_details.cache_read": 64, "llm.token_count.completion_details.reasoning": 10, "llm.token_count.prompt_details.audio": 30,
			}),
			want: tok{110, 60, 64, none, 10},
		},
		{
			name: "anthropic", scope: "openinference.instrumentation.anthropic", span: "Messages",
			attrs: llm(2100, 80, 0, map[string]any{"llm.token_count.prompt_details.cache_read": 2000, "llm.token_count.prompt_details.cache_write": 90}),
			want:  tok{2100, 80, 2000, 90, none},
		},
		{
			name: "LiteLLM's route is the provider and the model", scope: "openinference.instrumentation.litellm", span: "completion",
			attrs: llm(110, 60, 170, map[string]any{"llm.model_name": "anthropic/claude-sonnet-4-5"}),
			want:  tok{110, 60, none, none, none},
			check: func(t *testing.T, c *usage.Call) {
				require.Equal(t, [2]string{"anthropic", "claude-sonnet-4-5"}, [2]string{c.Provider, c.Model})
			},
		},
		{
			name: "a vendor's name in the name of a model that another provider serves", scope: "openinference.instrumentation.litellm", span: "completion",
			attrs: llm(110, 60, 170, map[string]any{"llm.model_name": "groq/openai/gpt-oss-120b"}),
			want:  tok{110, 60, none, none, none},
			check: func(t *testing.T, c *usage.Call) {
				require.Equal(t, [2]string{"groq", "openai/gpt-oss-120b"}, [2]string{c.Provider, c.Model})
			},
		},
		{
			name: "a name with a vendor of an emitter that has no routes", scope: "openinference.instrumentation.openai", span: "ChatCompletion",
			attrs: llm(110, 60, 170, map[string]any{"llm.model_name": "openai/gpt-4o", "llm.provider": "openai"}),
			want:  tok{110, 60, none, none, none},
			check: func(t *testing.T, c *usage.Call) { require.Equal(t, "openai/gpt-4o", c.Model) },
		},
		{
			name: "envoy's name of cache writes", scope: "envoyproxy/ai-gateway", span: "Message",
			attrs: llm(1015, 25, 1040, map[string]any{"llm.token_count.prompt_details.cache_read": 800, "llm.token_count.prompt_details.cache_creation": 200}),
			want:  tok{1015, 25, 800, 200, none},
		},
		{
			name: "bedrock reports its own figure", scope: "openinference.instrumentation.bedrock", span: "bedrock.invoke_model",
			attrs: llm(4100, 333, 0, map[string]any{"llm.token_count.prompt_details.cache_read": 4000, "llm.token_count.prompt_details.cache_write": 90}),
			want:  tok{8190, 333, 4000, 90, none},
		},
		{
			name: "bedrock converse, whose cache stands in the answer alone", scope: "@arizeai/openinference-instrumentation-bedrock", span: "bedrock.converse",
			attrs: llm(1550, 200, 5200, map[string]any{
				"llm.provider": "aws",
				"output.value": `{"output":{"message":{"content":[{"text":"\"usage\":{"}]}},"usage":{"inputTokens":1550,"outputTokens":200,"totalTokens":5200,"cacheReadInputTokens":3000,"cacheWriteInputTokens":450}}`,
			}),
			want: tok{5000, 200, 3000, 450, none},
		},
		{
			name: "an answer that has no more than the attributes", scope: "@arizeai/openinference-instrumentation-openai", span: "OpenAI Chat Completions",
			attrs: llm(1200, 345, 1545, map[string]any{
				"llm.token_count.prompt_details.cache_read": 1000, "llm.token_count.completion_details.reasoning": 64,
				"output.value": `{"usage":{"prompt_tokens":1200,"completion_tokens":345,"total_tokens":1545,"prompt_tokens_details":{"cached_tokens":1000},"completion_tokens_details":{"reasoning_tokens":64}}}`,
			}),
			want: tok{1200, 345, 1000, none, 64},
		},
		{
			name: "an answer alone", scope: "openinference.instrumentation.x", span: "call",
			attrs: map[string]any{
				"openinference.span.kind": "LLM", "llm.model_name": "gemini-2.5-flash",
				"output.value": `{"usageMetadata":{"promptTokenCount":100,"candidatesTokenCount":35,"thoughtsTokenCount":25,"cachedContentTokenCount":60,"toolUsePromptTokenCount":4,"totalTokenCount":164}}`,
			},
			want: tok{104, 60, 60, none, 25},
		},
		{
			name: "an answer of an agent or a tool is nobody's usage", scope: "openinference.instrumentation.x", span: "agent",
			attrs:   map[string]any{"openinference.span.kind": "TOOL", "output.value": `{"usage":{"prompt_tokens":1200,"completion_tokens":345}}`},
			notCall: true,
		},
		{
			name: "an answer that is a text is no JSON", scope: "openinference.instrumentation.x", span: "call",
			attrs: llm(10, 5, 15, map[string]any{"output.value": `{"usage": {"prompt_tokens": 1200, never ended`}), want: tok{10, 5, none, none, none},
		},
		{
			name: "langchain: the cache write that it has and does not report", scope: "@arizeai/openinference-instrumentation-langchain", span: "ChatAnthropic",
			attrs: llm(5000, 222, 5222, map[string]any{
				"llm.token_count.prompt_details.cache_read": 3000,
				"output.value": `{"generations":[[{"text":"hi"}]],"llmOutput":{"usage":{"input_tokens":1550,"cache_creation_input_tokens":450,"cache_read_input_tokens":3000,"output_tokens":222}}}`,
			}),
			want: tok{5000, 222, 3000, 450, none},
		},
		{
			name: "langchain: a stream", scope: "@arizeai/openinference-instrumentation-langchain", span: "ChatAnthropic",
			attrs: llm(6100, 334, 6434, map[string]any{
				"llm.token_count.prompt_details.cache_read": 4000,
				"output.value": `{"generations":[[{"message":{"kwargs":{"usage_metadata":{"input_token_details":{"cache_read":4000,"cache_creation":550}}}}}]]}`,
			}),
			want: tok{6100, 334, 4000, 550, none},
		},
		{
			name: "langchain over bedrock, as openinference#2381 has it", scope: "openinference.instrumentation.langchain", span: "ChatBedrockConverse",
			attrs: llm(5000, 100, 6100, map[string]any{"llm.token_count.prompt_details.cache_read": 1000}), want: tok{6000, 100, 1000, none, none},
		},
		{
			name: "the Claude Agent SDK", scope: "openinference.instrumentation.claude_agent_sdk", span: "ClaudeAgentSDK.query",
			attrs: map[string]any{
				"openinference.span.kind": "AGENT", "llm.model_name": "claude", "llm.token_count.prompt": 9012, "llm.token_count.completion": 900,
				"llm.token_count.prompt_details.cache_read": 8456,
			},
			want: tok{17468, 900, 8456, none, none}, quality: usage.SeveralCalls,
		},
		{
			name: "a chain", scope: "openinference.instrumentation.langchain", span: "chain", attrs: map[string]any{"openinference.span.kind": "CHAIN"}, notCall: true,
		},
	})
}
