package tables

import "github.com/tokenboard/tokenboard/internal/usage/figures"

// pydanticAI is Pydantic AI's own tracing. Version 2 reports an agent's sum under names of its own,
// gen_ai.aggregated_usage, which are not read; version 1 repeats it under the call's names.
// gen_ai.usage.details restates the input by kind and is never added.
// https://ai.pydantic.dev/logfire/
var pydanticAI = Family{
	Name:       "pydantic-ai",
	Scopes:     []string{"pydantic-ai", "pydantic_ai"},
	Adds:       &genAI,
	Cache:      []PartRule{{Is: figures.Included}},
	Attributes: map[Attribute][]string{Cost: {"operation.cost"}},
}

// logfire is Logfire's instrumentations of the clients, which keep the parts in the JSON of the answer. It reports
// a stream by two spans: one of the request, which ends with the headers of the answer and has nothing of it, and
// one when the stream has ended or broken.
// https://logfire.pydantic.dev/docs/integrations/llms/openai/
var logfire = Family{
	Name:   "logfire",
	Scopes: []string{"logfire."},
	Adds:   &genAI,
	CacheRead: []string{ // not among the conventions' names before version 5
		"gen_ai.usage.raw#prompt_tokens_details.cached_tokens", "gen_ai.usage.raw#input_tokens_details.cached_tokens",
		"gen_ai.usage.raw#cache_read_input_tokens",
		"response_data#usage.prompt_tokens_details.cached_tokens", "response_data#usage.input_tokens_details.cached_tokens",
		"response_data#usage.cache_read_input_tokens",
	},
	CacheWrite:   []string{"gen_ai.usage.raw#cache_creation_input_tokens", "response_data#usage.cache_creation_input_tokens"},
	CacheWrite5m: []string{"gen_ai.usage.raw#cache_creation.ephemeral_5m_input_tokens"},
	CacheWrite1h: []string{"gen_ai.usage.raw#cache_creation.ephemeral_1h_input_tokens"},
	Reasoning: []string{
		"gen_ai.usage.raw#completion_tokens_details.reasoning_tokens", "gen_ai.usage.raw#output_tokens_details.reasoning_tokens",
		"gen_ai.usage.raw#output_tokens_details.thinking_tokens", "response_data#usage.output_tokens_details.thinking_tokens",
		"response_data#usage.completion_tokens_details.reasoning_tokens", "response_data#usage.output_tokens_details.reasoning_tokens",
	},
	Cache:      []PartRule{{Is: figures.Included}},
	Answered:   []string{"gen_ai.response.id", "gen_ai.response.finish_reasons", "response_data", "logfire.span_type=log"},
	Attributes: map[Attribute][]string{Cost: {"operation.cost"}, Duration: {"duration"}, Tier: {"gen_ai.usage.raw#service_tier"}},
}
