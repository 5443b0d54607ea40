// Package cleantext makes texts that come from outside fit to be attributes of a span.
package cleantext

import (
	"encoding/json"
	"strings"
	"unicode"
)

// Clean returns s as valid UTF-8 without control characters and without spaces around it.
func Clean(s string) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	if strings.ContainsFunc(s, unicode.IsControl) {
		s = strings.Map(func(r rune) rune {
			if unicode.IsControl(r) {
				return ' '
			}
			return r
		}, s)
	}
	return strings.TrimSpace(s)
}

// OfJSON returns the text of a JSON value, cleaned. A quoted value is passed without its quotes and with its escapes; it
// is "" where an escape is invalid.
func OfJSON(raw []byte, quoted bool) string {
	s := string(raw)
	if quoted && strings.IndexByte(s, '\\') >= 0 {
		if err := json.Unmarshal([]byte(`"`+s+`"`), &s); err != nil {
			return ""
		}
	}
	return Clean(s)
}

// IsIdentifier reports whether s can be a name by which errors are grouped: 1 to 64 letters, digits, "_", "-" or ".".
func IsIdentifier(s string) bool {
	if s == "" || len(s) > 64 {
		return false
	}
	for i := range len(s) {
		c := s[i] | 0x20
		if (c < 'a' || c > 'z') && (s[i] < '0' || s[i] > '9') && s[i] != '_' && s[i] != '-' && s[i] != '.' {
			return false
		}
	}
	return true
}
