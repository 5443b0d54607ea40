package dialect

import (
	"net/url"
	"strings"
)

// methodOf gives an HTTP method in capitals; by the conventions "_OTHER" for what is none.
func methodOf(s string) string {
	const longest = 20 // letters; those that are registered are shorter
	switch s {
	case "", "POST", "GET", "PUT", "PATCH", "DELETE":
		return s
	}
	if len(s) > longest || strings.ContainsAny(s, " .:=/") {
		return "_OTHER"
	}
	return strings.ToUpper(s)
}

// pathOf gives the path of a URL or request target, without its query.
func pathOf(s string) string {
	if s == "" || (s[0] == '/' && printable(s) && !strings.HasPrefix(s, "//") && strings.IndexByte(s, '?') < 0 && strings.IndexByte(s, '#') < 0 &&
		strings.IndexByte(s, '%') < 0) {
		return clean(s) // a path already
	}
	if u, err := url.Parse(s); err == nil {
		return clean(u.Path)
	}
	s, _, _ = strings.Cut(s, "?")
	return clean(s)
}
