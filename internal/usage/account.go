package usage

import (
	"crypto/sha256"
	"encoding/hex"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxAccount bounds the bytes of an account's display form.
const maxAccount = 64

// AccountDisplay returns the form in which an upstream account is kept and shown: of a name or an e-mail address a few
// characters, then the index of the account in parentheses, which keeps accounts apart whose names look alike:
// "a…@e….com (552621c7)". The index is AccountIndex of what the source calls it. It is empty where both are empty, and
// never has an e-mail address, a key or a whole name. Both are hostile text.
func AccountDisplay(name, index string) string {
	name, index = accountName(name), AccountIndex(index)
	if len(index) > shortIndex {
		index = index[:shortIndex]
	}
	switch {
	case name == "":
		return index
	case index == "":
		return name
	}
	return name + " (" + index + ")"
}

// accountName cuts a name or an e-mail address: it is itself where it was cut already.
func accountName(name string) string {
	name = strings.Join(strings.FieldsFunc(name, func(r rune) bool {
		return r == '(' || r == ')' || r == utf8.RuneError || unicode.IsControl(r) || unicode.IsSpace(r) || unicode.Is(unicode.Cf, r)
	}), "")
	if name == "" || (len(name) <= maxAccount && cutForms.MatchString(name)) {
		return name
	}
	local, domain, isAddress := cutLast(name, "@")
	if !isAddress {
		return cutName(name)
	}
	const longestSuffix = 8 // bytes; of a longer one it would say too much
	host, suffix, ok := cutLast(domain, ".")
	if !ok || len(suffix) > longestSuffix || suffix == "" {
		host, suffix = domain, ""
	} else {
		suffix = "." + suffix
	}
	return first(local) + "…@" + first(host) + "…" + suffix
}

// cutName cuts what is no address: a key, an id, a name.
func cutName(name string) string {
	const readable, head, tail = 16, 3, 4
	r := []rune(name)
	switch {
	case len(r) <= head:
		return "…"
	case len(r) < readable: // too short to hide anything between two ends
		return string(r[:2]) + "…"
	}
	return string(r[:head]) + "…" + string(r[len(r)-tail:])
}

// first returns the first letter of a text that has more than one.
func first(s string) string {
	r, size := utf8.DecodeRuneInString(s)
	if size == len(s) {
		return ""
	}
	return string(r)
}

func cutLast(s, sep string) (before, after string, found bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return s, "", false
}

// cutForms are the names that accountName returns.
var cutForms = regexp.MustCompile(`^(?:.?…@.?…(?:\.[^.@…\s]{1,8})?|…|[^@…]{2}…|[^@…]{3}…[^@…]{4})$`)

// IsAccountDisplay reports whether a text can be what AccountDisplay returned: a name that is cut, an index, or both.
func IsAccountDisplay(s string) bool {
	if s == "" || len(s) > maxAccount || !utf8.ValidString(s) || strings.ContainsFunc(s, unicode.IsControl) {
		return false
	}
	name, index, both := strings.Cut(s, " (")
	if !both {
		return cutForms.MatchString(s) || isShortIndex(s)
	}
	index, closed := strings.CutSuffix(index, ")")
	return closed && cutForms.MatchString(name) && isShortIndex(index)
}

func isShortIndex(s string) bool { return s != "" && len(s) <= shortIndex && isHex(s) }

func isHex(s string) bool { return strings.Trim(s, "0123456789abcdef") == "" }

// ReadAccount returns the display form of what telemetry names an account by: a display form, an index, a name or an
// e-mail address.
func ReadAccount(s string) string {
	if s = strings.TrimSpace(s); s != "" && len(s) <= longestIndex && isHex(s) {
		return AccountDisplay("", s)
	}
	if IsAccountDisplay(s) {
		return s
	}
	return AccountDisplay(s, "")
}

const (
	shortIndex   = 8  // digits that are shown of an index
	longestIndex = 40 // hexadecimal digits: as many as a SHA-1 hash has, fewer than a key's fingerprint
)

// AccountIndex returns what a source calls an account where that is a number or a hash, as it can be shown. Anything else
// can be an e-mail address, a file's name or a key: it is replaced by a hash.
func AccountIndex(s string) string {
	s = strings.TrimSpace(s)
	if s == "" || (len(s) <= longestIndex && isHex(s)) {
		return s
	}
	const kept = 8 // bytes
	sum := sha256.Sum256([]byte("account\x00" + s))
	return hex.EncodeToString(sum[:kept])
}
