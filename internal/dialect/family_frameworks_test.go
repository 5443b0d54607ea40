package dialect

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/usage"
)

// figures of a call to Anthropic or Bedrock, as the API reports them and with the cache in the input.
var (
	apart = map[string]any{
		"gen_ai.usage.input_tokens": 4000, "gen_ai.usage.output_tokens": 222, "gen_ai.usage.cache_read.input_tokens": 3000,
		"gen_ai.usage.cache_creation.input_tokens": 450,
	}
	within = map[string]any{
		"gen_ai.usage.input_tokens": 7450, "gen_ai.usage.output_tokens": 222, "gen_ai.usage.cache_read.input_tokens": 3000,
		"gen_ai.usage.cache_creation.input_tokens": 450,
	}
	anthropicCall = tok{7450, 222, 3000, 450, none}
)

func TestFrameworkFamilies(t *testing.T) {
	readCases(t, []readCase{
		{name: "pydantic ai", scope: "pydantic-ai", span: "chat claude", family: "pydantic-ai", attrs: chat("anthropic", "claude", within), want: anthropicCall},
		{
			name: "pydantic ai, an older name and thoughts", scope: "pydantic-ai", span: "chat gemini",
			attrs: chat("google-gla", "gemini-2.5-flash", map[string]any{
				"gen_ai.usage.input_tokens": 1200, "gen_ai.usage.output_tokens": 150, "gen_ai.usage.cache_read_tokens": 100,
				"gen_ai.usage.details.text_prompt_tokens": 1200, "gen_ai.usage.details.thoughts_tokens": 90, "operation.cost": 0.0002,
			}),
			want: tok{1200, 150, 100, none, 90},
			check: func(t *testing.T, c *usage.Call) {
				require.Equal(t, "gcp.gemini", c.Provider)
				require.Equal(t, "0.0002", c.ReportedCost.String())
			},
		},
		{
			name: "logfire, openai: the parts in the answer", scope: "logfire.openai", span: "Chat Completion with 'gpt-4o'", family: "logfire",
			attrs: chat("openai", "gpt-4o", map[string]any{
				"gen_ai.usage.input_tokens": 1200, "gen_ai.usage.output_tokens": 345,
				"response_data": `{"message": {"content": "it's \"usage\""}, "usage": {"prompt_tokens": 1200, "prompt_tokens_details": {"cached_tokens": 1000}, "completion_tokens_details": {"reasoning_tokens": 64}}}`,
			}),
			want: tok{1200, 345, 1000, none, 64},
		},
		{
			name: "logfire, anthropic adds", scope: "logfire.anthropic", span: "Message with 'claude'",
			attrs: chat("anthropic", "claude", map[string]any{
				"gen_ai.usage.input_tokens": 7450, "gen_ai.usage.output_tokens": 222,
				"response_data": `{"message": {}, "usage": {"input_tokens": 4000, "cache_read_input_tokens": 3000, "cache_creation_input_tokens": 450}}`,
			}),
			want: anthropicCall,
		},
		{
			name: "spring ai: texts, and the API's own input", scope: "org.springframework.boot", span: "chat claude", family: "spring-ai",
			attrs: map[string]any{
				"gen_ai.operation.name": "chat", "gen_ai.system": "anthropic", "gen_ai.request.model": "claude", "gen_ai.usage.input_tokens": "4000",
				"gen_ai.usage.output_tokens": "222", "gen_ai.usage.total_tokens": "4222", "gen_ai.usage.cache_read.input_tokens": "3000",
				"gen_ai.usage.cache_creation.input_tokens": "450",
			},
			want: anthropicCall,
		},
		{
			name: "spring ai, openai", scope: "org.springframework.boot", span: "chat gpt-4o",
			attrs: chat("openai", "gpt-4o", map[string]any{
				"gen_ai.usage.input_tokens": "1200", "gen_ai.usage.output_tokens": "345", "gen_ai.usage.cache_read.input_tokens": "1000",
			}),
			want: tok{1200, 345, 1000, none, none},
		},
		{
			name: "spring ai, the client around it", scope: "org.springframework.boot", span: "spring_ai chat_client",
			attrs: map[string]any{"gen_ai.operation.name": "framework", "gen_ai.system": "spring_ai", "spring.ai.kind": "chat_client"}, notCall: true,
		},
		{
			name: "spring ai, embeddings", scope: "org.springframework.boot", span: "embedding text-embedding-3-small",
			attrs: map[string]any{"gen_ai.operation.name": "embedding", "gen_ai.system": "openai", "gen_ai.usage.input_tokens": "77", "gen_ai.usage.total_tokens": "77"},
			want:  tok{77, none, none, none, none},
			check: func(t *testing.T, c *usage.Call) { require.Equal(t, "embeddings", c.Operation) },
		},
		{
			name: "quarkus", scope: "io.quarkus.opentelemetry", span: "completion gpt-4o-mini", family: "quarkus-langchain4j",
			attrs: map[string]any{
				"gen_ai.operation.name": "chat", "gen_ai.system": "openai", "gen_ai.request.model": "gpt-4o-mini", "gen_ai.usage.prompt_tokens": 38,
				"gen_ai.usage.completion_tokens": 19, "gen_ai.client.estimated_cost": "0.01USD",
			},
			want:  tok{38, 19, none, none, none},
			check: func(t *testing.T, c *usage.Call) { require.Equal(t, "0.01", c.ReportedCost.String()) },
		},
		{
			name: "semantic kernel", scope: "semantic_kernel.utils.telemetry.model_diagnostics.decorators", span: "text_completions m", family: "semantic-kernel",
			attrs: map[string]any{"gen_ai.operation.name": "text_completions", "gen_ai.system": "openai", "gen_ai.usage.input_tokens": 31, "gen_ai.usage.output_tokens": 12},
			want:  tok{31, 12, none, none, none},
			check: func(t *testing.T, c *usage.Call) { require.Equal(t, "text_completion", c.Operation) },
		},
		{name: "agent framework, anthropic", scope: "agent_framework", span: "chat claude", family: "agent-framework", attrs: chat("anthropic", "claude", apart), want: anthropicCall},
		{
			name: "agent framework, openai", scope: "agent_framework", span: "chat gpt-4o",
			attrs: chat("openai", "gpt-4o", map[string]any{
				"gen_ai.usage.input_tokens": 1200, "gen_ai.usage.output_tokens": 345, "gen_ai.usage.cache_read.input_tokens": 1000,
				"gen_ai.usage.reasoning.output_tokens": 64,
			}),
			want: tok{1200, 345, 1000, none, 64},
		},
		{
			name: "strands on bedrock", scope: "strands.telemetry.tracer", span: "chat", family: "strands",
			attrs: chat("strands-agents", "us.anthropic.claude-sonnet-4-20250514-v1:0", map[string]any{
				"gen_ai.usage.prompt_tokens": 4000, "gen_ai.usage.input_tokens": 4000, "gen_ai.usage.completion_tokens": 222, "gen_ai.usage.output_tokens": 222,
				"gen_ai.usage.total_tokens": 4222, "gen_ai.usage.cache_read_input_tokens": 3000, "gen_ai.usage.cache_write_input_tokens": 450,
			}),
			want: anthropicCall,
			check: func(t *testing.T, c *usage.Call) {
				require.Equal(t, "aws.bedrock", c.Provider, "a framework is none: the model implies it")
			},
		},
		{
			name: "strands on openai", scope: "strands-agents", span: "chat",
			attrs: chat("strands-agents", "gpt-4o-mini", map[string]any{
				"gen_ai.usage.input_tokens": 1200, "gen_ai.usage.output_tokens": 345, "gen_ai.usage.total_tokens": 1545, "gen_ai.usage.cache_read.input_tokens": 1000,
				"gen_ai.usage.cache_read_input_tokens": 1000,
			}),
			want: tok{1200, 345, 1000, none, none},
		},
		{name: "strands on litellm", scope: "strands.telemetry.tracer", span: "chat", attrs: chat("strands-agents", "anthropic/claude-sonnet-4", within), want: anthropicCall},
		{
			name: "strands, a cycle", scope: "strands.telemetry.tracer", span: "execute_event_loop_cycle",
			attrs: map[string]any{"gen_ai.operation.name": "execute_event_loop_cycle", "event_loop.cycle_id": "1"}, notCall: true,
		},
		{
			name: "mastra", scope: "@mastra/otel-exporter", span: "chat claude", family: "mastra",
			attrs: chat("anthropic", "claude", map[string]any{
				"mastra.span.type": "model_step", "gen_ai.usage.input_tokens": 7450, "gen_ai.usage.output_tokens": 222,
				"gen_ai.usage.cache_read.input_tokens": 3000, "gen_ai.usage.cache_creation.input_tokens": 450,
				"gen_ai.usage.cache_creation.5m_input_tokens": 400, "gen_ai.usage.cache_creation.1h_input_tokens": 50,
			}),
			want: anthropicCall,
		},
		{
			name: "haystack", scope: "haystack", span: "haystack.component.run", family: "haystack",
			attrs: map[string]any{
				"haystack.component.name": "llm", "haystack.component.type": "OpenAIChatGenerator",
				"haystack.component.output": `{"replies": [{"role": "assistant", "meta": {"model": "gpt-4o-2024-08-06", "index": 0, "usage": {"completion_tokens": 345, "prompt_tokens": 1200, "total_tokens": 1545, "prompt_tokens_details": {"cached_tokens": 1000}, "completion_tokens_details": {"reasoning_tokens": 64}}}, "content": [{"text": "it's"}]}]}`,
			},
			want: tok{1200, 345, 1000, none, 64},
			check: func(t *testing.T, c *usage.Call) {
				require.Equal(t, "gpt-4o-2024-08-06", c.Model)
				require.Equal(t, "chat", c.Operation)
			},
		},
		{
			name: "haystack, anthropic's generator", scope: "haystack", span: "haystack.component.run",
			attrs: map[string]any{
				"haystack.component.output": `{"replies": [{"_role": "assistant", "_meta": {"model": "claude-sonnet-4-5", "usage": {"input_tokens": 4000, "output_tokens": 222, "cache_read_input_tokens": 3000, "cache_creation_input_tokens": 450}}}]}`,
			},
			want: anthropicCall,
		},
		{
			name: "haystack, the pipeline repeats it", scope: "haystack", span: "haystack.pipeline.run",
			attrs:   map[string]any{"haystack.pipeline.output_data": `{"llm": {"replies": [{"meta": {"usage": {"prompt_tokens": 1200, "completion_tokens": 345}}}]}}`},
			notCall: true,
		},
		{
			name: "dify", scope: "dify", span: "llm", family: "dify",
			attrs: map[string]any{
				"gen_ai.framework": "dify", "gen_ai.span.kind": "LLM", "gen_ai.provider.name": "langgenius/openai/openai", "gen_ai.request.model": "gpt-4o",
				"gen_ai.usage.input_tokens": 51, "gen_ai.usage.output_tokens": 9, "gen_ai.usage.total_tokens": 60, "gen_ai.user.id": "eve",
			},
			want: tok{51, 9, none, none, none},
			check: func(t *testing.T, c *usage.Call) {
				require.Equal(t, "openai", c.Provider)
				require.Equal(t, "eve", c.User)
			},
		},
		{
			name: "openlit, anthropic", scope: "openlit.instrumentation.anthropic", span: "chat claude", family: "openlit",
			attrs: chat("anthropic", "claude", apart), want: anthropicCall,
		},
		{
			name: "openlit, openai under the scope of vllm", scope: "@openlit/instrumentation-vllm", span: "chat gpt-4o-mini", family: "openlit",
			attrs: chat("openai", "gpt-4o-mini", map[string]any{
				"gen_ai.usage.input_tokens": 1200, "gen_ai.usage.output_tokens": 345, "gen_ai.usage.prompt_tokens_details.cached_tokens": 1000,
				"gen_ai.usage.completion_tokens_details.reasoning_tokens": 64, "gen_ai.usage.completion_tokens_details.audio_tokens": 0,
			}),
			want: tok{1200, 345, 1000, none, 64},
		},
	})
}

