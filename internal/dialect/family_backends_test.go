package dialect

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/usage"
)

func TestLangfuseFamily(t *testing.T) {
	gen := func(usageDetails string) map[string]any {
		return map[string]any{
			"langfuse.observation.type": "generation", "langfuse.observation.model.name": "gpt-4o", "langfuse.observation.usage_details": usageDetails,
			"user.id": "u1", "session.id": "s1",
		}
	}
	readCases(t, []readCase{
		{
			name: "buckets that overlap in nothing", scope: "langfuse-sdk", span: "generation", family: "langfuse",
			attrs: gen(`{"input": 86, "output": 12, "input_cached_tokens": 17817, "output_reasoning_tokens": 30, "total": 17945}`),
			want:  tok{17903, 42, 17817, none, 30},
			check: func(t *testing.T, c *usage.Call) {
				require.Equal(t, "u1", c.User)
				require.Equal(t, "s1", c.Session)
			},
		},
		{
			name: "cache writes, by how long they are kept", scope: "langfuse-sdk", span: "generation",
			attrs: gen(`{"input": 10, "output": 5, "input_cache_creation_5m": 100, "input_cache_creation_1h": 40, "input_cache_read": 7}`),
			want:  tok{157, 5, 7, 140, none},
			check: func(t *testing.T, c *usage.Call) { require.EqualValues(t, 40, c.Tokens.CacheWrite1h) },
		},
		{
			name: "anthropic's names, as the documentation shows them", scope: "langfuse-sdk", span: "generation",
			attrs: gen(`{"input": 1550, "output": 222, "cache_read_input_tokens": 3000, "cache_creation_input_tokens": 450}`),
			want:  tok{5000, 222, 3000, 450, none},
		},
		{
			name: "openai's own shape", scope: "langfuse-sdk", span: "generation",
			attrs: gen(`{"prompt_tokens": 1200, "completion_tokens": 345, "total_tokens": 1545, "prompt_tokens_details": {"cached_tokens": 1000}, "completion_tokens_details": {"reasoning_tokens": 64}}`),
			want:  tok{1200, 345, 1000, none, 64},
		},
		{
			name: "the shape of its responses", scope: "langfuse-sdk", span: "generation",
			attrs: gen(`{"input_tokens": 1410, "input_tokens_details": {"cached_tokens": 700}, "output_tokens": 141, "output_tokens_details": {"reasoning_tokens": 41}, "total_tokens": 1551}`),
			want:  tok{1410, 141, 700, none, 41},
		},
		{
			name: "inclusive figures, which the total shows", scope: "langfuse-sdk", span: "generation",
			attrs: gen(`{"input": 1200, "output": 345, "total": 1545, "input_cached_tokens": 1000, "output_reasoning_tokens": 64}`),
			want:  tok{1200, 345, 1000, none, 64},
		},
		{
			name: "modalities are buckets too", scope: "langfuse-sdk", span: "generation",
			attrs: gen(`{"input": 100, "input_audio_tokens": 50, "output": 10, "output_audio_tokens": 5, "total": 165}`), want: tok{150, 15, none, none, none},
		},
		{
			name: "another's words in it", scope: "langfuse-sdk", span: "generation", attrs: gen(`{"input": -5, "output": "x", "images": 3}`),
			want: tok{none, none, none, none, none}, quality: usage.Inconsistent,
		},
		{
			name: "more than can be", scope: "langfuse-sdk", span: "generation", attrs: gen(`{"input": 1099511627776, "input_cached_tokens": 1, "output": 1}`),
			want: tok{none, none, none, none, none}, quality: usage.Inconsistent,
		},
		{name: "a span", scope: "langfuse-sdk", span: "s", attrs: map[string]any{"langfuse.observation.type": "span"}, notCall: true},
	})
}

