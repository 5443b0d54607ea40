package usage

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"sync"
)

// keyedPrefix begins the keyed form of a fingerprint; IsFingerprint is false for it.
const keyedPrefix = "k1_"

// keyedSize is how many bytes of the keyed hash are kept: enough to rule out collisions in practice.
const keyedSize = 24

// KeySecret keys the fingerprints of one installation. A plain fingerprint is the SHA-256 of a key, with
// which short keys can be guessed offline; with a keyed fingerprint that also takes the secret. An empty secret
// leaves fingerprints as they are.
type KeySecret []byte

// Keyed returns the form in which an installation keeps a fingerprint. Any other text stays as it is. A keyed
// fingerprint is such a text, so that keying it again changes nothing.
func (s KeySecret) Keyed(fingerprint string) string {
	if len(s) == 0 || !IsFingerprint(fingerprint) {
		return fingerprint
	}
	mac := hmac.New(sha256.New, s)
	_, _ = mac.Write([]byte(fingerprint)) // never fails
	return keyedPrefix + hex.EncodeToString(mac.Sum(nil)[:keyedSize])
}

// Derived returns a key of 32 bytes for a purpose; nil where there is no secret. It tells nothing of the secret, of keyed
// fingerprints, or of keys for other purposes.
func (s KeySecret) Derived(purpose string) []byte {
	if len(s) == 0 {
		return nil
	}
	mac := hmac.New(sha256.New, s)
	_, _ = mac.Write([]byte("derived\x00" + purpose)) // never fails; no fingerprint begins so
	return mac.Sum(nil)
}

// IsKeyedOrPlainFingerprint reports whether s is a key's fingerprint or its keyed form.
func IsKeyedOrPlainFingerprint(s string) bool {
	hash, keyed := strings.CutPrefix(s, keyedPrefix)
	if !keyed {
		return IsFingerprint(s)
	}
	return len(hash) == 2*keyedSize && strings.Trim(hash, "0123456789abcdef") == ""
}

// maxKeyed bounds the forms that FingerprintKeyer remembers.
const maxKeyed = 20_000

// FingerprintKeyer keys fingerprints, and remembers the recent ones. It is safe for concurrent use.
type FingerprintKeyer struct {
	secret KeySecret
	mu     sync.RWMutex
	names  map[string]string
}

// NewFingerprintKeyer keys fingerprints with a secret.
func NewFingerprintKeyer(s KeySecret) *FingerprintKeyer {
	return &FingerprintKeyer{secret: s, names: map[string]string{}}
}

// Of is KeySecret.Keyed.
func (k *FingerprintKeyer) Of(fingerprint string) string {
	if len(k.secret) == 0 || !IsFingerprint(fingerprint) {
		return fingerprint
	}
	k.mu.RLock()
	name := k.names[fingerprint]
	k.mu.RUnlock()
	if name != "" {
		return name
	}
	name = k.secret.Keyed(fingerprint)
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.names) >= maxKeyed {
		clear(k.names)
	}
	k.names[strings.Clone(fingerprint)] = name // not a part of something larger
	return name
}