func TestGoogleFamilies(t *testing.T) {
	readCases(t, []readCase{
		{
			name: "adk 1.x, python", scope: "gcp.vertex.agent", span: "call_llm", family: "google-adk",
			attrs: map[string]any{
				"gen_ai.system": "gcp.vertex.agent", "gen_ai.request.model": "gemini-2.5-flash", "gen_ai.usage.input_tokens": 100, "gen_ai.usage.output_tokens": 35,
				"gcp.vertex.agent.session_id":   "s1",
				"gcp.vertex.agent.llm_response": `{"usage_metadata": {"prompt_token_count": 100, "candidates_token_count": 35, "thoughts_token_count": 25, "cached_content_token_count": 60, "total_token_count": 160}}`,
			},
			want: tok{100, 60, 60, none, 25},
			check: func(t *testing.T, c *usage.Call) {
				require.Equal(t, "s1", c.Session)
				require.Equal(t, "gcp.gemini", c.Provider, "a framework is none: the model implies it")
			},
		},
		{
			name: "adk for javascript", scope: "gcp.vertex.agent", span: "call_llm",
			attrs: map[string]any{
				"gen_ai.system": "gcp.vertex.agent", "gen_ai.request.model": "gemini-2.5-flash", "gen_ai.usage.input_tokens": 100, "gen_ai.usage.output_tokens": 35,
				"gcp.vertex.agent.llm_response": `{"usageMetadata":{"promptTokenCount":100,"candidatesTokenCount":35,"thoughtsTokenCount":25,"cachedContentTokenCount":60,"totalTokenCount":160}}`,
			},
			want: tok{100, 60, 60, none, 25},
		},
		{
			name: "adk 2.x: the conventions", scope: "gcp.vertex.agent", span: "call_llm",
			attrs: map[string]any{
				"gen_ai.operation.name": "generate_content", "gen_ai.system": "gcp.vertex.agent", "gen_ai.request.model": "gemini-2.5-flash",
				"gen_ai.usage.input_tokens": 100, "gen_ai.usage.output_tokens": 60, "gen_ai.usage.cache_read.input_tokens": 60, "gen_ai.usage.reasoning.output_tokens": 25,
				"gcp.vertex.agent.llm_response": `{"usage_metadata": {"prompt_token_count": 100, "candidates_token_count": 35, "thoughts_token_count": 25, "cached_content_token_count": 60, "total_token_count": 160}}`,
			},
			want: tok{100, 60, 60, none, 25},
		},
		{
			name: "genkit, gemini: thoughts beside the output", scope: "genkit-tracer", span: "gemini-2.5-flash", family: "genkit",
			attrs: map[string]any{
				"genkit:metadata:subtype": "model", "genkit:name": "googleai/gemini-2.5-flash",
				"genkit:output": `{"message":{"content":[{"text":"{\"usage\":{\"inputTokens\":1}}"}]},"usage":{"inputTokens":2600,"outputTokens":190,"thoughtsTokens":120,"cachedContentTokens":1500,"totalTokens":2910}}`,
			},
			want: tok{2600, 310, 1500, none, 120},
		},
		{
			name: "genkit, openai: its parts in its own answer", scope: "genkit-tracer", span: "gpt-4o-mini",
			attrs: map[string]any{
				"genkit:metadata:subtype": "model", "genkit:name": "openai/gpt-4o-mini",
				"genkit:output": `{"usage":{"inputTokens":1200,"outputTokens":345,"totalTokens":1545},"raw":{"usage":{"prompt_tokens_details":{"cached_tokens":1000},"completion_tokens_details":{"reasoning_tokens":64}}}}`,
			},
			want: tok{1200, 345, 1000, none, 64},
		},
	})
}

