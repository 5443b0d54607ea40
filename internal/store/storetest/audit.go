package storetest

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/store"
)

// entries returns entries of the audit log, newest first.
func (s *opened) entries(f store.AuditFilter) (out []store.AuditEntry) {
	require.NoError(s.t, s.Audit(ctx, f, func(e *store.AuditEntry) error {
		out = append(out, *e)
		return nil
	}))
	return out
}

// testAudit: a change and its entry are both there or neither is, an entry comes back with every field, and no id is
// given twice.
func testAudit(t *testing.T, open Open) {
	s := fresh(t, open)
	k := store.Key{ID: "1", Name: "a", Fingerprint: "f1", CreatedAt: start}
	require.Error(t, s.AddKeys(ctx, 9, []store.Key{k}, store.AuditEntry{}), "no entry, no change")
	require.Error(t, s.AddKeys(ctx, 9, []store.Key{k}), "no entry, no change")
	keys, _ := s.keys(0)
	require.Empty(t, keys)
	want := store.AuditEntry{
		ID: 1, Time: start, Actor: store.AuditActor{ID: "u", Name: "n", Via: "v"}, Source: "127.0.0.1", Action: "key.create",
		Target: store.AuditTarget{Type: "key", ID: "1", Name: "a"}, After: json.RawMessage(`{"a":1}`),
	}
	require.NoError(t, s.AddKeys(ctx, 9, []store.Key{k}, want))
	require.ErrorIs(t, s.AddKeys(ctx, 9, []store.Key{k}, want), store.ErrKeyExists)
	unnamed := s.key("1")
	unnamed.Name = "unsaid"
	require.Error(t, s.UpdateKey(ctx, unnamed, store.AuditEntry{}), "no entry, no change")
	require.Equal(t, "a", s.key("1").Name)
	for range 2 {
		got := s.entries(store.AuditFilter{})
		require.Len(t, got, 1, "no change, no entry")
		want.ID = got[0].ID
		require.Equal(t, want, got[0])
		s.restart()
	}
	n, err := s.DropAudit(ctx, start.Add(1), 0, 10)
	require.NoError(t, err)
	require.Equal(t, 1, n)
	require.NoError(t, s.AddAudit(ctx, audited))
	require.Greater(t, s.entries(store.AuditFilter{})[0].ID, want.ID)
}

func testAuditFilter(t *testing.T, open Open) {
	s := fresh(t, open)
	for i := range 12 {
		require.NoError(t, s.AddAudit(ctx, store.AuditEntry{
			Time: start.Add(time.Duration(i) * time.Minute), Actor: store.AuditActor{ID: fmt.Sprint("u", i%3), Name: fmt.Sprint("name", i%3)},
			Action: []string{"key.create", "key.revoke", "user.create", "keyring.x"}[i%4], Target: store.AuditTarget{Type: "key", ID: fmt.Sprint(i), Name: "k"},
		}))
	}
	newest := s.entries(store.AuditFilter{Limit: 1})[0].ID
	for i, tc := range []struct {
		f    store.AuditFilter
		want int
	}{
		{store.AuditFilter{}, 12},
		{store.AuditFilter{Limit: 5}, 5},
		{store.AuditFilter{Before: newest - 1}, 10},
		{store.AuditFilter{From: start.Add(2 * time.Minute), To: start.Add(4 * time.Minute)}, 2},
		{store.AuditFilter{Actors: []string{"u0", "name1"}}, 8},
		{store.AuditFilter{Actions: []string{"key"}}, 6},
		{store.AuditFilter{Actions: []string{"key.create", "user"}}, 6},
		{store.AuditFilter{Targets: []string{"7", "nobody"}}, 1},
		{store.AuditFilter{Targets: []string{"k"}, Actors: []string{"u2"}}, 4},
		{store.AuditFilter{Actions: []string{"' OR 1", "%"}}, 0},
	} {
		got := s.entries(tc.f)
		require.Len(t, got, tc.want, i)
		for j := 1; j < len(got); j++ {
			require.Less(t, got[j].ID, got[j-1].ID, "newest first")
		}
	}
}

// testAuditClasses checks that the oldest entries of each class are removed, so that many entries of one class do not
// push out the entries of another.
func testAuditClasses(t *testing.T, open Open) {
	s := fresh(t, open)
	for i := range 30 {
		e := store.AuditEntry{Time: start.Add(time.Duration(i) * time.Minute), Action: "key.create", Own: true}
		switch i {
		case 0:
			e.Action, e.Own = "user.update", false
		case 1:
			e.Action, e.Own = "calls.reprice", false
		}
		require.NoError(t, s.AddAudit(ctx, e))
	}
	n, err := s.DropAudit(ctx, time.Time{}, 5, 10)
	require.NoError(t, err)
	require.Equal(t, 10, n, "as many as are allowed at a time")
	n, err = s.DropAudit(ctx, time.Time{}, 5, 100)
	require.NoError(t, err)
	require.Equal(t, 13, n)
	left := s.entries(store.AuditFilter{})
	require.Len(t, left, 7)
	require.Equal(t, []string{"calls.reprice", "user.update"}, []string{left[5].Action, left[6].Action})
	require.Equal(t, start.Add(25*time.Minute), left[4].Time)
	n, err = s.DropAudit(ctx, start.Add(26*time.Minute), 0, 100)
	require.NoError(t, err)
	require.Equal(t, 3, n, "by age all classes are alike")
}
