package sqlite

import (
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/usage"
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

// TestForgotten: whatever Drop removed of a stored key's calls, and whatever still waits to be
// removed, is told; with the records that are shown it is all that was spent.
func TestForgotten(t *testing.T) {
	path := filepath.Join(t.TempDir(), "t.db")
	e := open(t, path)
	k := aKey("1", "a")
	k.Fingerprint = usage.Fingerprint("one")
	k.Older = []store.Secret{{Fingerprint: usage.Fingerprint("older")}}
	require.NoError(t, e.AddKeys(ctx, 9, []store.Key{k}, audited))
	w := store.Write{Seen: start}
	for i := range 90 {
		r := record(i, start.Add(time.Duration(i)*time.Minute))
		r.KeyFingerprint = []string{k.Fingerprint, k.Older[0].Fingerprint, usage.Fingerprint("stranger"), "", k.Fingerprint}[i%5]
		r.KeyDisplay = fmt.Sprint(i % 2)
		r.Counted = i%7 != 0
		r.Cost, r.Tokens.Reasoning = usage.NanoUSD(i), 2
		if i%11 == 0 {
			r.Quality = usage.Unpriced
		}
		w.Put = append(w.Put, r)
	}
	require.NoError(t, e.Apply(ctx, w))
	type place struct {
		fingerprint string
		start       time.Time
	}
	told := func(floor time.Time) map[place]store.Spent {
		out := map[place]store.Spent{}
		require.NoError(t, e.Forgotten(ctx, floor, func(s store.Spent) {
			p := place{s.Fingerprint, s.Start}
			sum := out[p]
			out[p] = store.Spent{Fingerprint: s.Fingerprint, Start: s.Start, Calls: sum.Calls + s.Calls, Tokens: sum.Tokens + s.Tokens, Cost: sum.Cost + s.Cost}
		}))
		return out
	}
	want := func(floor time.Time) map[place]store.Spent {
		out := map[place]store.Spent{}
		for i := range w.Put {
			r := &w.Put[i]
			if !r.Counted || !r.Start.Before(floor) {
				continue
			}
			for i, f := range []string{"", r.KeyFingerprint} {
				if i == 1 && (f == "" || f == usage.Fingerprint("stranger")) {
					continue
				}
				p := place{f, r.Start.Truncate(15 * time.Minute)}
				s := out[p]
				s.Fingerprint, s.Start, s.Calls, s.Tokens = p.fingerprint, p.start, s.Calls+1, s.Tokens+r.Tokens.Total()
				if r.Quality&usage.Unpriced == 0 {
					s.Cost += r.Cost
				}
				out[p] = s
			}
		}
		return out
	}
	require.Empty(t, told(time.Time{}))
	for _, floor := range []time.Time{start.Add(20 * time.Minute), start.Add(50*time.Minute + time.Second)} {
		require.Equal(t, want(floor), told(floor), "before the rows go")
		for range 8 { // in chunks, with a restart in between
			_, err := e.Drop(ctx, floor, start, 4)
			require.NoError(t, err)
			require.Equal(t, want(floor), told(floor))
		}
		require.NoError(t, e.Close())
		e = open(t, path)
		for n := 1; n > 0; {
			var err error
			n, err = e.Drop(ctx, floor, start, 4)
			require.NoError(t, err)
		}
		require.Equal(t, want(floor), told(floor))
	}
	floor := start.Add(time.Hour)
	all := want(floor)
	_, err := e.Drop(ctx, floor, start.Add(41*24*time.Hour), 1000)
	require.NoError(t, err)
	require.Len(t, told(floor), 3, "what is long ago is one sum a fingerprint")
	var sum, wanted int64
	for s := range maps.Values(told(floor)) {
		sum += s.Tokens
		require.Zero(t, s.Start)
	}
	for s := range maps.Values(all) {
		wanted += s.Tokens
	}
	require.Equal(t, wanted, sum)
}
