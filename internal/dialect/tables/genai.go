package tables

import "github.com/tokenboard/tokenboard/internal/usage"

// genAI is the OpenTelemetry GenAI conventions, current and deprecated, with the spellings that emitters of these names
// add. An emitter's deviations are in its own file.
// https://github.com/open-telemetry/semantic-conventions-genai
var genAI = Family{
	Name: "gen_ai",
	Input: []string{
		"gen_ai.usage.input_tokens", "gen_ai.usage.prompt_tokens", "llm.usage.prompt_tokens", "llm.usage.input_tokens",
	},
	Output: []string{
		"gen_ai.usage.output_tokens", "gen_ai.usage.completion_tokens", "llm.usage.completion_tokens", "llm.usage.output_tokens",
	},
	Total: []string{
		"gen_ai.usage.total_tokens", "llm.usage.total_tokens", "codex.usage.total_tokens", "agento11y.gen_ai.usage.total_tokens",
	},
	CacheRead: []string{
		"gen_ai.usage.cache_read.input_tokens", "gen_ai.usage.cache_read_input_tokens", "gen_ai.usage.cache_read_tokens",
		"gen_ai.usage.details.cache_read_tokens", "gen_ai.usage.details.cache_read_input_tokens",
		"gen_ai.usage.input_tokens.cached", "gen_ai.usage.prompt_tokens_details.cached_tokens",
		"gen_ai.usage.prompt_token_details.cached_tokens", "gen_ai.usage.input_tokens_details.cached_tokens",
		"gen_ai.usage.cached_input_tokens", "gen_ai.usage.input_cached_tokens", "gen_ai.usage.cached_tokens", "gen_ai.usage.cache_read",
		"llm.usage.cache_read_input_tokens",
	},
	CacheWrite: []string{
		"gen_ai.usage.cache_write.input_tokens", "gen_ai.usage.cache_creation.input_tokens",
		"gen_ai.usage.cache_creation_input_tokens", "gen_ai.usage.cache_write_input_tokens", "gen_ai.usage.cache_write_tokens",
		"gen_ai.usage.details.cache_write_tokens", "gen_ai.usage.details.cache_creation_input_tokens",
		"gen_ai.usage.input_tokens.cache_write", "gen_ai.usage.prompt_tokens_details.cache_creation_tokens",
		"gen_ai.usage.prompt_token_details.cache_creation_tokens", "gen_ai.usage.cache_write", "llm.usage.cache_creation_input_tokens",
	},
	CacheWrite5m: []string{
		"anthropic.usage.cache_creation.ephemeral_5m_input_tokens", "gen_ai.usage.cache_creation.ephemeral_5m_input_tokens",
		"gen_ai.usage.cache_creation.5m_input_tokens",
	},
	CacheWrite1h: []string{
		usage.AttrCacheWrite1h,
		"anthropic.usage.cache_creation.ephemeral_1h_input_tokens", "gen_ai.usage.cache_creation.ephemeral_1h_input_tokens",
		"gen_ai.usage.cache_creation.1h_input_tokens",
	},
	Reasoning: []string{
		"gen_ai.usage.reasoning.output_tokens", "gen_ai.usage.reasoning_tokens", "llm.usage.reasoning_tokens",
		"gen_ai.usage.reasoning_output_tokens", "gen_ai.usage.output_reasoning_tokens",
		"gen_ai.usage.details.reasoning_tokens", "gen_ai.usage.details.thoughts_tokens", "gen_ai.usage.output_tokens.reasoning",
		"gen_ai.usage.completion_tokens_details.reasoning_tokens", "gen_ai.usage.completion_token_details.reasoning_tokens",
		"gen_ai.usage.output_tokens_details.reasoning_tokens",
		"codex.usage.reasoning_output_tokens", "ai.usage.outputTokenDetails.reasoningTokens", "thoughts_token_count",
	},
}
