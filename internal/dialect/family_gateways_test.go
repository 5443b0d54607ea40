package dialect

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/usage"
)

func TestLiteLLMFamily(t *testing.T) {
	readCases(t, []readCase{
		{
			name: "v1", scope: "litellm", span: "litellm_request", family: "litellm",
			attrs: map[string]any{
				"llm.request.type": "acompletion", "gen_ai.request.model": "gpt-4o", "gen_ai.response.model": "azure/gpt-4o", "gen_ai.system": "azure",
				"llm.is_streaming": "False", "gen_ai.usage.prompt_tokens": 36, "gen_ai.usage.completion_tokens": 48, "llm.usage.total_tokens": 84,
				"gen_ai.cost.total_cost": 0.0012, "metadata.user_api_key_hash": "88dc28d0f030c55ed4ab77ed8faf098196cb1c05df778539800c9f1243fe6b4b",
				"metadata.user_api_key_alias": "ci", "metadata.user_api_key_team_alias": "search", "metadata.user_api_key_end_user_id": "eve",
				"metadata.user_api_key_user_id": "bob", "gen_ai.response.id": "chatcmpl-1",
			},
			want: tok{36, 48, none, none, none},
			check: func(t *testing.T, c *usage.Call) {
				require.Equal(t, "azure.ai.openai", c.Provider)
				require.Equal(t, "chat", c.Operation)
				require.Equal(t, usage.No, c.Stream)
				require.Equal(t, "eve", c.User, "who called, before whose key it was")
				require.Equal(t, "search", c.Project)
				require.Equal(t, "88dc28d0f030c55ed4ab77ed8faf098196cb1c05df778539800c9f1243fe6b4b", c.KeyFingerprint)
				require.Equal(t, "ci", c.KeyDisplay)
				require.Equal(t, "0.0012", c.ReportedCost.String())
			},
		},
		{
			name: "v1, merged onto the caller's span", scope: "opentelemetry.instrumentation.fastapi", span: "POST /chat", family: "litellm",
			attrs: map[string]any{
				"gen_ai.request.model": "claude", "gen_ai.system": "anthropic", "gen_ai.usage.input_tokens": 20291, "gen_ai.usage.output_tokens": 83,
				"gen_ai.usage.total_tokens": 20374, "gen_ai.cost.total_cost": 0.077, "http.request.method": "POST", "http.route": "/chat",
			},
			want:  tok{20291, 83, none, none, none},
			check: func(t *testing.T, c *usage.Call) { require.Equal(t, "/chat", c.Path) },
		},
		{
			name: "v1, the raw request repeats it", scope: "litellm", span: "raw_gen_ai_request",
			attrs: map[string]any{"llm.anthropic.usage": "{'input_tokens': 10, 'output_tokens': 83}", "gen_ai.usage.input_tokens": 10}, notCall: true,
		},
		{
			name: "v2", scope: "litellm", span: "chat claude-sonnet",
			attrs: chat("aws.bedrock", "claude-sonnet", map[string]any{
				"gen_ai.usage.input_tokens": 1500, "gen_ai.usage.output_tokens": 100, "gen_ai.usage.cache_read.input_tokens": 1200,
				"gen_ai.usage.cache_creation.input_tokens": 200, "litellm.call_id": "c1", "litellm.team.alias": "search", "litellm.team.id": "t1",
				"litellm.end_user.id": "eve", "litellm.api_key.hash": "abc", "litellm.cost.total": 0.004, "litellm.request.streaming": true,
				"gen_ai.conversation.id": "s1", "gen_ai.response.time_to_first_chunk": 0.5,
			}),
			want: tok{1500, 100, 1200, 200, none},
			check: func(t *testing.T, c *usage.Call) {
				require.Equal(t, "c1", c.RequestID)
				require.Equal(t, "search", c.Project)
				require.Equal(t, "eve", c.User)
				require.Equal(t, "s1", c.Session)
				require.Equal(t, usage.Fingerprint("abc"), c.KeyFingerprint, "a hash that is none is hashed")
				require.Equal(t, "0.004", c.ReportedCost.String())
			},
		},
		{
			name: "v2, a guardrail", scope: "litellm", span: "guardrail pii",
			attrs: map[string]any{"litellm.guardrail.name": "pii", "litellm.cost.guardrail": 0.0005}, notCall: true,
		},
	})
}

