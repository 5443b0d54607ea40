package api

import (
	"regexp"
)

// SecretForms are texts that are secrets by their form: keys with a known prefix, digests and
// longer hexadecimal texts, password hashes, JSON web tokens, credentials of a header.
var SecretForms = regexp.MustCompile(`(?i)\b(tbt?|sk|pk|rk|ghp|gho|xox[a-z]|AIza|AKIA)[-_][A-Za-z0-9_-]{16,}|[0-9a-f]{40,}|\$argon2[^"\s]*|` +
	`\beyJ[A-Za-z0-9_-]{10,}(\.[A-Za-z0-9_-]+)*|\b(Bearer|Basic)\s+[A-Za-z0-9+/._~=-]{8,}`)

// Redact takes out of a text what looks like a secret: people put them where names belong.
func Redact(s string) string { return SecretForms.ReplaceAllString(s, "[redacted]") }
