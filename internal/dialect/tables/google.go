package tables

import "github.com/tokenboard/tokenboard/internal/usage/figures"

// adk is Google's Agent Development Kit from 2.x on, which sends the conventions: thoughts in the output.
// https://google.github.io/adk-docs/
var adk = Family{
	Name:       "google-adk",
	Scopes:     []string{"gcp.vertex.agent"},
	Adds:       &genAI,
	Cache:      []PartRule{{Is: figures.Included}},
	Attributes: map[Attribute][]string{Session: {"gcp.vertex.agent.session_id"}, RequestID: {}},
}

// googleADK 1.x keeps cache and thoughts in the text of the answer only, and the output without thoughts.
var googleADK = Family{
	Name:   "google-adk",
	Scopes: []string{"gcp.vertex.agent"},
	Input: []string{
		"gcp.vertex.agent.llm_response#usage_metadata.prompt_token_count", "gcp.vertex.agent.llm_response#usageMetadata.promptTokenCount",
	},
	Output: []string{
		"gcp.vertex.agent.llm_response#usage_metadata.candidates_token_count",
		"gcp.vertex.agent.llm_response#usageMetadata.candidatesTokenCount",
	},
	Total: []string{
		"gcp.vertex.agent.llm_response#usage_metadata.total_token_count", "gcp.vertex.agent.llm_response#usageMetadata.totalTokenCount",
	},
	CacheRead: []string{
		"gcp.vertex.agent.llm_response#usage_metadata.cached_content_token_count",
		"gcp.vertex.agent.llm_response#usageMetadata.cachedContentTokenCount",
	},
	Reasoning: []string{
		"gcp.vertex.agent.llm_response#usage_metadata.thoughts_token_count",
		"gcp.vertex.agent.llm_response#usageMetadata.thoughtsTokenCount",
	},
	ExtraInput: []string{
		"gcp.vertex.agent.llm_response#usage_metadata.tool_use_prompt_token_count",
		"gcp.vertex.agent.llm_response#usageMetadata.toolUsePromptTokenCount",
	},
	Cache:      []PartRule{{Is: figures.Included}},
	Reasons:    []PartRule{{Is: figures.Excluded}},
	Attributes: map[Attribute][]string{Session: {"gcp.vertex.agent.session_id"}},
}

// genkit repeats the last step's usage on every parent. https://genkit.dev/docs/
var genkit = Family{
	Name:   "genkit",
	Scopes: []string{"genkit"},
	Input:  []string{"genkit:output#usage.inputTokens"},
	Output: []string{"genkit:output#usage.outputTokens"},
	Total:  []string{"genkit:output#usage.totalTokens"},
	CacheRead: []string{ // OpenAI's parts are only in its own answer
		"genkit:output#usage.cachedContentTokens", "genkit:output#raw.usage.prompt_tokens_details.cached_tokens",
		"genkit:output#custom.usage.prompt_tokens_details.cached_tokens",
	},
	Reasoning: []string{
		"genkit:output#usage.thoughtsTokens", "genkit:output#raw.usage.completion_tokens_details.reasoning_tokens",
		"genkit:output#custom.usage.completion_tokens_details.reasoning_tokens",
	},
	Cache: []PartRule{{Is: figures.Included}},

	HidesCache: []PartRule{{Provider: "anthropic", Is: figures.Excluded}}, // genkit#5412

	Attributes: map[Attribute][]string{Model: {"genkit:input#model", "genkit:name"}, Tier: {"genkit:output#raw.service_tier", "genkit:output#raw.usage.service_tier"}}, // "generate" names no model itself
}
