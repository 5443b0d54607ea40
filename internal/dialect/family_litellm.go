package dialect

// litellm is the LiteLLM proxy's and library's OpenTelemetry callback, v1 and v2. It makes one shape of
// every provider's usage, with the cache in the input. The request id is its own call id.
// https://docs.litellm.ai/docs/observability/opentelemetry_integration
var litellm = Family{
	Name:   "litellm",
	Scopes: []string{"litellm"},
	// its attributes are folded onto whatever span is active, of any scope
	Marks: []string{"litellm.call_id", "litellm.cost.total", "metadata.user_api_key_hash", "gen_ai.cost.total_cost", "hidden_params"},
	Adds:  &genAI,
	Cache: []PartRule{{Is: included}},
	Facts: map[fact][]string{
		factRequestID: {"litellm.call_id"},
		factUser: {
			"litellm.end_user.id", "metadata.user_api_key_end_user_id", "litellm.user.id", "litellm.user.email",
			"metadata.user_api_key_user_id", "metadata.user_api_key_user_email", "llm.user",
		},
		factProject: {
			"litellm.team.alias", "metadata.user_api_key_team_alias", "litellm.team.id", "metadata.user_api_key_team_id",
			"litellm.org.id", "metadata.user_api_key_org_id",
		},
	},
}
