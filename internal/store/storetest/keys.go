package storetest

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/store"
)

// audited is an entry for changes whose entry a test does not look at.
var audited = store.AuditEntry{Action: "test.change", Time: start}

// aKey makes a key with every field set.
func aKey(id, name string) store.Key {
	return store.Key{
		ID: id, Name: name, Description: "d " + id, Fingerprint: "f" + id, Display: "tb-…" + id, Owner: "o", Imported: true,
		CreatedAt: start.Add(time.Duration(id[0])), ExpiresAt: start.Add(time.Hour), Disabled: true, Models: []string{"gpt-*", "x"},
		Limits: store.Limits{
			RequestsPerMinute: 1, TokensPerMinute: 2, Tokens: store.Budget{store.Monthly: 3}, Cost: store.Budget{store.Ever: 4},
		},
	}
}

// keys returns the keys that changed after a version, without their own versions, and the version of the last change.
func (s *opened) keys(after int64) (keys []store.Key, version int64) {
	keys, version, err := s.Keys(ctx, after)
	require.NoError(s.t, err)
	for i := range keys {
		require.Positive(s.t, keys[i].Version)
		keys[i].Version = 0
	}
	return keys, version
}

// key returns a key as it is stored.
func (s *opened) key(id string) store.Key {
	keys, err := s.KeysOf(ctx, []string{id})
	require.NoError(s.t, err)
	require.Len(s.t, keys, 1)
	return keys[0]
}

// testKeys: keys come back with every field, changes by version, and what is in the way of a key is named.
func testKeys(t *testing.T, open Open) {
	s := fresh(t, open)
	none, version := s.keys(0)
	require.Empty(t, none)
	a, b := aKey("1", "Zoë"), aKey("2", "bob")
	a.Older = []store.Secret{{Fingerprint: "f0", Display: "tb-…0", Until: start.Add(1)}, {Fingerprint: "f00", Display: "d"}}
	require.NoError(t, s.AddKeys(ctx, 2, []store.Key{a, b}, audited))
	c := aKey("3", "carol")
	require.ErrorIs(t, s.AddKeys(ctx, 2, []store.Key{c}, audited), store.ErrTooManyKeys)
	for name, tc := range map[string]struct {
		keys []store.Key
		want store.KeyConflict
	}{
		"the name in another case":         {[]store.Key{c, aKey("4", "ZOË")}, store.KeyConflict{Index: 1, With: "1"}},
		"two of one name":                  {[]store.Key{c, aKey("4", "Carol")}, store.KeyConflict{Index: 1, With: "3"}},
		"a fingerprint in use":             {[]store.Key{{ID: "4", Name: "x", Fingerprint: "f2"}}, store.KeyConflict{With: "2", Fingerprint: true}},
		"a fingerprint from before":        {[]store.Key{{ID: "4", Name: "x", Fingerprint: "f00"}}, store.KeyConflict{With: "1", Fingerprint: true}},
		"an older fingerprint that is one": {[]store.Key{{ID: "4", Name: "x", Fingerprint: "n", Older: []store.Secret{{Fingerprint: "f2"}}}}, store.KeyConflict{With: "2", Fingerprint: true}},
	} {
		err := s.AddKeys(ctx, 9, tc.keys, audited)
		require.ErrorIs(t, err, store.ErrKeyExists, name)
		var conflict *store.KeyConflict
		require.ErrorAs(t, err, &conflict, name)
		require.Equal(t, tc.want, *conflict, name)
	}
	s.restart()
	keys, added := s.keys(0)
	require.Equal(t, []store.Key{a, b}, keys, "what failed left nothing behind")
	require.Greater(t, added, version)

	next := s.key("1")
	next.Older = append(next.Older, store.Secret{Fingerprint: next.Fingerprint, Display: next.Display, Until: start.Add(time.Minute)})
	next.Fingerprint, next.Display, next.RevokedAt, next.Limits = "new", "tb-…new", start.Add(2), store.Limits{}
	require.NoError(t, s.UpdateKey(ctx, next, audited))
	next.Version = 0
	keys, changed := s.keys(added)
	require.Equal(t, []store.Key{next.Pare()}, keys, "only what changed, and of a revoked key what its calls are called")
	require.True(t, keys[0].Restricted(), "a restriction is known for ever")
	whole, err := s.KeysOf(ctx, []string{"1", "9", "' OR 1"})
	require.NoError(t, err)
	require.Len(t, whole, 1)
	require.Equal(t, []string{"new", "f0", "f00", "f1"}, whole[0].Fingerprints())
	keys, again := s.keys(changed)
	require.Empty(t, keys)
	require.Equal(t, changed, again)
	require.NoError(t, s.AddKeys(ctx, 2, []store.Key{aKey("5", "zoë")}, audited), "name and place are free again")
}

