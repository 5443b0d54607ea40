package dialect

import "strings"

// IsContent reports whether an attribute holds what people or models said. Plain names do only in
// records that are ours: model calls, and what coding agents send.
func IsContent(name string, ours bool) bool {
	k := KindOf(name)
	return k&KindContent != 0 || (ours && k&KindPlain != 0)
}

// IsMessageEvent reports whether an event carries a message in its body or attributes, by the
// older conventions (gen_ai.user.message, gen_ai.choice) and the current ones.
func IsMessageEvent(name string) bool { return strings.HasPrefix(name, "gen_ai.") }

func hasPrefix(s string, prefixes []string) bool {
	for _, p := range prefixes {
		if strings.HasPrefix(s, p) {
			return true
		}
	}
	return false
}