func TestLangSmithFamily(t *testing.T) {
	readCases(t, []readCase{
		{
			name: "python: the text of a dict", scope: "langsmith", span: "ChatOpenAI", family: "langsmith",
			attrs: chat("openai", "gpt-4o", map[string]any{
				"langsmith.span.kind": "llm", "gen_ai.usage.input_tokens": 2006, "gen_ai.usage.output_tokens": 300, "gen_ai.usage.total_tokens": 2306,
				"gen_ai.usage.input_token_details": "{'audio': 0, 'cache_read': 1920}", "gen_ai.usage.output_token_details": "{'audio': 0, 'reasoning': 192}",
			}),
			want: tok{2006, 300, 1920, none, 192},
		},
		{
			name: "javascript: JSON, and the model that answered", scope: "langsmith", span: "ChatAnthropic",
			attrs: chat("", "claude-sonnet-4-5", map[string]any{
				"langsmith.span.kind": "llm", "gen_ai.usage.input_tokens": 5000, "gen_ai.usage.output_tokens": 222, "gen_ai.usage.total_tokens": 5222,
				"langsmith.usage_metadata":       `{"input_tokens":5000,"output_tokens":222,"input_token_details":{"cache_read":3000,"cache_creation":450}}`,
				"langsmith.metadata.ls_provider": "anthropic", "gen_ai.response.model": "claude-sonnet-4-5-20250929", "langsmith.trace.session_name": "shop",
				"langsmith.request.streaming": "True",
			}),
			want: tok{5000, 222, 3000, 450, none},
			check: func(t *testing.T, c *usage.Call) {
				require.Equal(t, "anthropic", c.Provider)
				require.Equal(t, "claude-sonnet-4-5-20250929", c.Model)
				require.Equal(t, "claude-sonnet-4-5", c.RequestModel)
				require.Equal(t, "shop", c.Project)
				require.Equal(t, usage.Yes, c.Stream)
			},
		},
		{
			name: "bedrock, whose total has the cache", scope: "langsmith", span: "ChatBedrock",
			attrs: chat("aws.bedrock", "claude", map[string]any{
				"langsmith.span.kind": "llm", "gen_ai.usage.input_tokens": 5000, "gen_ai.usage.output_tokens": 100, "gen_ai.usage.total_tokens": 6100,
				"langsmith.usage_metadata": `{"input_token_details":{"cache_read":1000}}`,
			}),
			want: tok{6000, 100, 1000, none, none},
		},
		{name: "a chain", scope: "langsmith", span: "RunnableSequence", attrs: map[string]any{"langsmith.span.kind": "chain"}, notCall: true},
	})
}

func TestMLflowFamily(t *testing.T) {
	usageOf := func(provider, text string) map[string]any {
		return map[string]any{
			"mlflow.spanType": `"CHAT_MODEL"`, "mlflow.llm.model": `"m"`, "mlflow.llm.provider": `"` + provider + `"`, "mlflow.chat.tokenUsage": text,
			"mlflow.llm.cost": `{"input_cost": 0.1, "output_cost": 0.2, "total_cost": 0.3}`,
		}
	}
	readCases(t, []readCase{
		{
			name: "openai", scope: "mlflow", span: "Completions", family: "mlflow",
			attrs: usageOf("openai", `{"input_tokens": 1200, "output_tokens": 345, "total_tokens": 1545, "cache_read_input_tokens": 1000}`),
			want:  tok{1200, 345, 1000, none, none},
			check: func(t *testing.T, c *usage.Call) {
				require.Equal(t, "openai", c.Provider, "the quotes are JSON's")
				require.Equal(t, "0.3", c.ReportedCost.String())
			},
		},
		{
			name: "anthropic before mlflow#22516", scope: "mlflow", span: "Messages",
			attrs: usageOf("anthropic", `{"input_tokens": 1550, "output_tokens": 222, "total_tokens": 1772, "cache_read_input_tokens": 3000, "cache_creation_input_tokens": 450}`),
			want:  tok{5000, 222, 3000, 450, none},
		},
		{
			name: "anthropic after it", scope: "mlflow", span: "Messages",
			attrs: usageOf("anthropic", `{"input_tokens": 5000, "output_tokens": 222, "total_tokens": 5222, "cache_read_input_tokens": 3000, "cache_creation_input_tokens": 450}`),
			want:  tok{5000, 222, 3000, 450, none},
		},
		{
			name: "a key-value list", scope: "mlflow", span: "Completions",
			attrs: map[string]any{"mlflow.spanType": "LLM", "mlflow.chat.tokenUsage": map[string]any{"input_tokens": 24, "output_tokens": 7}},
			want:  tok{24, 7, none, none, none},
		},
		{
			name: "the trace's total", scope: "mlflow", span: "predict",
			attrs: map[string]any{"mlflow.spanType": "CHAIN", "mlflow.trace.tokenUsage": `{"input_tokens": 24, "output_tokens": 7}`}, notCall: true,
		},
	})
}

