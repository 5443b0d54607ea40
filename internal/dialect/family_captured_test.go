package dialect

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/tokenboard/tokenboard/internal/dialect/providers"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// What the captures of Python, the JVM and gateways showed, by itself: rules of families, not of one capture.

func TestLiteLLMUsageObject(t *testing.T) {
	call := func(object string, more map[string]any) map[string]any {
		attrs := map[string]any{
			"gen_ai.operation.name": "anthropic_messages", "llm.request.type": "anthropic_messages", "gen_ai.system": "",
			"litellm.provider.model": "anthropic/claude-sonnet-4-5", "gen_ai.request.model": "my-alias", "metadata.usage_object": object,
			"gen_ai.usage.input_tokens": "5000", "gen_ai.usage.output_tokens": "222", "metadata.user_api_key_end_user_id": "ann", "llm.user": "ann",
		}
		for k, v := range more {
			attrs[k] = v
		}
		return attrs
	}
	const object = `{'completion_tokens': 222, 'prompt_tokens': 5000, 'completion_tokens_details': {'reasoning_tokens': 12, 'text_tokens': None}, ` +
		`'prompt_tokens_details': {'cached_tokens': 3000, 'cache_creation_tokens': 450}, 'speed': None}`
	readCases(t, []readCase{
		{
			name: "the text of a dict", scope: "litellm", span: "litellm_request", family: "litellm", attrs: call(object, nil),
			want: tok{5000, 222, 3000, 450, 12},
			check: func(t *testing.T, c *usage.Call) {
				require.Equal(t, "anthropic", c.Provider, "of the deployment")
				require.Equal(t, "chat", c.Operation)
				require.Equal(t, "ann", c.User)
			},
		},
		{
			name: "hostile figures in it", scope: "litellm", span: "litellm_request", quality: usage.Inconsistent,
			attrs: call(`{'prompt_tokens_details': {'cached_tokens': -5, 'cache_creation_tokens': 99999999999999999999}}`, nil),
			want:  tok{5000, 222, none, none, none},
		},
		{
			name: "no end to it", scope: "litellm", span: "litellm_request", attrs: call(strings.Repeat("{'a': ", 100_000), nil),
			want: tok{5000, 222, none, none, none},
		},
		{
			name: "a stream that was cut has an estimate only", scope: "litellm", span: "litellm_request",
			attrs: call(`{'prompt_tokens': 32, 'completion_tokens': 5}`, map[string]any{
				"gen_ai.usage.input_tokens": "", "gen_ai.usage.output_tokens": "", "error.type": "APIConnectionError",
			}),
			want: tok{none, none, none, none, none},
		},
		{
			name: "the estimate of version 2 is marked", scope: "litellm", span: "chat m", quality: usage.Estimated, attrs: map[string]any{
				"gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai", "gen_ai.usage.input_tokens": "32", "gen_ai.usage.output_tokens": "5",
				"error.type": "APIConnectionError", "litellm.metadata.user_api_key_end_user_id": "bob",
			}, want: tok{32, 5, none, none, none},
			check: func(t *testing.T, c *usage.Call) { require.Equal(t, "bob", c.User) },
		},
		{
			name: "a request that the proxy refused", scope: "fastapi", span: "fastapi.dependencies", notCall: true, attrs: map[string]any{
				"gen_ai.operation.name": "acompletion", "gen_ai.system": "openai", "gen_ai.request.model": "m",
				"error.type": "litellm.proxy._types.ProxyException", "litellm.call_id": "c",
			},
		},
	})
}

