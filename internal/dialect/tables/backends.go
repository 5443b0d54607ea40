package tables

// SDKs of backends that keep figures under names of their own.

// braintrust is the OpenTelemetry form of Braintrust's SDKs. https://www.braintrust.dev/docs/integrations/sdk-integrations/opentelemetry
var braintrust = Family{
	Name:       "braintrust",
	Input:      []string{"braintrust.metrics#prompt_tokens", "braintrust.metrics.prompt_tokens"},
	Output:     []string{"braintrust.metrics#completion_tokens", "braintrust.metrics.completion_tokens"},
	Total:      []string{"braintrust.metrics#tokens", "braintrust.metrics#total_tokens", "braintrust.metrics.tokens", "braintrust.metrics.total_tokens"},
	CacheRead:  []string{"braintrust.metrics#prompt_cached_tokens", "braintrust.metrics.prompt_cached_tokens"},
	CacheWrite: []string{"braintrust.metrics#prompt_cache_creation_tokens", "braintrust.metrics.prompt_cache_creation_tokens"},
	Reasoning:  []string{"braintrust.metrics#completion_reasoning_tokens", "braintrust.metrics.completion_reasoning_tokens"},
	Attributes: map[Attribute][]string{
		Model: {"braintrust.metadata#model"}, Provider: {"braintrust.metadata#provider"}, ResponseID: {"braintrust.metadata#id"},
		TTFT: {"braintrust.metrics#time_to_first_token", "braintrust.metrics.time_to_first_token"},
	},
}

// langWatch is the LangWatch SDKs. https://langwatch.ai/docs/integration/opentelemetry/guide
var langWatch = Family{
	Name: "langwatch",
	Input: []string{
		"langwatch.metrics#value.promptTokens", "langwatch.metrics#value.prompt_tokens", "langwatch.metrics#promptTokens", "langwatch.metrics#prompt_tokens",
	},
	Output: []string{
		"langwatch.metrics#value.completionTokens", "langwatch.metrics#value.completion_tokens", "langwatch.metrics#completionTokens", "langwatch.metrics#completion_tokens",
	},
	CacheRead: []string{"langwatch.metrics#value.cacheReadInputTokens", "langwatch.metrics#value.cache_read_input_tokens", "langwatch.metrics#cache_read_input_tokens"},
	CacheWrite: []string{
		"langwatch.metrics#value.cacheCreationInputTokens", "langwatch.metrics#value.cache_creation_input_tokens", "langwatch.metrics#cache_creation_input_tokens",
	},
	Reasoning: []string{"langwatch.metrics#value.reasoningTokens", "langwatch.metrics#value.reasoning_tokens", "langwatch.metrics#reasoning_tokens"},
	Attributes: map[Attribute][]string{
		Cost: {"langwatch.metrics#value.cost", "langwatch.metrics#cost"}, User: {"langwatch.user.id"},
		Session: {"langwatch.thread.id"},
	},
}

// langtrace is Langtrace's SDKs before they took to the conventions. https://docs.langtrace.ai/
var langtrace = Family{
	Name:       "langtrace",
	Input:      []string{"llm.token.counts#input_tokens", "llm.token.counts#prompt_tokens"},
	Output:     []string{"llm.token.counts#output_tokens", "llm.token.counts#completion_tokens"},
	Total:      []string{"llm.token.counts#total_tokens"},
	Attributes: map[Attribute][]string{Model: {"llm.model"}, Provider: {"langtrace.service.name"}},
}
