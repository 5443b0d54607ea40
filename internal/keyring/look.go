package keyring

import "github.com/tokenboard/tokenboard/internal/store"

// The methods below return the keys as they were read last, see Fresh. Keys must not be changed.

// Key returns the key that a fingerprint is or was of; nil where there is none.
func (r *Registry) Key(fingerprint string) *store.Key {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return keyOf(r.byFingerprint[fingerprint])
}

// ID returns the key of an id, or nil.
func (r *Registry) ID(id string) *store.Key {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return keyOf(r.byID[id])
}

// Named returns the keys of a name, whatever its case: one of each owner that is not revoked at most.
func (r *Registry) Named(name string) []*store.Key {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return keysOf(r.byName[caseFold(name)])
}

// Owned returns the keys of an owner.
func (r *Registry) Owned(owner string) []*store.Key {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return keysOf(r.byOwner[owner])
}

// All returns all keys, oldest first.
func (r *Registry) All() []*store.Key {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return keysOf(r.all)
}

func keyOf(e *entry) *store.Key {
	if e == nil {
		return nil
	}
	return e.key.Load()
}

func keysOf(entries []*entry) []*store.Key {
	out := make([]*store.Key, len(entries))
	for i, e := range entries {
		out[i] = e.key.Load()
	}
	return out
}