func TestThoughtsInTheTotal(t *testing.T) {
	call := func(system, model string, input, output, total int) map[string]any {
		return map[string]any{
			"gen_ai.operation.name": "chat", "gen_ai.system": system, "gen_ai.request.model": model, "gen_ai.usage.input_tokens": input,
			"gen_ai.usage.output_tokens": output, "gen_ai.usage.total_tokens": total,
		}
	}
	const scope = "opentelemetry.instrumentation.google_generativeai"
	readCases(t, []readCase{
		{name: "gemini", scope: scope, span: "generate_content", attrs: call("gcp.gen_ai", "gemini-2.5-flash", 2500, 180, 2800), want: tok{2500, 300, none, none, 120}},
		{name: "vertex", scope: scope, span: "generate_content", attrs: call("vertexai", "gemini-2.5-pro", 2500, 180, 2800), want: tok{2500, 300, none, none, 120}},
		{name: "a framework as the provider", scope: "x", span: "chat", attrs: call("strands-agents", "gemini-2.5-pro", 2500, 180, 2800), want: tok{2500, 300, none, none, 120}},
		{name: "the service as the provider", scope: "x", span: "chat", resource: map[string]any{"service.name": "My-Shop"},
			attrs: call("my-shop", "gemini-2.5-pro", 2500, 180, 2800), want: tok{2500, 300, none, none, 120},
			check: func(t *testing.T, c *usage.Call) { require.Equal(t, "gcp.gemini", c.Provider) }},
		{name: "nothing is left", scope: scope, span: "generate_content", attrs: call("gcp.gen_ai", "gemini-2.5-flash", 2500, 300, 2800), want: tok{2500, 300, none, none, none}},
		{name: "another provider's total says nothing", scope: "x", span: "chat", attrs: call("aws.bedrock", "anthropic.claude", 1550, 222, 5222), want: tok{1550, 222, none, none, none}},
		{name: "a hostile total", scope: scope, span: "generate_content", attrs: call("gcp.gen_ai", "gemini", 5, 5, int(usage.MaxTokens)+1), want: tok{5, 5, none, none, none}},
		{name: "claude with a host", scope: "agent_framework", span: "chat", attrs: map[string]any{
			"gen_ai.operation.name": "chat", "gen_ai.provider.name": "azure_ai", "gen_ai.request.model": "claude-sonnet-4-5", "gen_ai.usage.input_tokens": 530,
			"gen_ai.usage.output_tokens": 85, "gen_ai.usage.cache_read.input_tokens": 256, "gen_ai.usage.cache_creation.input_tokens": 64,
		}, want: tok{850, 85, 256, 64, none}},
		{name: "claude behind a framework's name", scope: "org.springframework.boot", span: "chat", attrs: map[string]any{
			"gen_ai.operation.name": "chat", "gen_ai.system": "spring_ai", "gen_ai.request.model": "claude-sonnet-4-5", "gen_ai.usage.input_tokens": "530",
			"gen_ai.usage.output_tokens": "85", "gen_ai.usage.cache_read.input_tokens": "256", "gen_ai.usage.cache_creation.input_tokens": "64",
		}, want: tok{850, 85, 256, 64, none}},
	})
}

