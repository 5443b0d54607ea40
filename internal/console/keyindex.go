package console

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"

	"github.com/tokenboard/tokenboard/internal/access"
	"github.com/tokenboard/tokenboard/internal/keyring"
	"github.com/tokenboard/tokenboard/internal/keysync"
	"github.com/tokenboard/tokenboard/internal/ledger"
	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// keyBook is the keys, for readers that have to name them.
type keyBook struct {
	Ring   *keyring.Registry
	Ledger *ledger.Ledger
	Sync   *keysync.Sync // nil where no proxy's keys are kept in sync
}

// keyIndex finds keys. It is for one request.
type keyIndex struct {
	ring      *keyring.Registry
	seen      func() []string
	strangers map[string]string // fingerprints by the names of strangers; nil until one is asked for
	identity  func(fingerprint string) string
	// byFingerprint lets keys be found by the fingerprint itself: who may do that can try out short keys.
	byFingerprint bool
}

// Index gives the keys as they are now.
func (b *keyBook) Index(ctx context.Context) (*keyIndex, error) {
	if err := b.Ring.Fresh(ctx); err != nil {
		return nil, err
	}
	return &keyIndex{ring: b.Ring, seen: b.fingerprintsSeen, identity: b.Ledger.KeyedFingerprint, byFingerprint: access.From(ctx).Role.May(access.ManageKeys)}, nil
}

// Identity is what a key is stored by.
func (b *keyBook) Identity(key string) string {
	return b.Ledger.KeyedFingerprint(usage.Fingerprint(key))
}

// Forget makes the next reader look again: a key was changed.
func (b *keyBook) Forget() { b.Ring.Stale() }

// key gives the key that a fingerprint is or was of; nil where it is a stranger's.
func (x *keyIndex) key(fingerprint string) *store.Key {
	if fingerprint == "" {
		return nil
	}
	return x.ring.Key(fingerprint)
}

// strangerPrefix begins the names of keys that were made elsewhere.
const strangerPrefix = "ext_"

// strangerName is what a key that was made elsewhere is called, and has for an id: its fingerprint is
// shown to nobody.
func strangerName(fingerprint string) string {
	sum := sha256.Sum256([]byte("tokenboard stranger\x00" + fingerprint))
	return strangerPrefix + hex.EncodeToString(sum[:8])
}

// stranger gives the fingerprint of the key that was called so when it was a stranger's, of those that
// telemetry or a proxy told of.
func (x *keyIndex) stranger(name string) (fingerprint string, known bool) {
	if !strings.HasPrefix(name, strangerPrefix) || len(name) != len(strangerPrefix)+16 {
		return "", false
	}
	if x.strangers == nil {
		x.strangers = map[string]string{}
		for _, f := range x.seen() {
			x.strangers[strangerName(f)] = f
		}
	}
	fingerprint, known = x.strangers[name]
	return fingerprint, known
}

// fingerprints gives the fingerprints that a filter's value means: of the key of this id, of the
// stranger or the keys of this name, or the value itself. A key that was rotated has several.
func (x *keyIndex) fingerprints(value string) []string {
	if k := x.ring.ID(value); k != nil {
		return k.Fingerprints()
	}
	if f, known := x.stranger(value); known {
		value = f
	}
	if x.byFingerprint {
		value = x.identity(value)
	}
	var out []string
	if value != "" {
		for _, k := range x.ring.Named(value) {
			out = append(out, k.Fingerprints()...)
		}
	}
	if k := x.key(value); k != nil {
		out = append(out, k.Fingerprints()...)
	}
	if out == nil {
		out = []string{value}
	}
	return out
}

// inTerms makes a search find a key by a part of its name, which no record holds, by the name of a
// stranger, or by its whole fingerprint, no part of which is searched.
func (x *keyIndex) inTerms(terms []store.Term) []store.Term {
	for i, t := range terms {
		if t.Field != "key" && t.Field != "" {
			continue
		}
		needle := strings.ToLower(t.Value)
		if f, known := x.stranger(needle); known {
			terms[i].Keys = append(terms[i].Keys, x.fingerprints(f)...)
		}
		if x.byFingerprint && usage.IsFingerprint(needle) {
			terms[i].Keys = append(terms[i].Keys, x.fingerprints(needle)...)
		}
		for _, k := range x.ring.All() {
			if strings.Contains(strings.ToLower(k.Name), needle) || (t.Field == "key" && k.ID == t.Value) {
				terms[i].Keys = append(terms[i].Keys, k.Fingerprints()...)
			}
		}
	}
	return terms
}

// name is what people see of a fingerprint.
func (x *keyIndex) name(fingerprint string) string {
	if k := x.key(fingerprint); k != nil {
		return k.Name
	}
	return x.id(fingerprint)
}

// metricName is what a metric calls a fingerprint: its name, with its owner where others have a key of this name.
func (x *keyIndex) metricName(fingerprint string) string {
	if k := x.key(fingerprint); k != nil {
		return x.labelOf(k)
	}
	return x.name(fingerprint)
}

// labelOf is what a metric calls a key.
func (x *keyIndex) labelOf(k *store.Key) string {
	others := x.ring.Named(k.Name)
	if k.Owner == "" || !slices.ContainsFunc(others, func(o *store.Key) bool { return o.Owner != k.Owner }) {
		return k.Name
	}
	return k.Name + " (" + k.Owner + ")"
}

// id is what a filter takes for a fingerprint: the id of a key, or the name of a stranger. What is no
// fingerprint stays as it is: no key, or those that sums put together.
func (x *keyIndex) id(fingerprint string) string {
	if k := x.key(fingerprint); k != nil {
		return k.ID
	}
	if !usage.IsKeyedOrPlainFingerprint(fingerprint) {
		return fingerprint
	}
	return strangerName(fingerprint)
}

// current gives the fingerprint that a key has now for one that it had before, and others as they are.
func (x *keyIndex) current(fingerprint string) string {
	if k := x.key(fingerprint); k != nil {
		return k.Fingerprint
	}
	return fingerprint
}

// owned gives the keys of a principal. A key's owner is the principal's name, letter by letter; who
// has no name owns nothing.
func (x *keyIndex) owned(p access.Principal) []*store.Key {
	if p.Name == "" {
		return nil
	}
	return x.ring.Owned(p.Name)
}

// fingerprintsSeen gives the fingerprints of all keys that telemetry or a proxy told of.
func (b *keyBook) fingerprintsSeen() []string {
	out := b.Ledger.KeysSeen()
	if b.Sync != nil {
		for _, s := range b.Sync.States() {
			for i := range s.Drift {
				if f := s.Drift[i].Fingerprint; f != "" {
					out = append(out, f)
				}
			}
		}
	}
	return out
}
