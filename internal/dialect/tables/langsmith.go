package tables

import "github.com/tokenboard/tokenboard/internal/usage/figures"

// langSmith is the OpenTelemetry mode of LangSmith's SDKs. The parts are in JSON (JavaScript) or in
// the text of a Python dict. Its usage is LangChain's, with the cache in the input, but for Bedrock.
// https://docs.langchain.com/langsmith/trace-with-opentelemetry
var langSmith = Family{
	Name:   "langsmith",
	Scopes: []string{"langsmith"},
	Marks:  []string{"langsmith.span.kind"},
	Adds:   &genAI,
	CacheRead: []string{
		"gen_ai.usage.input_token_details#cache_read", "langsmith.usage_metadata#input_token_details.cache_read",
		"langsmith.metadata.usage_metadata#input_token_details.cache_read",
	},
	CacheWrite: []string{
		"gen_ai.usage.input_token_details#cache_creation", "langsmith.usage_metadata#input_token_details.cache_creation",
		"langsmith.metadata.usage_metadata#input_token_details.cache_creation",
	},
	CacheWrite5m: []string{
		"gen_ai.usage.input_token_details#ephemeral_5m_input_tokens",
		"langsmith.usage_metadata#input_token_details.ephemeral_5m_input_tokens",
	},
	CacheWrite1h: []string{
		"gen_ai.usage.input_token_details#ephemeral_1h_input_tokens",
		"langsmith.usage_metadata#input_token_details.ephemeral_1h_input_tokens",
	},
	Reasoning: []string{
		"gen_ai.usage.output_token_details#reasoning", "langsmith.usage_metadata#output_token_details.reasoning",
		"langsmith.metadata.usage_metadata#output_token_details.reasoning",
	},
	Cache: []PartRule{{Provider: "aws.bedrock", Is: figures.Undecided}, {Is: figures.ByTotal}},
	Attributes: map[Attribute][]string{
		User:    {"langsmith.metadata.user_id"},
		Session: {"langsmith.metadata.session_id", "langsmith.metadata.thread_id", "langsmith.metadata.conversation_id", "langsmith.trace.session_id"},
		Project: {"langsmith.trace.session_name"},
		Model:   {"langsmith.metadata.ls_model_name"},
		Stream:  {"langsmith.request.streaming"},
	},
}