func TestGatewayFamilies(t *testing.T) {
	readCases(t, []readCase{
		{
			name: "openrouter", scope: "openrouter", span: "chat openai/gpt-4o", family: "openrouter",
			attrs: chat("OpenAI", "openai/gpt-4o", map[string]any{
				"gen_ai.usage.input_tokens": 150, "gen_ai.usage.output_tokens": 50, "gen_ai.usage.input_tokens.cached": 10,
				"gen_ai.usage.output_tokens.reasoning": 5, "gen_ai.usage.total_cost": 0.0035, "gen_ai.usage.input_cost": 0.002,
				"trace.metadata.openrouter.api_key_name": "prod", "session.id": "s1", "user.id": "u1",
			}),
			want: tok{150, 50, 10, none, 5},
			check: func(t *testing.T, c *usage.Call) {
				require.Equal(t, "prod", c.KeyDisplay)
				require.Equal(t, usage.Fingerprint("name:prod"), c.KeyFingerprint)
				require.Equal(t, "0.0035", c.ReportedCost.String())
			},
		},
		{
			name: "bifrost, an attempt", scope: "bifrost", span: "llm.call", family: "bifrost",
			attrs: map[string]any{
				"gen_ai.provider.name": "openai", "gen_ai.request.model": "gpt-4o", "gen_ai.usage.prompt_tokens": 45, "gen_ai.usage.completion_tokens": 128,
				"gen_ai.usage.input_tokens": 45, "gen_ai.usage.output_tokens": 128, "gen_ai.usage.prompt_token_details.cached_tokens": 32,
				"gen_ai.usage.reasoning.output_tokens": 8, "gen_ai.usage.cost": 4.4e-06, "gen_ai.virtual_key_name": "team-a", "gen_ai.virtual_key_id": "vk1",
			},
			want:  tok{45, 128, 32, none, 8},
			check: func(t *testing.T, c *usage.Call) { require.Equal(t, "team-a", c.KeyDisplay) },
		},
		{
			name: "bifrost, a plugin that has the trace's attributes too", scope: "bifrost", span: "plugin.governance.posthook",
			attrs: map[string]any{"gen_ai.usage.input_tokens": 45, "gen_ai.usage.output_tokens": 128}, notCall: true,
		},
		{
			name: "cloudflare, and the customer's metadata", scope: "cloudflare-ai-gateway", span: "ai-gateway", family: "cloudflare-ai-gateway",
			attrs: map[string]any{
				"gen_ai.request.model": "gpt-4o", "gen_ai.model.provider": "openai", "gen_ai.usage.input_tokens": 51, "gen_ai.usage.output_tokens": 9,
				"gen_ai.usage.cost": 0.00022, "team": "blue", "user": "eve",
			},
			want: tok{51, 9, none, none, none},
			check: func(t *testing.T, c *usage.Call) {
				require.Equal(t, "blue", c.Project)
				require.Equal(t, "eve", c.User)
				require.Equal(t, "openai", c.Provider)
			},
		},
		{
			name: "kong", scope: "kong-internal", span: "kong.gen_ai", family: "kong",
			attrs: chat("openai", "gpt-4o", map[string]any{"gen_ai.usage.input_tokens": 51, "gen_ai.usage.output_tokens": 9, "kong.auth.consumer.name": "eve"}),
			want:  tok{51, 9, none, none, none},
			check: func(t *testing.T, c *usage.Call) { require.Equal(t, "eve", c.User) },
		},
		{
			name: "kong that answers from its cache spends nothing", scope: "kong-internal", span: "kong.gen_ai",
			attrs:   chat("openai", "gpt-4o", map[string]any{"gen_ai.usage.input_tokens": 51, "gen_ai.usage.output_tokens": 9, "kong.gen_ai.cache.status": "Hit"}),
			notCall: true,
		},
		{
			name: "higress: texts on envoy's span", scope: "envoy", span: "ingress", family: "higress",
			attrs: map[string]any{
				"gen_ai.span.kind": "LLM", "gen_ai.request.model": "qwen-max", "gen_ai.model_name": "UNKNOWN", "gen_ai.usage.input_tokens": "17",
				"gen_ai.usage.output_tokens": "210", "gen_ai.usage.total_tokens": "227", "x-mse-consumer": "eve",
			},
			want: tok{17, 210, none, none, none},
			check: func(t *testing.T, c *usage.Call) {
				require.Equal(t, "qwen-max", c.Model, "UNKNOWN is no name")
				require.Equal(t, "eve", c.User)
			},
		},
		{
			name: "envoy, the conventions", scope: "envoyproxy/ai-gateway", span: "chat claude",
			attrs: chat("aws.anthropic", "claude", map[string]any{
				"gen_ai.usage.input_tokens": 1015, "gen_ai.usage.output_tokens": 25, "gen_ai.usage.cache_read.input_tokens": 800,
				"gen_ai.usage.cache_creation.input_tokens": 200,
			}),
			want: tok{1015, 25, 800, 200, none},
			check: func(t *testing.T, c *usage.Call) {
				require.Equal(t, "aws.bedrock", c.Provider, "who hosts it, bills it")
			},
		},
		{
			name: "portkey", scope: "portkey", span: "chat", attrs: chat("openai", "gpt-4o", map[string]any{"gen_ai.usage.input_tokens": 51, "gen_ai.usage.output_tokens": 9}),
			want: tok{51, 9, none, none, none},
		},
	})
}
