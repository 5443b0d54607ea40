package dialect

import "time"

// strands is AWS's Strands Agents and AgentCore. It gives each provider's own input, names itself as the
// provider, and tells times in milliseconds; only the model's name says whose figures they are.
// https://strandsagents.com/latest/documentation/docs/user-guide/observability-evaluation/traces/
var strands = Family{
	Name:   "strands",
	Scopes: []string{"strands"},
	Adds:   &genAI,
	Cache: []PartRule{
		// from 1.54 on, which brought these names, the input includes the cache whoever the provider is
		{Member: "gen_ai.usage.cache_read.input_tokens", Is: included}, {Member: "gen_ai.usage.cache_creation.input_tokens", Is: included},
		{Member: "gen_ai.usage.cache_write.input_tokens", Is: included},
		{Provider: "aws.bedrock", Is: excluded}, {Provider: "anthropic", Is: excluded},
		{Model: "arn:aws", Is: excluded}, // Bedrock
		{Model: "/", Is: included},       // LiteLLM, which makes one shape of all
		{Model: "claude", Is: excluded}, {Model: "amazon.", Is: excluded}, {Model: "nova-", Is: excluded},
	},
	Units: map[string]time.Duration{"gen_ai.server.time_to_first_token": time.Millisecond},
	Facts: map[fact][]string{factTTFT: {"gen_ai.server.time_to_first_token"}},
}
