package dialect

import "time"

// strands is AWS's Strands Agents and AgentCore: the providers' own input, without the cache, and times
// in milliseconds. https://strandsagents.com/latest/documentation/docs/user-guide/observability-evaluation/traces/
var strands = Family{
	Name:   "strands",
	Scopes: []string{"strands"},
	Adds:   &genAI,
	Cache:  []PartRule{{Is: excluded}},
	Units:  map[string]time.Duration{"gen_ai.server.time_to_first_token": time.Millisecond},
	Facts:  map[fact][]string{factProvider: {}, factTTFT: {"gen_ai.server.time_to_first_token"}},
}
