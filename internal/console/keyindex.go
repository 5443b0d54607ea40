package console

import (
	"context"
	"strings"

	"github.com/tokenboard/tokenboard/internal/access"
	"github.com/tokenboard/tokenboard/internal/keyring"
	"github.com/tokenboard/tokenboard/internal/store"
)

// keyBook is the keys, for readers that have to name them.
type keyBook struct{ ring *keyring.Ring }

// keyIndex finds keys.
type keyIndex struct{ ring *keyring.Ring }

// index gives the keys as they are now.
func (b *keyBook) index(ctx context.Context) (*keyIndex, error) {
	if err := b.ring.Fresh(ctx); err != nil {
		return nil, err
	}
	return &keyIndex{b.ring}, nil
}

// forget makes the next reader look again: a key was changed.
func (b *keyBook) forget() { b.ring.Stale() }

// key gives the key that a fingerprint is or was of; nil where it is a stranger's.
func (x *keyIndex) key(fingerprint string) *store.Key {
	if fingerprint == "" {
		return nil
	}
	return x.ring.Key(fingerprint)
}

// fingerprints gives the fingerprints that a filter's value means: of the key of this id, of the
// keys of this name, or the value itself. A key that was rotated has several.
func (x *keyIndex) fingerprints(value string) []string {
	if k := x.ring.ID(value); k != nil {
		return k.Fingerprints()
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

// inTerms makes a search find a key by a part of its name, which no record holds.
func (x *keyIndex) inTerms(terms []store.Term) []store.Term {
	for i, t := range terms {
		if t.Field != "key" && t.Field != "" {
			continue
		}
		needle := strings.ToLower(t.Value)
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
	if len(fingerprint) > 12 {
		return fingerprint[:12] + "…"
	}
	return fingerprint
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
