package tables

import "github.com/tokenboard/tokenboard/internal/usage/figures"

// openInference is Arize's OpenInference, also sent by gateways that follow it (Envoy AI Gateway).
// https://github.com/Arize-ai/openinference/blob/main/spec/semantic_conventions.md
var openInference = Family{
	Name:   "openinference",
	Input:  []string{"llm.token_count.prompt"},
	Output: []string{"llm.token_count.completion"},
	Total:  []string{"llm.token_count.total"},
	CacheRead: []string{
		"llm.token_count.prompt_details.cache_read", "llm.token_count.prompt_details.cache_input",
	},
	CacheWrite: []string{
		"llm.token_count.prompt_details.cache_write", "llm.token_count.prompt_details.cache_creation",
	},
	Reasoning: []string{"llm.token_count.completion_details.reasoning"},
}

// openInferenceBedrock returns Bedrock's own input figure.
var openInferenceBedrock = Family{
	Name:   "openinference",
	Scopes: []string{"openinference.instrumentation.bedrock", "@arizeai/openinference-instrumentation-bedrock"},
	Adds:   &openInference,
	Cache:  []PartRule{{Is: figures.Excluded}},
}

// openInferenceAgentSDK returns what the Claude Agent SDK reports of a whole run.
var openInferenceAgentSDK = Family{
	Name: "openinference",
	Scopes: []string{
		"openinference.instrumentation.claude_agent_sdk", "@arizeai/openinference-instrumentation-claude-agent-sdk",
	},
	Adds:  &openInference,
	Cache: []PartRule{{Is: figures.Excluded}},
	Runs:  true,
}

// openInferenceLangChain reads figures of LangChain's usage metadata that the instrumentation does not report. Only
// LangChain's metadata name the provider.
var openInferenceLangChain = Family{
	Name:   "openinference",
	Scopes: []string{"openinference.instrumentation.langchain", "@arizeai/openinference-instrumentation-langchain"},
	Adds:   &openInference,
	CacheWrite: []string{ // which it has and does not report
		"output.value#generations.0.0.message.kwargs.usage_metadata.input_token_details.cache_creation",
		"output.value#llmOutput.usage.cache_creation_input_tokens",
	},
	CacheWrite1h: []string{"output.value#llmOutput.usage.cache_creation.ephemeral_1h_input_tokens"},
	Cache:        []PartRule{{Is: figures.ByTotal}},
	Attributes: map[Attribute][]string{Tier: {
		"output.value#llm_output.service_tier", "output.value#llmOutput.service_tier", "output.value#llmOutput.usage.service_tier",
		"output.value#generations.0.0.message.kwargs.response_metadata.usage.service_tier",
	}},
}

// answers reads the provider's own answer, which some instrumentations keep on the span of a model call
// and of which they report only a part: Bedrock's cache, or what a stream's last message said.
var answers = Family{
	Name:      "openinference",
	CallsOnly: true,
	Marks:     []string{"openinference.span.kind"},
	Input: []string{
		"output.value#usage.inputTokens", "output.value#usage.prompt_tokens", "output.value#usage.input_tokens",
		"output.value#usageMetadata.promptTokenCount", "output.value#meta.usage.prompt_tokens", // Haystack's embedders
	},
	Output: []string{
		"output.value#usage.outputTokens", "output.value#usage.completion_tokens", "output.value#usage.output_tokens",
		"output.value#usageMetadata.candidatesTokenCount",
	},
	Total: []string{
		"output.value#usage.totalTokens", "output.value#usage.total_tokens", "output.value#usageMetadata.totalTokenCount",
		"output.value#meta.usage.total_tokens",
	},
	CacheRead: []string{
		"output.value#usage.cacheReadInputTokens", "output.value#usage.prompt_tokens_details.cached_tokens",
		"output.value#usage.input_tokens_details.cached_tokens", "output.value#usage.cache_read_input_tokens",
		"output.value#usageMetadata.cachedContentTokenCount",
	},
	CacheWrite:   []string{"output.value#usage.cacheWriteInputTokens", "output.value#usage.cache_creation_input_tokens"},
	CacheWrite5m: []string{"output.value#usage.cache_creation.ephemeral_5m_input_tokens"},
	CacheWrite1h: []string{"output.value#usage.cache_creation.ephemeral_1h_input_tokens"},
	Reasoning: []string{
		"output.value#usage.completion_tokens_details.reasoning_tokens", "output.value#usage.output_tokens_details.reasoning_tokens",
		"output.value#usage.output_tokens_details.thinking_tokens",
		"output.value#usageMetadata.thoughtsTokenCount",
	},
	ExtraInput: []string{"output.value#usageMetadata.toolUsePromptTokenCount"},
	Cache: []PartRule{ // by the shape, which is the provider's
		{Member: "output.value#usage.cache_read_input_tokens", Is: figures.Excluded}, {Member: "output.value#usage.cacheReadInputTokens", Is: figures.Excluded},
		{Is: figures.Included},
	},
	Reasons: []PartRule{{Member: "output.value#usageMetadata.thoughtsTokenCount", Is: figures.Excluded}, {Is: figures.Included}},
}
