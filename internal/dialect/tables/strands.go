package tables

import (
	"time"

	"github.com/tokenboard/tokenboard/internal/usage/figures"
)

// strands is AWS's Strands Agents and AgentCore. It reports each provider's own input, names itself as the
// provider, and reports times in milliseconds; only the model's name says whose figures they are.
// https://strandsagents.com/latest/documentation/docs/user-guide/observability-evaluation/traces/
var strands = Family{
	Name:   "strands",
	Scopes: []string{"strands"},
	Adds:   &genAI,
	Cache: []PartRule{
		// from 1.54 on, which brought these names, the input includes the cache with every provider
		{Member: "gen_ai.usage.cache_read.input_tokens", Is: figures.Included}, {Member: "gen_ai.usage.cache_creation.input_tokens", Is: figures.Included},
		{Member: "gen_ai.usage.cache_write.input_tokens", Is: figures.Included},
		{Provider: "aws.bedrock", Is: figures.Excluded}, {Provider: "anthropic", Is: figures.Excluded},
		{Model: "arn:aws", Is: figures.Excluded}, // Bedrock
		{Model: "/", Is: figures.Included},       // LiteLLM, which makes one shape of all
		{Model: "claude", Is: figures.Excluded}, {Model: "amazon.", Is: figures.Excluded}, {Model: "nova-", Is: figures.Excluded},
	},
	Units:      map[string]time.Duration{"gen_ai.server.time_to_first_token": time.Millisecond},
	Attributes: map[Attribute][]string{TTFT: {"gen_ai.server.time_to_first_token"}},
}
