package dialect

// Families that put their figures into one attribute.

// langfuse: https://langfuse.com/docs/observability/features/token-and-cost-tracking
var langfuse = Family{
	Name:      "langfuse",
	Disjoint:  "langfuse.observation.usage_details",
	Input:     []string{"langfuse.observation.usage_details#prompt_tokens"},
	Output:    []string{"langfuse.observation.usage_details#completion_tokens"},
	Total:     []string{"langfuse.observation.usage_details#total_tokens"},
	CacheRead: []string{"langfuse.observation.usage_details#prompt_tokens_details.cached_tokens"},
	Reasoning: []string{"langfuse.observation.usage_details#completion_tokens_details.reasoning_tokens"},
	Cache:     []PartRule{{Is: included}},
	Reasons:   []PartRule{{Is: included}},
}

// mlflow: https://mlflow.org/docs/latest/genai/tracing/
var mlflow = Family{
	Name:       "mlflow",
	Input:      []string{"mlflow.chat.tokenUsage#input_tokens"},
	Output:     []string{"mlflow.chat.tokenUsage#output_tokens"},
	Total:      []string{"mlflow.chat.tokenUsage#total_tokens"},
	CacheRead:  []string{"mlflow.chat.tokenUsage#cache_read_input_tokens"},
	CacheWrite: []string{"mlflow.chat.tokenUsage#cache_creation_input_tokens"},
}

// googleADK 1.x keeps cache and thoughts in the text of the answer; from 2.x on it sends the GenAI
// conventions. https://google.github.io/adk-docs/
var googleADK = Family{
	Name:      "google-adk",
	Scope:     "gcp.vertex.agent",
	Input:     []string{"gcp.vertex.agent.llm_response#usage_metadata.prompt_token_count"},
	Output:    []string{"gcp.vertex.agent.llm_response#usage_metadata.candidates_token_count"},
	Total:     []string{"gcp.vertex.agent.llm_response#usage_metadata.total_token_count"},
	CacheRead: []string{"gcp.vertex.agent.llm_response#usage_metadata.cached_content_token_count"},
	Reasoning: []string{"gcp.vertex.agent.llm_response#usage_metadata.thoughts_token_count"},
	Cache:     []PartRule{{Is: included}},
	Reasons:   []PartRule{{Is: excluded}},
}

// genkit repeats the last step's usage on every parent. https://genkit.dev/docs/
var genkit = Family{
	Name:   "genkit",
	Scope:  "genkit",
	Input:  []string{"genkit:output#usage.inputTokens"},
	Output: []string{"genkit:output#usage.outputTokens"},
	Total:  []string{"genkit:output#usage.totalTokens"},
	CacheRead: []string{ // OpenAI's parts stand only in its own answer
		"genkit:output#usage.cachedContentTokens", "genkit:output#raw.usage.prompt_tokens_details.cached_tokens",
		"genkit:output#custom.usage.prompt_tokens_details.cached_tokens",
	},
	Reasoning: []string{
		"genkit:output#usage.thoughtsTokens", "genkit:output#raw.usage.completion_tokens_details.reasoning_tokens",
		"genkit:output#custom.usage.completion_tokens_details.reasoning_tokens",
	},
	Cache: []PartRule{{Is: included}},
	Facts: map[fact][]string{factModel: {"genkit:name"}},
}
