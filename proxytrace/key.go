package proxytrace

import (
	"crypto/sha256"
	"encoding/hex"
)

// fingerprint returns the only form of a client's key that a span has: SHA-256 of the key, as 64 lower-case hex digits; ""
// for no key.
func fingerprint(key string) string {
	if key == "" {
		return ""
	}
	sum := sha256.Sum256([]byte(key))
	return hex.EncodeToString(sum[:])
}

// displayKey returns the form of a key that people may see: its first five letters and its last four ("tb-Ab…9f3a"), or
// only "…" where the rest would be too short to be secret.
func displayKey(key string) string {
	const head, tail, minHidden = 5, 4, 8
	r := []rune(key)
	if len(r) < head+tail+minHidden {
		return "…"
	}
	return string(r[:head]) + "…" + string(r[len(r)-tail:])
}
