package dialect

// mlflow is MLflow Tracing. Its Anthropic and Bedrock leave the cache out of the input before
// mlflow#22516 and put it in after, so that only the figures tell. https://mlflow.org/docs/latest/genai/tracing/
var mlflow = Family{
	Name:       "mlflow",
	Input:      []string{"mlflow.chat.tokenUsage#input_tokens"},
	Output:     []string{"mlflow.chat.tokenUsage#output_tokens"},
	Total:      []string{"mlflow.chat.tokenUsage#total_tokens"},
	CacheRead:  []string{"mlflow.chat.tokenUsage#cache_read_input_tokens"},
	CacheWrite: []string{"mlflow.chat.tokenUsage#cache_creation_input_tokens"},
	Cache:      []PartRule{{Provider: "openai", Is: included}, {Provider: "gcp.gemini", Is: included}},
}
