package sqlite

import (
	"errors"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/store"
)

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

func TestKeys(t *testing.T) {
	path := filepath.Join(t.TempDir(), "t.db")
	e := open(t, path)
	keys, version, err := e.Keys(ctx, 0)
	require.NoError(t, err)
	require.Empty(t, keys)

	a, b := aKey("1", "Zoë"), aKey("2", "bob")
	a.Older = []store.Secret{{Fingerprint: "f0", Display: "tb-…0", Until: start.Add(1)}, {Fingerprint: "f00", Display: "d"}}
	require.NoError(t, e.AddKeys(ctx, 2, []store.Key{a, b}, audited))
	c := aKey("3", "carol")
	require.ErrorIs(t, e.AddKeys(ctx, 2, []store.Key{c}, audited), store.ErrTooManyKeys)
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
		err := e.AddKeys(ctx, 9, tc.keys, audited)
		require.ErrorIs(t, err, store.ErrKeyExists, name)
		var conflict *store.KeyConflict
		require.ErrorAs(t, err, &conflict, name)
		require.Equal(t, tc.want, *conflict, name)
	}
	require.NoError(t, e.Close())
	e = open(t, path)
	keys, added, err := e.Keys(ctx, 0)
	require.NoError(t, err)
	require.Equal(t, []store.Key{a, b}, keys, "what failed left nothing behind")
	require.Greater(t, added, version)

	refused := errors.New("no")
	require.ErrorIs(t, e.UpdateKey(ctx, "1", func(k *store.Key) (store.AuditEntry, error) {
		k.Name = "changed"
		return audited, refused
	}), refused)
	require.ErrorIs(t, e.UpdateKey(ctx, "9", func(*store.Key) (store.AuditEntry, error) { return audited, nil }), store.ErrKeyUnknown)
	require.ErrorIs(t, e.UpdateKey(ctx, "2", func(k *store.Key) (store.AuditEntry, error) {
		k.Name = "zoË"
		return audited, nil
	}), store.ErrKeyExists)
	require.NoError(t, e.UpdateKey(ctx, "1", func(k *store.Key) (store.AuditEntry, error) {
		require.Equal(t, a, *k)
		k.Older = append(k.Older, store.Secret{Fingerprint: k.Fingerprint, Display: k.Display, Until: start.Add(time.Minute)})
		k.Fingerprint, k.Display, k.RevokedAt, k.Limits = "new", "tb-…new", start.Add(2), store.Limits{}
		a = *k
		return audited, nil
	}))
	keys, changed, err := e.Keys(ctx, added)
	require.NoError(t, err)
	require.Equal(t, []store.Key{a.Pare()}, keys, "only what changed, and of a revoked key what its calls are called")
	require.True(t, keys[0].Restricted(), "a restriction is known for ever")
	whole, err := e.KeysOf(ctx, []string{"1", "9", "' OR 1"})
	require.NoError(t, err)
	require.Equal(t, []store.Key{a}, whole)
	require.Equal(t, []string{"new", "f0", "f00", "f1"}, a.Fingerprints())
	keys, again, err := e.Keys(ctx, changed)
	require.NoError(t, err)
	require.Empty(t, keys)
	require.Equal(t, changed, again)
	require.NoError(t, e.AddKeys(ctx, 2, []store.Key{aKey("5", "zoë")}, audited), "name and place are free again")
}

// TestNamesAreOwners: a name is its owner's, whoever else has a key of that name.
func TestNamesAreOwners(t *testing.T) {
	e := open(t, filepath.Join(t.TempDir(), "t.db"))
	bob := store.Key{ID: "2", Name: "BOB", Fingerprint: "f2", CreatedAt: start}
	require.NoError(t, e.AddKeys(ctx, 9, []store.Key{bob}, audited))
	bob.ID, bob.Name, bob.Fingerprint = "3", "bob", "f3"
	require.ErrorIs(t, e.AddKeys(ctx, 9, []store.Key{bob}, audited), store.ErrKeyExists)
	bob.Owner = "somebody"
	require.NoError(t, e.AddKeys(ctx, 9, []store.Key{bob}, audited))
	require.ErrorIs(t, e.AddKeys(ctx, 9, []store.Key{{ID: "4", Name: "n", Fingerprint: "f2"}}, audited), store.ErrKeyExists)
}
