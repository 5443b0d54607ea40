package tables

import "github.com/tokenboard/tokenboard/internal/usage/figures"

// voltAgent reports a run on the agent's span: the sum of its steps. Its child llm:generateText or llm:streamText
// has the last step alone, under other names, and is not read. A sub-agent is a run of its own, below a tool.
// https://voltagent.dev/docs/observability/overview/
var voltAgent = Family{
	Name:       "voltagent",
	Scopes:     []string{"@voltagent/"},
	CallsOnly:  true,
	Input:      []string{"usage.prompt_tokens"},
	Output:     []string{"usage.completion_tokens"},
	Total:      []string{"usage.total_tokens"},
	CacheRead:  []string{"usage.cached_tokens"},
	CacheWrite: []string{"usage.cache_write_tokens", "usage.cache_creation_tokens"},
	Reasoning:  []string{"usage.reasoning_tokens"},
	Cache:      []PartRule{{Is: figures.Included}},
	Reasons:    []PartRule{{Is: figures.Included}},
	Operation:  "chat",
	Runs:       true,
	Attributes: map[Attribute][]string{
		Model: {"ai.model.name"}, Session: {"voltagent.conversation_id", "conversation.id"}, User: {"voltagent.user_id", "user.id"},
	},
}
