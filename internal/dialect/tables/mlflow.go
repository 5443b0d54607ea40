package tables

import "github.com/tokenboard/tokenboard/internal/usage/figures"

// mlflow is MLflow Tracing. Its Anthropic and Bedrock leave the cache out of the input before
// mlflow#22516 and put it in after, so that only the figures show which. https://mlflow.org/docs/latest/genai/tracing/
var mlflow = Family{
	Name:       "mlflow",
	Input:      []string{"mlflow.chat.tokenUsage#input_tokens"},
	Output:     []string{"mlflow.chat.tokenUsage#output_tokens"},
	Total:      []string{"mlflow.chat.tokenUsage#total_tokens"},
	CacheRead:  []string{"mlflow.chat.tokenUsage#cache_read_input_tokens"},
	CacheWrite: []string{"mlflow.chat.tokenUsage#cache_creation_input_tokens"},
	// of the provider's own answer: MLflow's figures have none
	Reasoning: []string{
		"mlflow.spanOutputs#usage.completion_tokens_details.reasoning_tokens", "mlflow.spanOutputs#usage.output_tokens_details.reasoning_tokens",
		"mlflow.spanOutputs#usage.output_tokens_details.thinking_tokens",
	},
	Cache:   []PartRule{{Provider: "openai", Is: figures.Included}, {Provider: "gcp.gemini", Is: figures.Included}},
	Reasons: []PartRule{{Is: figures.Included}},
}

// mlflowAnswers reads the provider's own answer, where MLflow has no figures of its own: for embeddings.
var mlflowAnswers = Family{
	Name:      "mlflow",
	CallsOnly: true,
	Marks:     []string{"mlflow.spanType"},
	Input:     []string{"mlflow.spanOutputs#usage.prompt_tokens"},
	Total:     []string{"mlflow.spanOutputs#usage.total_tokens"},
	Cache:     []PartRule{{Provider: "openai", Is: figures.Included}, {Provider: "gcp.gemini", Is: figures.Included}},
}
