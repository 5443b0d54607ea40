package tables

import "github.com/tokenboard/tokenboard/internal/usage/figures"

// vercelAI is the Vercel AI SDK, versions 4 to 6; version 7 sends the GenAI conventions. Version 6
// is known by its input details: from there on the input includes the cache of every provider.
// https://ai-sdk.dev/docs/ai-sdk-core/telemetry
var vercelAI = Family{
	Name:   "vercel-ai",
	Input:  []string{"ai.usage.inputTokens", "ai.usage.promptTokens", "ai.usage.tokens"},
	Output: []string{"ai.usage.outputTokens", "ai.usage.completionTokens"},
	Total:  []string{"ai.usage.totalTokens"},
	CacheRead: []string{
		"ai.usage.inputTokenDetails.cacheReadTokens", "ai.usage.cachedInputTokens",
		"ai.response.providerMetadata#anthropic.usage.cache_read_input_tokens",
		"ai.response.providerMetadata#bedrock.usage.cacheReadInputTokens",
		"ai.response.providerMetadata#anthropic.cacheReadInputTokens",
		"ai.response.providerMetadata#openai.cachedPromptTokens",
		"ai.response.providerMetadata#google.usageMetadata.cachedContentTokenCount",
		"ai.response.providerMetadata#vertex.usageMetadata.cachedContentTokenCount",
	},
	CacheWrite: []string{
		"ai.usage.inputTokenDetails.cacheWriteTokens",
		"ai.response.providerMetadata#anthropic.usage.cache_creation_input_tokens",
		"ai.response.providerMetadata#anthropic.cacheCreationInputTokens",
		"ai.response.providerMetadata#bedrock.usage.cacheWriteInputTokens",
	},
	CacheWrite5m: []string{"ai.response.providerMetadata#anthropic.usage.cache_creation.ephemeral_5m_input_tokens"},
	CacheWrite1h: []string{"ai.response.providerMetadata#anthropic.usage.cache_creation.ephemeral_1h_input_tokens"},
	Reasoning: []string{
		"ai.usage.outputTokenDetails.reasoningTokens", "ai.usage.reasoningTokens",
		"ai.response.providerMetadata#openai.reasoningTokens",
		"ai.response.providerMetadata#google.usageMetadata.thoughtsTokenCount",
		"ai.response.providerMetadata#vertex.usageMetadata.thoughtsTokenCount",
	},
	Cache: []PartRule{
		{Present: "ai.usage.inputTokenDetails.", Is: figures.Included},
		{Provider: "anthropic", Is: figures.Excluded},
		{Provider: "aws.bedrock", Is: figures.Excluded},
		{Is: figures.Included},
	},
	Reasons: []PartRule{
		{Present: "ai.usage.outputTokenDetails.", Is: figures.Included},
		{Provider: "gcp.gemini", Is: figures.Excluded},
		{Provider: "gcp.vertex_ai", Is: figures.Excluded},
	},
	Attributes: map[Attribute][]string{
		Tier: {
			"ai.response.providerMetadata#openai.serviceTier", "ai.response.providerMetadata#azure.serviceTier",
			"ai.response.providerMetadata#anthropic.usage.service_tier", "ai.response.providerMetadata#google.serviceTier",
			"ai.response.providerMetadata#vertex.serviceTier", "ai.response.providerMetadata#google.usageMetadata.trafficType",
			"ai.response.providerMetadata#vertex.usageMetadata.trafficType",
		},
	},
}
