package keyindex

import (
	"context"
	"slices"

	"github.com/tokenboard/tokenboard/internal/access"
	"github.com/tokenboard/tokenboard/internal/store"
)

// fingerprintsOf returns the fingerprints of keys, older ones of rotated keys included.
func fingerprintsOf(keys []*store.Key) map[string]bool {
	out := map[string]bool{}
	for _, k := range keys {
		for _, f := range k.Fingerprints() {
			out[f] = true
		}
	}
	return out
}

// OwnOnly returns a filter narrowed to the calls that the principal of ctx may see.
func (x *Index) OwnOnly(ctx context.Context, f store.Filter) store.Filter {
	p := access.From(ctx)
	if !p.OwnOnly() {
		return f
	}
	own := fingerprintsOf(x.Owned(p))
	var keys []string
	if len(f.Keys) == 0 {
		for k := range own {
			keys = append(keys, k)
		}
	}
	for _, k := range f.Keys {
		if own[k] {
			keys = append(keys, k)
		}
	}
	f.Keys, f.None = keys, f.None || len(keys) == 0
	return f
}

// MaySee reports whether a request's principal may see a key, by one of its fingerprints, and its calls.
func (x *Index) MaySee(ctx context.Context, fingerprint string) bool {
	p := access.From(ctx)
	return !p.OwnOnly() || Owns(p, x.Key(fingerprint))
}

// InTeam reports whether a principal is in a team: by its name, or by one of its keys.
func (x *Index) InTeam(p access.Principal, t *store.Team) bool {
	return p.Name != "" && slices.Contains(t.Users, p.Name) || slices.ContainsFunc(t.Keys, func(id string) bool { return Owns(p, x.Ring.ID(id)) })
}

// CallsOf returns which calls a team has: its keys with all their fingerprints.
func (x *Index) CallsOf(t *store.Team) store.AnyOf {
	out := store.AnyOf{Users: t.Users, Projects: t.Projects}
	for _, id := range t.Keys {
		if k := x.Ring.ID(id); k != nil {
			out.Keys = append(out.Keys, k.Fingerprints()...)
		}
	}
	return out
}

// Owns reports whether a key is one of its principal.
func Owns(p access.Principal, k *store.Key) bool {
	return k != nil && p.Name != "" && k.Owner == p.Name
}