func TestStreamsAndRuns(t *testing.T) {
	readCases(t, []readCase{
		{name: "Logfire, the request of a stream", scope: "logfire.openai", span: "Chat Completion with {request_data[model]!r}", notCall: true, attrs: map[string]any{
			"gen_ai.operation.name": "chat", "gen_ai.system": "openai", "gen_ai.request.model": "m", "gen_ai.response.model": "m", "logfire.span_type": "span",
		}},
		{name: "Logfire, a stream without usage", scope: "logfire.openai", span: "streaming response", attrs: map[string]any{
			"gen_ai.operation.name": "chat", "gen_ai.system": "openai", "gen_ai.request.model": "m", "logfire.span_type": "log",
		}, want: tok{none, none, none, none, none}},
		{name: "Logfire 4, parts in the provider's own usage", scope: "logfire.anthropic", span: "streaming response", attrs: map[string]any{
			"gen_ai.operation.name": "chat", "gen_ai.system": "anthropic", "gen_ai.request.model": "m", "logfire.span_type": "log",
			"gen_ai.usage.input_tokens": 1008, "gen_ai.usage.output_tokens": 108,
			"gen_ai.usage.raw": `{"cache_creation_input_tokens":64,"cache_read_input_tokens":600,"input_tokens":344,"output_tokens":108}`,
		}, want: tok{1008, 108, 600, 64, none}},
		{name: "Logfire, a failure", scope: "logfire.openai", span: "Chat Completion", attrs: map[string]any{
			"gen_ai.operation.name": "chat", "gen_ai.system": "openai", "gen_ai.request.model": "m", "error.type": "RateLimitError",
		}, want: tok{none, none, none, none, none}},
		{name: "VoltAgent, a run", scope: "@voltagent/core", span: "chat", family: "voltagent", quality: usage.SeveralCalls, attrs: map[string]any{
			"ai.model.name": "gpt-4o-mini", "usage.prompt_tokens": 2700, "usage.completion_tokens": 261, "usage.total_tokens": 2961,
			"usage.cached_tokens": 768, "usage.reasoning_tokens": 24,
		}, want: tok{2700, 261, 768, none, 24}, check: func(t *testing.T, c *usage.Call) { require.Equal(t, "openai", c.Provider) }},
		{name: "VoltAgent, its last step", scope: "@voltagent/core", span: "llm:generateText", notCall: true, attrs: map[string]any{
			"span.type": "llm", "llm.model": "gpt-4o-mini", "llm.usage.prompt_tokens": 1000, "llm.usage.completion_tokens": 94,
		}},
		{name: "rig, a run", scope: "app", span: "invoke_agent", notCall: true, attrs: map[string]any{
			"target": "rig::agent::prompt_request", "gen_ai.operation.name": "invoke_agent", "gen_ai.usage.input_tokens": 2700, "gen_ai.usage.output_tokens": 261,
		}},
		{name: "rig, a call without a provider", scope: "app", span: "chat", family: "rig", attrs: map[string]any{
			"target": "rig::agent_chat", "gen_ai.operation.name": "chat", "gen_ai.response.id": "msg_01", "gen_ai.usage.input_tokens": 498, "gen_ai.usage.output_tokens": 82,
			"gen_ai.usage.cache_read.input_tokens": 258, "gen_ai.usage.cache_creation.input_tokens": 64,
		}, want: tok{820, 82, 258, 64, none}, check: func(t *testing.T, c *usage.Call) { require.Equal(t, "anthropic", c.Provider) }},
		{name: "Strands from 1.54", scope: "strands.telemetry.tracer", span: "chat", attrs: map[string]any{
			"gen_ai.operation.name": "chat", "gen_ai.system": "strands-agents", "gen_ai.request.model": "claude-sonnet-4-5", "gen_ai.usage.input_tokens": 5000,
			"gen_ai.usage.output_tokens": 222, "gen_ai.usage.cache_read.input_tokens": 3000, "gen_ai.usage.cache_read_input_tokens": 3000,
			"gen_ai.usage.cache_creation.input_tokens": 450, "gen_ai.usage.cache_write_input_tokens": 450,
		}, want: tok{5000, 222, 3000, 450, none}},
		{name: "Strands up to 1.53", scope: "strands.telemetry.tracer", span: "chat", attrs: map[string]any{
			"gen_ai.operation.name": "chat", "gen_ai.system": "strands-agents", "gen_ai.request.model": "claude-sonnet-4-5", "gen_ai.usage.input_tokens": 1550,
			"gen_ai.usage.output_tokens": 222, "gen_ai.usage.cache_read_input_tokens": 3000, "gen_ai.usage.cache_write_input_tokens": 450,
		}, want: tok{5000, 222, 3000, 450, none}},
		{name: "figures that are all 0", scope: "org.springframework.boot", span: "chat m", attrs: map[string]any{
			"gen_ai.operation.name": "chat", "gen_ai.system": "openai", "gen_ai.usage.input_tokens": "0", "gen_ai.usage.output_tokens": "0", "gen_ai.usage.total_tokens": "0",
		}, want: tok{none, none, none, none, none}},
		{name: "Anthropic without the cache", scope: "org.springframework.boot", span: "chat m", quality: usage.CacheMissing, attrs: map[string]any{
			"gen_ai.operation.name": "chat", "gen_ai.system": "anthropic", "gen_ai.usage.input_tokens": "1550", "gen_ai.usage.output_tokens": "222",
		}, want: tok{1550, 222, none, none, none}},
		{name: "LlamaIndex makes a request ready", scope: "openinference.instrumentation.llama_index", span: "OpenAI._prepare_chat_with_tools", notCall: true,
			attrs: map[string]any{"openinference.span.kind": "LLM", "llm.model_name": "m"}},
	})
}

