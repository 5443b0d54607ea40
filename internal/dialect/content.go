package dialect

import (
	"strings"

	"github.com/tokenboard/tokenboard/internal/dialect/tables"
)

// rawParts are the last words of llm.PROVIDER.PART, in which LiteLLM keeps a provider's raw request and answer;
// notProviders are words in the middle that are none.
var (
	rawParts = map[string]bool{
		"content": true, "contents": true, "candidates": true, "input": true, "output": true, "instructions": true, "system": true, "text": true,
		"data": true, "stringified_raw_response": true, "extra_body": true, "prompt": true, "prompts": true, "documents": true, "query": true,
	}
	notProviders = map[string]bool{"usage": true, "token_count": true, "cost": true, "request": true, "response": true, "token": true}
)

// isRaw tells whether an attribute is a part of a provider's raw request or answer.
func isRaw(name string) bool {
	rest, ok := strings.CutPrefix(name, "llm.")
	provider, part, more := strings.Cut(rest, ".")
	return ok && more && rawParts[part] && !notProviders[provider]
}

// Agent tells whether a record of this scope and event (or span name) is a coding agent's, whose
// plain names IsContent then knows.
func Agent(scope, event string) bool {
	return hasPrefix(scope, tables.AgentScopes) || hasPrefix(event, tables.AgentEvents)
}

// IsContent tells whether an attribute holds what people or models said. Plain names do only in
// records that are ours: model calls, and what coding agents send.
func IsContent(name string, ours bool) bool {
	k := KindOf(name)
	return k&KindContent != 0 || (ours && k&KindPlain != 0)
}

// IsMessageEvent tells whether an event carries a message in its body or attributes, by the
// older conventions (gen_ai.user.message, gen_ai.choice) and the current ones.
func IsMessageEvent(name string) bool { return strings.HasPrefix(name, "gen_ai.") }

// IsMessageContent tells whether an attribute of a message event holds the message.
func IsMessageContent(name string) bool {
	return KindOf(name)&(KindContent|KindPlain|KindMessage) != 0
}

func hasPrefix(s string, prefixes []string) bool {
	for _, p := range prefixes {
		if strings.HasPrefix(s, p) {
			return true
		}
	}
	return false
}
