package dialect

// openInference is Arize's OpenInference, also sent by gateways that follow it.
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
	Cache: []PartRule{
		{Scope: "claude_agent_sdk", Is: excluded},
		{Scope: "claude-agent-sdk", Is: excluded},
		{Scope: "instrumentation.bedrock", Is: excluded},
		{Scope: "instrumentation-bedrock", Is: excluded},
	},
}
