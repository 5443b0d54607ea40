package console

import (
	"context"
	"time"

	"github.com/tokenboard/tokenboard/internal/access"
	"github.com/tokenboard/tokenboard/internal/store"
)

// fingerprintsOf gives the fingerprints of keys, older ones of rotated keys included.
func fingerprintsOf(keys []*store.Key) map[string]bool {
	out := map[string]bool{}
	for _, k := range keys {
		for _, f := range k.Fingerprints() {
			out[f] = true
		}
	}
	return out
}

// ownOnly narrows a filter to what its principal may see.
func (x *keyIndex) OwnOnly(ctx context.Context, f store.Filter) store.Filter {
	p := access.From(ctx)
	if !p.OwnOnly() {
		return f
	}
	own := fingerprintsOf(x.owned(p))
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

// asOf says up to when figures are complete: the last commit, or, for who may not learn when others make
// calls, when they were asked for.
func asOf(ctx context.Context, asked, last time.Time) *time.Time {
	if access.From(ctx).OwnOnly() {
		return known(asked)
	}
	return known(last)
}

// maySee tells whether a request's principal may see a key, by one of its fingerprints, and its calls.
func (x *keyIndex) MaySee(ctx context.Context, fingerprint string) bool {
	p := access.From(ctx)
	return !p.OwnOnly() || owns(p, x.key(fingerprint))
}

func owns(p access.Principal, k *store.Key) bool {
	return k != nil && p.Name != "" && k.Owner == p.Name
}