// testKeyVersions: a change is made to the version that was read; of several at once one is made each time, so that none
// is lost.
func testKeyVersions(t *testing.T, open Open) {
	const writers, each = 4, 10
	s := fresh(t, open)
	require.NoError(t, s.AddKeys(ctx, 9, []store.Key{aKey("1", "a"), aKey("2", "b")}, audited))
	first, other := s.key("1"), s.key("2")
	require.ErrorIs(t, s.UpdateKey(ctx, store.Key{ID: "9", Name: "x", Fingerprint: "x"}, audited), store.ErrKeyUnknown)
	other.Name = "A"
	require.ErrorIs(t, s.UpdateKey(ctx, other, audited), store.ErrKeyExists)
	other.Name, other.Fingerprint = "b", first.Fingerprint
	require.ErrorIs(t, s.UpdateKey(ctx, other, audited), store.ErrKeyExists)
	require.Equal(t, first, s.key("1"))
	changed := first
	changed.Name = "changed"
	require.NoError(t, s.UpdateKey(ctx, changed, audited))
	require.ErrorIs(t, s.UpdateKey(ctx, first, audited), store.ErrChanged)
	require.Equal(t, "changed", s.key("1").Name)
	require.NotEqual(t, first.Version, s.key("1").Version)
	entries := len(s.entries(store.AuditFilter{}))
	var all sync.WaitGroup
	for w := range writers {
		all.Go(func() {
			for i := range each {
				for done := false; !done && !t.Failed(); {
					keys, err := s.KeysOf(ctx, []string{"1"})
					if !assert.NoError(t, err) {
						return
					}
					keys[0].Models = append(keys[0].Models, fmt.Sprint(w, " ", i))
					err = s.UpdateKey(ctx, keys[0], audited)
					if done = err == nil; !done {
						assert.ErrorIs(t, err, store.ErrChanged)
					}
				}
			}
		})
	}
	all.Wait()
	require.Len(t, s.key("1").Models, 2+writers*each)
	require.Len(t, s.entries(store.AuditFilter{}), entries+writers*each, "an entry for each change, and for no other")
}

// testNamesAreOwners checks that names of keys are unique for each owner only.
func testNamesAreOwners(t *testing.T, open Open) {
	s := fresh(t, open)
	bob := store.Key{ID: "2", Name: "BOB", Fingerprint: "f2", CreatedAt: start}
	require.NoError(t, s.AddKeys(ctx, 9, []store.Key{bob}, audited))
	bob.ID, bob.Name, bob.Fingerprint = "3", "bob", "f3"
	require.ErrorIs(t, s.AddKeys(ctx, 9, []store.Key{bob}, audited), store.ErrKeyExists)
	bob.Owner = "somebody"
	require.NoError(t, s.AddKeys(ctx, 9, []store.Key{bob}, audited))
	require.ErrorIs(t, s.AddKeys(ctx, 9, []store.Key{{ID: "4", Name: "n", Fingerprint: "f2"}}, audited), store.ErrKeyExists)
}
