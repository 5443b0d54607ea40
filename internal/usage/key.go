package usage

import (
	"crypto/sha256"
	"encoding/hex"
	"unicode/utf8"
)

// Fingerprint is the only form in which a client key is kept: SHA-256 of the key,
// as 64 lower-case hex digits. The empty string means "no key was seen".
func Fingerprint(key string) string {
	if key == "" {
		return ""
	}
	sum := sha256.Sum256([]byte(key))
	var digits [2 * sha256.Size]byte
	hex.Encode(digits[:], sum[:])
	return string(digits[:])
}

// IsFingerprint reports whether s has the form that Fingerprint returns.
func IsFingerprint(s string) bool {
	if len(s) != sha256.Size*2 {
		return false
	}
	var wrong uint8
	for i := range sha256.Size * 2 {
		wrong |= notHex[s[i]]
	}
	return wrong == 0
}

// notHex is not 0 for what is no lower-case hex digit.
var notHex = func() (t [256]uint8) {
	for c := range t {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			t[c] = 1
		}
	}
	return t
}()

// DisplayKey returns the form of a key that may be displayed: its first letters and its
// last four ("tb-Ab…9f3a"). A key that is too short to hide anything is shown as dots.
func DisplayKey(key string) string {
	const head, tail, minHidden = 5, 4, 8
	if ascii(key) {
		if len(key) < head+tail+minHidden {
			return "…"
		}
		return key[:head] + "…" + key[len(key)-tail:]
	}
	r := []rune(key)
	if len(r) < head+tail+minHidden {
		return "…"
	}
	return string(r[:head]) + "…" + string(r[len(r)-tail:])
}

func ascii(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}
