package tables

import "github.com/tokenboard/tokenboard/internal/usage/figures"

// litellm is the LiteLLM proxy's and library's OpenTelemetry callback, v1 and v2. It makes one shape of
// every provider's usage, with the cache in the input. The request id is its own call id. Version 1 has
// the parts in the text of a Python dict alone. For an interrupted stream the dict has an estimate without
// other figures, which is not read; version 2 reports the same estimate as its figures.
// https://docs.litellm.ai/docs/observability/opentelemetry_integration
var litellm = Family{
	Name:   "litellm",
	Scopes: []string{"litellm"},
	// its attributes are merged onto whatever span is active, of any scope
	Marks: []string{"litellm.call_id", "litellm.cost.total", "metadata.user_api_key_hash", "gen_ai.cost.total_cost", "hidden_params"},
	Adds:  &genAI,
	CacheRead: []string{
		"metadata.usage_object#prompt_tokens_details.cached_tokens", "metadata.usage_object#cache_read_input_tokens",
		"metadata.usage_object#input_tokens_details.cached_tokens",
	},
	CacheWrite: []string{
		"metadata.usage_object#prompt_tokens_details.cache_creation_tokens", "metadata.usage_object#prompt_tokens_details.cache_write_tokens",
		"metadata.usage_object#cache_creation_input_tokens",
	},
	CacheWrite5m: []string{"metadata.usage_object#prompt_tokens_details.cache_creation_token_details.ephemeral_5m_input_tokens"},
	CacheWrite1h: []string{"metadata.usage_object#prompt_tokens_details.cache_creation_token_details.ephemeral_1h_input_tokens"},
	Reasoning: []string{
		"metadata.usage_object#completion_tokens_details.reasoning_tokens", "metadata.usage_object#output_tokens_details.reasoning_tokens",
	},
	Cache:   []PartRule{{Is: figures.Included}},
	Reasons: []PartRule{{Is: figures.Included}},
	Guesses: true,
	Attributes: map[Attribute][]string{
		RequestID: {"litellm.call_id"},
		Tier:      {"metadata.usage_object#service_tier"},
		User: {
			"litellm.end_user.id", "litellm.metadata.user_api_key_end_user_id", "metadata.user_api_key_end_user_id", "llm.user", "litellm.user.id",
			"litellm.user.email", "litellm.metadata.user_api_key_user_id", "litellm.metadata.user_api_key_user_email",
			"metadata.user_api_key_user_id", "metadata.user_api_key_user_email",
		},
		Project: {
			"litellm.team.alias", "litellm.metadata.user_api_key_team_alias", "metadata.user_api_key_team_alias", "litellm.team.id",
			"litellm.metadata.user_api_key_team_id", "metadata.user_api_key_team_id", "litellm.org.id", "litellm.metadata.user_api_key_org_id",
			"metadata.user_api_key_org_id",
		},
		Status: {"litellm.provider.error.code"},
	},
}