func TestBackendFamilies(t *testing.T) {
	readCases(t, []readCase{
		{
			name: "braintrust", scope: "braintrust", span: "Chat Completion", family: "braintrust",
			attrs: map[string]any{
				"braintrust.span_attributes": `{"type":"llm"}`, "braintrust.metadata": `{"model":"gpt-4o-2024-08-06","provider":"openai","id":"chatcmpl-1"}`,
				"braintrust.metrics": `{"prompt_tokens":1200,"completion_tokens":345,"tokens":1545,"prompt_cached_tokens":1000,"completion_reasoning_tokens":64,"time_to_first_token":0.4}`,
			},
			want: tok{1200, 345, 1000, none, 64},
			check: func(t *testing.T, c *usage.Call) {
				require.Equal(t, "gpt-4o-2024-08-06", c.Model)
				require.Equal(t, "openai", c.Provider)
				require.Equal(t, "chatcmpl-1", c.ResponseID)
				require.Equal(t, usage.Yes, c.Stream)
			},
		},
		{
			name: "braintrust, a function", scope: "braintrust", span: "f", attrs: map[string]any{"braintrust.span_attributes": `{"type":"function"}`}, notCall: true,
		},
		{
			name: "langwatch", scope: "my", span: "llm", family: "langwatch",
			attrs: map[string]any{
				"langwatch.span.type": "llm", "gen_ai.request.model": "gpt-4o", "langwatch.metrics": `{"type":"json","value":{"promptTokens":1200,"completionTokens":345,"cost":0.001}}`,
			},
			want:  tok{1200, 345, none, none, none},
			check: func(t *testing.T, c *usage.Call) { require.Equal(t, "0.001", c.ReportedCost.String()) },
		},
		{
			name: "langwatch, python's shape", scope: "my", span: "llm",
			attrs: map[string]any{"langwatch.span.type": "llm", "langwatch.metrics": `{"prompt_tokens": 1200, "completion_tokens": 345}`}, want: tok{1200, 345, none, none, none},
		},
		{
			name: "langtrace", scope: "langtrace", span: "openai.chat.completions.create",
			attrs: map[string]any{
				"langtrace.service.name": "OpenAI", "llm.model": "gpt-4", "llm.token.counts": `{"input_tokens":12,"output_tokens":5,"total_tokens":17}`,
			},
			want: tok{12, 5, none, none, none},
			check: func(t *testing.T, c *usage.Call) {
				require.Equal(t, "gpt-4", c.Model)
				require.Equal(t, "openai", c.Provider)
			},
		},
		{
			name: "agentops", scope: "agentops", span: "openai.chat.completion",
			attrs: map[string]any{"agentops.span.kind": "llm", "gen_ai.request.model": "gpt-4", "gen_ai.usage.prompt_tokens": 12, "gen_ai.usage.completion_tokens": 5},
			want:  tok{12, 5, none, none, none},
		},
	})
}
