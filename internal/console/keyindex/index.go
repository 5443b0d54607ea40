// Package keyindex finds keys by what requests and records name them by: ids, names and fingerprints, of keys that are
// kept here and of external ones. It decides nothing about permission but which keys a person owns.
package keyindex

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

// Book is the keys, for readers that have to name them.
type Book struct {
	Ring   *keyring.Registry
	Ledger *ledger.Ledger
	Sync   *keysync.Sync // nil where no proxy's keys are kept in sync
}

// Index finds keys. It is for one request.
type Index struct {
	Ring      *keyring.Registry
	seen      func() []string
	externals map[string]string // fingerprints by the names of external keys; nil until one is asked for
	Identity  func(fingerprint string) string
	// ByFingerprint lets keys be found by the fingerprint itself, which lets a user try out short keys.
	ByFingerprint bool
}

// Index returns the keys as they are now.
func (b *Book) Index(ctx context.Context) (*Index, error) {
	if err := b.Ring.Fresh(ctx); err != nil {
		return nil, err
	}
	return &Index{Ring: b.Ring, seen: b.fingerprintsSeen, Identity: b.Ledger.KeyedFingerprint, ByFingerprint: access.From(ctx).Role.May(access.ManageKeys)}, nil
}

// Identity returns the keyed fingerprint under which a key is stored.
func (b *Book) Identity(key string) string { return b.Ledger.KeyedFingerprint(usage.Fingerprint(key)) }

// Forget makes the next reader look again: a key was changed.
func (b *Book) Forget() { b.Ring.Stale() }

// Key returns the stored key that has or had a fingerprint; nil for an external key's fingerprint and for "".
func (x *Index) Key(fingerprint string) *store.Key {
	if fingerprint == "" {
		return nil
	}
	return x.Ring.Key(fingerprint)
}

// ExternalPrefix begins the names of keys that were made elsewhere.
const ExternalPrefix = "ext_"

// ExternalName returns the name of a key that was made elsewhere, which is also its id: its fingerprint is
// never shown.
func ExternalName(fingerprint string) string {
	sum := sha256.Sum256([]byte("tokenboard stranger\x00" + fingerprint))
	return ExternalPrefix + hex.EncodeToString(sum[:8])
}

// External returns the fingerprint of the external key of a name, of those that telemetry or a
// proxy reported.
func (x *Index) External(name string) (fingerprint string, known bool) {
	if !strings.HasPrefix(name, ExternalPrefix) || len(name) != len(ExternalPrefix)+16 {
		return "", false
	}
	if x.externals == nil {
		x.externals = map[string]string{}
		for _, f := range x.seen() {
			x.externals[ExternalName(f)] = f
		}
	}
	fingerprint, known = x.externals[name]
	return fingerprint, known
}

// Fingerprints returns the fingerprints that a filter's value means: the ones of the key with this id, of the external
// key or the keys with this name, or the value itself. A key that was rotated has several.
func (x *Index) Fingerprints(value string) []string {
	if k := x.Ring.ID(value); k != nil {
		return k.Fingerprints()
	}
	if f, known := x.External(value); known {
		value = f
	}
	if x.ByFingerprint {
		value = x.Identity(value)
	}
	var out []string
	if value != "" {
		for _, k := range x.Ring.Named(value) {
			out = append(out, k.Fingerprints()...)
		}
	}
	if k := x.Key(value); k != nil {
		out = append(out, k.Fingerprints()...)
	}
	if out == nil {
		out = []string{value}
	}
	return out
}

// InTerms makes a search find a key by a part of its name, which no record holds, by the name of an
// external key, or by its whole fingerprint, no part of which is searched.
func (x *Index) InTerms(terms []store.Term) []store.Term {
	for i, t := range terms {
		if t.Field != "key" && t.Field != "" {
			continue
		}
		needle := strings.ToLower(t.Value)
		if f, known := x.External(needle); known {
			terms[i].Keys = append(terms[i].Keys, x.Fingerprints(f)...)
		}
		if x.ByFingerprint && usage.IsFingerprint(needle) {
			terms[i].Keys = append(terms[i].Keys, x.Fingerprints(needle)...)
		}
		for _, k := range x.Ring.All() {
			if strings.Contains(strings.ToLower(k.Name), needle) || (t.Field == "key" && k.ID == t.Value) {
				terms[i].Keys = append(terms[i].Keys, k.Fingerprints()...)
			}
		}
	}
	return terms
}

// Name returns the name that is displayed for a fingerprint.
func (x *Index) Name(fingerprint string) string {
	if k := x.Key(fingerprint); k != nil {
		return k.Name
	}
	return x.ID(fingerprint)
}

// MetricName returns the label value of a fingerprint in metrics: its name, with its owner if the name is not unique.
func (x *Index) MetricName(fingerprint string) string {
	if k := x.Key(fingerprint); k != nil {
		return x.LabelOf(k)
	}
	return x.Name(fingerprint)
}

// LabelOf returns the label value of a key in metrics.
func (x *Index) LabelOf(k *store.Key) string {
	others := x.Ring.Named(k.Name)
	if k.Owner == "" || !slices.ContainsFunc(others, func(o *store.Key) bool { return o.Owner != k.Owner }) {
		return k.Name
	}
	return k.Name + " (" + k.Owner + ")"
}

// ID returns the filter value for a fingerprint: the id of a key, or the name of an external key. Other values, such as
// the value of calls without a key or the overflow value of sums, are returned unchanged.
func (x *Index) ID(fingerprint string) string {
	if k := x.Key(fingerprint); k != nil {
		return k.ID
	}
	if !usage.IsKeyedOrPlainFingerprint(fingerprint) {
		return fingerprint
	}
	return ExternalName(fingerprint)
}

// Current returns the fingerprint that a key has now for one that it had before, and others as they are.
func (x *Index) Current(fingerprint string) string {
	if k := x.Key(fingerprint); k != nil {
		return k.Fingerprint
	}
	return fingerprint
}

// Owned returns the keys of a principal. A key's owner is the principal's name, letter by letter; who
// has no name owns nothing.
func (x *Index) Owned(p access.Principal) []*store.Key {
	if p.Name == "" {
		return nil
	}
	return x.Ring.Owned(p.Name)
}

// fingerprintsSeen returns the fingerprints of all keys that telemetry or a proxy reported.
func (b *Book) fingerprintsSeen() []string {
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
