package tables

import "github.com/tokenboard/tokenboard/internal/usage/figures"

// langfuse is the Langfuse SDKs, whose buckets overlap in nothing.
// https://langfuse.com/docs/observability/features/token-and-cost-tracking
var langfuse = Family{
	Name:     "langfuse",
	Disjoint: "langfuse.observation.usage_details",
	Input: []string{
		"langfuse.observation.usage_details#prompt_tokens", "langfuse.observation.usage_details#input_tokens",
	},
	Output: []string{
		"langfuse.observation.usage_details#completion_tokens", "langfuse.observation.usage_details#output_tokens",
	},
	Total: []string{"langfuse.observation.usage_details#total_tokens"},
	CacheRead: []string{
		"langfuse.observation.usage_details#prompt_tokens_details.cached_tokens",
		"langfuse.observation.usage_details#input_tokens_details.cached_tokens",
	},
	Reasoning: []string{
		"langfuse.observation.usage_details#completion_tokens_details.reasoning_tokens",
		"langfuse.observation.usage_details#output_tokens_details.reasoning_tokens",
	},
	Cache:      []PartRule{{Is: figures.Included}},
	Reasons:    []PartRule{{Is: figures.Included}},
	Attributes: map[Attribute][]string{},
}
