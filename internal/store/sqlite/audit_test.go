package sqlite

import (
	"context"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/store"
)

// entries gives the audit log, newest first.
func entries(t *testing.T, e *Engine) (out []store.AuditEntry) {
	t.Helper()
	require.NoError(t, e.Audit(context.Background(), store.AuditFilter{}, func(a *store.AuditEntry) error {
		out = append(out, *a)
		return nil
	}))
	return out
}

func TestChangeAndEntryAreOne(t *testing.T) {
	ctx := context.Background()
	e := open(t, filepath.Join(t.TempDir(), "t.db"))
	k := store.Key{ID: "1", Name: "a", Fingerprint: "f1", CreatedAt: start}
	require.Error(t, e.AddKeys(ctx, 9, []store.Key{k}, store.AuditEntry{}), "no entry, no change")
	require.Error(t, e.AddKeys(ctx, 9, []store.Key{k}), "no entry, no change")
	keys, _, err := e.Keys(ctx, 0)
	require.NoError(t, err)
	require.Empty(t, keys)

	want := store.AuditEntry{
		ID: 1, Time: start, Actor: store.AuditActor{ID: "u", Name: "n", Via: "v"}, Source: "127.0.0.1", Action: "key.create",
		Target: store.AuditTarget{Type: "key", ID: "1", Name: "a"}, After: []byte(`{"a":1}`),
	}
	require.NoError(t, e.AddKeys(ctx, 9, []store.Key{k}, want))
	require.ErrorIs(t, e.AddKeys(ctx, 9, []store.Key{k}, want), store.ErrKeyExists)
	require.ErrorIs(t, e.UpdateKey(ctx, "2", func(*store.Key) (store.AuditEntry, error) { return want, nil }), store.ErrKeyUnknown)
	require.Error(t, e.UpdateKey(ctx, "1", func(k *store.Key) (store.AuditEntry, error) {
		k.Name = "unsaid"
		return store.AuditEntry{}, nil
	}), "no entry, no change")
	keys, _, err = e.Keys(ctx, 0)
	require.NoError(t, err)
	require.Equal(t, "a", keys[0].Name)
	require.Equal(t, []store.AuditEntry{want}, entries(t, e), "no change, no entry")
}

func TestAuditIsAppendOnly(t *testing.T) {
	ctx := context.Background()
	e := open(t, filepath.Join(t.TempDir(), "t.db"))
	require.NoError(t, e.AddAudit(ctx, audited))
	_, err := e.writer.conn.ExecContext(ctx, "UPDATE audit_log SET action = 'x'")
	require.ErrorContains(t, err, "append-only")
	n, err := e.DropAudit(ctx, start, 0, 10)
	require.NoError(t, err)
	require.Equal(t, 1, n)
	require.NoError(t, e.AddAudit(ctx, audited))
	require.EqualValues(t, 2, entries(t, e)[0].ID)
}
