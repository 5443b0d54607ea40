package value

import (
	"net/url"
	"strconv"
	"strings"
)

// Method returns an HTTP method in capitals; by the conventions "_OTHER" for what is none.
func Method(s string) string {
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

// Path returns the path of a URL or request target, without its query.
func Path(s string) string {
	if s == "" || (s[0] == '/' && IsPrintable(s) && !strings.HasPrefix(s, "//") && strings.IndexByte(s, '?') < 0 && strings.IndexByte(s, '#') < 0 &&
		strings.IndexByte(s, '%') < 0) {
		return Clean(s) // a path already
	}
	if u, err := url.Parse(s); err == nil {
		return Clean(u.Path)
	}
	s, _, _ = strings.Cut(s, "?")
	return Clean(s)
}

// maxMessage is how much of a message is looked at for a status, in bytes.
const maxMessage = 512

// beforeStatus are the words, in lower case, that precede an HTTP status in a message; it may also begin the message.
var beforeStatus = []string{"code", "status", "http", "http/1.1", "http/2", "error", "exception"}

// StatusIn returns the HTTP status of a failure that a message has, 0 where it has none: "Error code: 429 - ...", "HTTP 503", "429 Too Many Requests".
func StatusIn(s string) int {
	const digits = 3
	s = s[:min(len(s), maxMessage)]
	for i := 0; i+digits <= len(s); i++ {
		if s[i] != '4' && s[i] != '5' {
			continue
		}
		n, err := strconv.Atoi(s[i : i+digits])
		if err != nil || (i > 0 && wordly(s[i-1])) || (i+digits < len(s) && s[i+digits] != ',' && s[i+digits] != '.' && wordly(s[i+digits])) {
			continue
		}
		const longest = 32 // bytes of a word and what is around it: the work grows with the length of the text alone
		before := strings.ToLower(strings.TrimRight(s[max(0, i-longest):i], " :='\"([<"))
		if before == "" && i > longest {
			continue
		}
		if before == "" {
			return n
		}
		for _, word := range beforeStatus {
			if strings.HasSuffix(before, word) {
				return n
			}
		}
	}
	return 0
}

// wordly reports whether a byte beside digits makes them a part of something else.
func wordly(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '.' || c == '_' || c == '-' || c == ',' || c >= 0x80
}
