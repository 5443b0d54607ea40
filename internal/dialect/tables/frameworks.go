package tables

import (
	"time"

	"github.com/tokenboard/tokenboard/internal/usage/figures"
)

// Frameworks and agents that send the conventions' names.

// mastra reports each step as a call below a model_generation without figures.
// https://mastra.ai/docs/observability/tracing/exporters/otel
var mastra = Family{
	Name:   "mastra",
	Scopes: []string{"@mastra/"},
	Marks:  []string{"mastra.span.type"},
	Adds:   &genAI,
	Cache:  []PartRule{{Is: figures.Included}},
	Attributes: map[Attribute][]string{
		User: {"mastra.metadata.userId"}, Session: {"mastra.metadata.sessionId", "mastra.metadata.threadId"},
	},
}

// openCode is the OpenTelemetry plugin of OpenCode; without it OpenCode sends what the Vercel AI SDK does.
var openCode = Family{
	Name:       "opencode",
	Scopes:     []string{"opencode"},
	Adds:       &genAI,
	Cache:      []PartRule{{Is: figures.Included}},
	Attributes: map[Attribute][]string{Cost: {"opencode.llm.cost.total"}},
}

// dify is Dify's own tracing. Its providers are paths of plugins, its first-token time nanoseconds.
// https://docs.dify.ai/en/guides/monitoring/integrate-external-ops-tools
var dify = Family{
	Name:  "dify",
	Marks: []string{"gen_ai.framework=dify"},
	Adds:  &genAI,
	Units: map[string]time.Duration{"gen_ai.user.time_to_first_token": time.Nanosecond},
}

// haystack keeps all figures in the output of a component, and only where it may report contents
// (HAYSTACK_CONTENT_TRACING_ENABLED). A pipeline's output repeats them and is not read.
// https://docs.haystack.deepset.ai/docs/tracing
var haystack = Family{
	Name: "haystack",
	Input: []string{
		"haystack.component.output#replies.0.meta.usage.prompt_tokens", "haystack.component.output#replies.0._meta.usage.prompt_tokens",
		"haystack.component.output#replies.0.meta.usage.input_tokens", "haystack.component.output#replies.0._meta.usage.input_tokens",
		"haystack.component.output#meta.0.usage.prompt_tokens", "haystack.component.output#meta.usage.prompt_tokens",
	},
	Output: []string{
		"haystack.component.output#replies.0.meta.usage.completion_tokens", "haystack.component.output#replies.0._meta.usage.completion_tokens",
		"haystack.component.output#replies.0.meta.usage.output_tokens", "haystack.component.output#replies.0._meta.usage.output_tokens",
		"haystack.component.output#meta.0.usage.completion_tokens", "haystack.component.output#meta.usage.completion_tokens",
	},
	Total: []string{
		"haystack.component.output#replies.0.meta.usage.total_tokens", "haystack.component.output#replies.0._meta.usage.total_tokens",
	},
	CacheRead: []string{
		"haystack.component.output#replies.0.meta.usage.prompt_tokens_details.cached_tokens",
		"haystack.component.output#replies.0._meta.usage.prompt_tokens_details.cached_tokens",
		"haystack.component.output#replies.0.meta.usage.cache_read_input_tokens",
		"haystack.component.output#replies.0._meta.usage.cache_read_input_tokens",
	},
	CacheWrite: []string{
		"haystack.component.output#replies.0.meta.usage.cache_creation_input_tokens",
		"haystack.component.output#replies.0._meta.usage.cache_creation_input_tokens",
	},
	Reasoning: []string{
		"haystack.component.output#replies.0.meta.usage.completion_tokens_details.reasoning_tokens",
		"haystack.component.output#replies.0._meta.usage.completion_tokens_details.reasoning_tokens",
	},
	Cache: []PartRule{ // Anthropic's generator keeps the API's own names: its input excludes the cache
		{Present: "haystack.component.", Model: "claude", Is: figures.Excluded},
	},
	Attributes: map[Attribute][]string{
		Model: {
			"haystack.component.output#replies.0.meta.model", "haystack.component.output#replies.0._meta.model",
			"haystack.component.output#meta.0.model", "haystack.component.output#meta.model",
		},
	},
	Operation: "chat",
}