func TestAgentFamilies(t *testing.T) {
	readCases(t, []readCase{
		{
			name: "claude code, the log", scope: "com.anthropic.claude_code.events", event: "api_request", family: "claude-code",
			attrs: map[string]any{
				"model": "claude-opus-5", "input_tokens": "2", "output_tokens": "1200", "cache_read_tokens": "84562", "cache_creation_tokens": "7096",
				"cache_creation_5m_tokens": "7000", "cache_creation_1h_tokens": "96", "cost_usd": "0.11", "duration_ms": "1521", "request_id": "req_1",
				"user.email": "a@x.io",
			},
			want: tok{91660, 1200, 84562, 7096, none},
			check: func(t *testing.T, c *usage.Call) {
				require.Equal(t, "req_1", c.RequestID)
				require.Equal(t, "a@x.io", c.User)
				require.Equal(t, "0.11", c.ReportedCost.String())
				require.EqualValues(t, 96, c.Tokens.CacheWrite1h, "a part, not added")
			},
		},
		{
			name: "claude code, a sub-agent's total repeats calls", scope: "com.anthropic.claude_code.events", event: "subagent_completed",
			attrs: map[string]any{"total_tokens": 93000, "input_tokens": 2, "output_tokens": 3}, notCall: true,
		},
		{
			name: "claude code, the span", scope: "com.anthropic.claude_code", span: "claude_code.llm_request",
			attrs: map[string]any{
				"span.type": "llm_request", "gen_ai.request.model": "opus", "input_tokens": 2, "output_tokens": 1200, "cache_read_tokens": 84562,
				"cache_creation_tokens": 7096, "request_id": "req_1", "gen_ai.response.id": "req_1", "ttft_ms": 700,
			},
			want:  tok{91660, 1200, 84562, 7096, none},
			check: func(t *testing.T, c *usage.Call) { require.Empty(t, c.ResponseID, "it is the request's") },
		},
		{
			name: "codex", scope: "codex_otel", event: "codex.sse_event", family: "codex",
			attrs: map[string]any{
				"event.kind": "response.completed", "model": "gpt-5.1-codex", "input_token_count": "12000", "output_token_count": "900",
				"cached_token_count": 8000, "reasoning_token_count": 250, "cache_write_token_count": 0, "tool_token_count": "12900",
			},
			want: tok{12000, 900, 8000, 0, 250},
		},
		{
			name: "codex over a web socket", scope: "codex_otel", event: "codex.websocket_event",
			attrs: map[string]any{"model": "gpt-5.1-codex", "input_token_count": "12000", "output_token_count": "900", "tool_token_count": "12900"},
			want:  tok{12000, 900, none, none, none},
		},
		{name: "codex, one of many events", scope: "codex_otel", event: "codex.sse_event", attrs: map[string]any{"event.kind": "response.created"}, notCall: true},
		{
			name: "gemini cli: thoughts beside the output, tools beside the input", scope: "gemini-cli", event: "gemini_cli.api_response", family: "gemini-cli",
			attrs: map[string]any{
				"model": "gemini-2.5-pro", "input_token_count": 17, "output_token_count": 50, "cached_content_token_count": 10, "thoughts_token_count": 5,
				"tool_token_count": 2, "total_token_count": 74, "duration_ms": 900, "status_code": 200, "session.id": "s1",
			},
			want: tok{19, 55, 10, none, 5},
		},
		{
			name: "qwen code: thoughts in the output", scope: "qwen-code", event: "qwen-code.api_response",
			attrs: map[string]any{
				"model": "qwen3-coder-plus", "input_token_count": 9013, "output_token_count": 348, "cached_content_token_count": 7000,
				"thoughts_token_count": 64, "tool_token_count": 0, "total_token_count": 9361, "response_id": "chatcmpl-1",
			},
			want:  tok{9013, 348, 7000, none, 64},
			check: func(t *testing.T, c *usage.Call) { require.Equal(t, "chatcmpl-1", c.ResponseID) },
		},
		{
			name: "qwen code over gemini: the total says that they are beside it", scope: "qwen-code", event: "qwen-code.api_response",
			attrs: map[string]any{
				"model": "gemini-2.5-pro", "input_token_count": 9013, "output_token_count": 284, "thoughts_token_count": 64, "total_token_count": 9361,
			},
			want: tok{9013, 348, none, none, 64},
		},
		{
			name: "qwen code, the span", scope: "qwen-code", span: "qwen-code.llm_request", family: "qwen-code",
			attrs: chat("qwen", "qwen3-coder-plus", map[string]any{
				"gen_ai.usage.input_tokens": 9013, "gen_ai.usage.output_tokens": 348, "gen_ai.usage.cache_read.input_tokens": 7000, "thoughts_token_count": 64,
				"gen_ai.user.id": "eve", "ttft_ms": 120,
			}),
			want:  tok{9013, 348, 7000, none, 64},
			check: func(t *testing.T, c *usage.Call) { require.Equal(t, "eve", c.User) },
		},
		{
			name: "opencode's plugin", scope: "opencode", span: "chat claude", family: "opencode",
			attrs: chat("anthropic", "claude", map[string]any{
				"gen_ai.usage.input_tokens": 7450, "gen_ai.usage.output_tokens": 222, "gen_ai.usage.cache_read.input_tokens": 3000,
				"gen_ai.usage.cache_write.input_tokens": 450, "opencode.llm.cost.total": 0.25,
			}),
			want:  anthropicCall,
			check: func(t *testing.T, c *usage.Call) { require.Equal(t, "0.25", c.ReportedCost.String()) },
		},
		{
			name: "copilot: the cache is in the input (ccusage#1364)", scope: "copilot-chat", span: "chat claude", family: "github-copilot",
			attrs: chat("github", "claude-sonnet-4.5", map[string]any{
				"gen_ai.usage.input_tokens": 35925, "gen_ai.usage.output_tokens": 10, "gen_ai.usage.cache_read.input_tokens": 35067,
				"gen_ai.usage.cache_creation.input_tokens": 857, "github.copilot.cost": 1, "github.copilot.nano_aiu": 750000000,
			}),
			want: tok{35925, 10, 35067, 857, none},
			check: func(t *testing.T, c *usage.Call) {
				require.Equal(t, "github", c.Provider)
				require.False(t, c.HasReportedCost, "requests are no dollars")
			},
		},
	})
}