// TestRunningSumFlag: version 1 of Spring AI is known by that of Spring Boot, and a loop by its tools.
func TestRunningSumFlag(t *testing.T) {
	for version, want := range map[string]usage.Quality{"3.5.7": usage.RunningSum, "4.0.7": 0, "": 0} {
		res, scope, s := spanOf("org.springframework.boot", "chat m", map[string]any{
			"gen_ai.operation.name": "chat", "gen_ai.system": "openai", "gen_ai.usage.input_tokens": "800", "gen_ai.usage.output_tokens": "80",
			"spring.ai.model.request.tool.names": `["get_weather"]`,
		})
		scope.SetVersion(version)
		c, _ := New(Options{}).Span(res, scope, s)
		require.Equal(t, want, c.Quality, version)
	}
}

// TestProviderOfModel: what the names of models imply.
func TestProviderOfModel(t *testing.T) {
	for model, want := range map[string]string{
		"openai/gpt-4.1": "openai", "anthropic/claude-haiku-4-5": "anthropic", "bedrock/us.anthropic.claude-sonnet-4": "aws.bedrock",
		"us.anthropic.claude-sonnet-4-20250514-v1:0": "aws.bedrock", "claude-sonnet-4-5@20250929": "anthropic", "gpt-4o-mini": "openai", "o3-mini": "openai",
		"gemini-2.5-flash": "gcp.gemini", "models/gemini-2.5-flash": "gcp.gemini", "vertex_ai/gemini-2.5-pro": "gcp.vertex_ai", "azure/gpt-4o": "azure.ai.openai",
		"text-embedding-3-small": "openai", "mistral-large": "mistral_ai", "grok-4": "x_ai", "deepseek-chat": "deepseek", "my-model": "", "": "", "///": "",
		"hosted/my-model": "", strings.Repeat("a/", 1000): "",
	} {
		require.Equal(t, want, providers.OfModel(model), model)
	}
}

// TestLastOfOneName: a value that is recorded again stands behind the first, and what is written stands alone.
func TestLastOfOneName(t *testing.T) {
	td, err := (&ptrace.JSONUnmarshaler{}).UnmarshalTraces([]byte(`{"resourceSpans":[{"scopeSpans":[{"scope":{"name":"app"},"spans":[{
		"traceId":"01000000000000000000000000000000","spanId":"0100000000000000","name":"chat","attributes":[
		{"key":"gen_ai.operation.name","value":{"stringValue":"chat"}},{"key":"gen_ai.usage.input_tokens","value":{"intValue":"5"}},
		{"key":"gen_ai.response.model","value":{"stringValue":"m"}},{"key":"gen_ai.response.model","value":{"stringValue":"m-2025-04-14"}}]}]}]}]}`))
	require.NoError(t, err)
	rs := td.ResourceSpans().At(0)
	ss := rs.ScopeSpans().At(0)
	attrs := ss.Spans().At(0).Attributes()
	d := New(Options{})
	c, family := d.Span(rs.Resource(), ss.Scope(), ss.Spans().At(0))
	require.Equal(t, "m-2025-04-14", c.Model)
	WriteCanonical(&c, family, attrs)
	models := 0
	for name := range attrs.All() {
		if name == "gen_ai.response.model" {
			models++
		}
	}
	require.Equal(t, 1, models)
	first, _ := attrs.Get("gen_ai.response.model")
	require.Equal(t, "m-2025-04-14", first.Str())
	again, _ := d.Span(rs.Resource(), ss.Scope(), ss.Spans().At(0))
	require.Equal(t, c, again)
}
