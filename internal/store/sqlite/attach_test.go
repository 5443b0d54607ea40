package sqlite

import (
	"context"
	"database/sql"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/store"
)

func TestAttachBesideAnOwner(t *testing.T) {
	ctx := context.Background()
	path := filepath.Join(t.TempDir(), "t.db")
	owner := open(t, path)
	a, err := Attach(ctx, Options{Path: path})
	require.NoError(t, err)
	u := store.User{ID: "1", Name: "alice", Role: "admin", CreatedAt: start}
	for i := range 20 { // both write, in turns
		require.NoError(t, owner.Commit(ctx, store.Write{Put: []store.Record{record(i, start)}, At: start}))
		require.NoError(t, a.AddAudit(ctx, audited))
	}
	require.NoError(t, a.AddUser(ctx, u, audited))
	got, found, err := owner.Directory().FindUser(ctx, store.UserRef{Name: "alice"})
	require.NoError(t, err)
	require.True(t, found, "the owner sees it at once")
	u.Version = got.Version
	require.Equal(t, u, got)
	u.Disabled = true
	require.ErrorIs(t, a.UpdateUser(ctx, u, store.UserUpdate{}, audited), store.ErrLastAdmin)
	require.NoError(t, a.Close())
	require.NoError(t, owner.Commit(ctx, store.Write{Put: []store.Record{record(99, start)}, At: start}))
	require.Len(t, scan(t, owner, store.Filter{}), 21)
}

func TestAttachAlone(t *testing.T) {
	ctx := context.Background()
	path := filepath.Join(t.TempDir(), "t.db")
	a, err := Attach(ctx, Options{Path: path})
	require.NoError(t, err, "it makes a database")
	require.NoError(t, a.AddUser(ctx, store.User{ID: "1", Name: "alice", CreatedAt: start}, audited))
	require.NoError(t, a.Close())
	users, err := open(t, path).Directory().Users(ctx)
	require.NoError(t, err)
	require.Len(t, users, 1)
}

func TestAttachToAnotherVersion(t *testing.T) {
	ctx := context.Background()
	path := filepath.Join(t.TempDir(), "t.db")
	owner := open(t, path)
	_, err := owner.writer.conn.ExecContext(ctx, "PRAGMA user_version = 1000")
	require.NoError(t, err)
	_, err = owner.writer.conn.ExecContext(ctx, "PRAGMA wal_checkpoint(TRUNCATE)")
	require.NoError(t, err)
	_, err = Attach(ctx, Options{Path: path})
	require.ErrorIs(t, err, store.ErrNewer)
	require.NoError(t, checkSameVersion(newestVersion()))
	require.ErrorContains(t, checkSameVersion(newestVersion()-1), "another version")

	foreign := filepath.Join(t.TempDir(), "f.db")
	db, err := sql.Open("sqlite", foreign)
	require.NoError(t, err)
	_, err = db.Exec("CREATE TABLE x (y)")
	require.NoError(t, err)
	require.NoError(t, db.Close())
	before, err := os.ReadFile(foreign)
	require.NoError(t, err)
	_, err = Attach(ctx, Options{Path: foreign})
	require.ErrorIs(t, err, store.ErrCorrupt)
	after, err := os.ReadFile(foreign)
	require.NoError(t, err)
	require.Equal(t, before, after)
}
