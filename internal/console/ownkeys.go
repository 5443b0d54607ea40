package console

import (
	"context"

	"github.com/tokenboard/tokenboard/internal/access"
	"github.com/tokenboard/tokenboard/internal/store"
)

// ownKeys gives the fingerprints of the keys that a request's principal owns, older ones of rotated
// keys included, and whether that is all that it may see. A key's owner is the principal's name,
// letter by letter; who has no name owns nothing.
func (c *Console) ownKeys(ctx context.Context) (fingerprints map[string]bool, only bool, err error) {
	if !access.From(ctx).OwnOnly() {
		return nil, false, nil
	}
	index, err := c.keys.index(ctx)
	if err != nil {
		return nil, true, err
	}
	return index.owned(access.From(ctx)), true, nil
}

func (x *keyIndex) owned(p access.Principal) map[string]bool {
	own := map[string]bool{}
	if p.Name == "" {
		return own
	}
	for i := range x.keys {
		if x.keys[i].Owner == p.Name {
			own[x.keys[i].Fingerprint] = true
		}
	}
	return own
}

// ownOnly narrows a filter to what its principal may see.
func (c *Console) ownOnly(ctx context.Context, index *keyIndex, f store.Filter) store.Filter {
	p := access.From(ctx)
	if !p.OwnOnly() {
		return f
	}
	own := index.owned(p)
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

// maySee tells whether a request's principal may see a key and its calls.
func (c *Console) maySee(ctx context.Context, index *keyIndex, fingerprint string) bool {
	p := access.From(ctx)
	if !p.OwnOnly() {
		return true
	}
	k := index.byFingerprint[fingerprint]
	return k != nil && p.Name != "" && k.Owner == p.Name
}
