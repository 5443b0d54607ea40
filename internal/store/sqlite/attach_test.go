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
		require.NoError(t, owner.Commit(ctx, store.Write{Put: []store.Record{record(i, start)}, Seen: start}))
		require.NoError(t, a.AddAudit(ctx, audited))
	}
	require.NoError(t, a.AddUser(ctx, u, audited))
	got, found, err := owner.FindUser(ctx, store.UserRef{Name: "alice"})
	require.NoError(t, err)
	require.True(t, found, "the owner sees it at once")
	require.Equal(t, u, got)
	u.Disabled = true
	require.ErrorIs(t, a.UpdateUser(ctx, u, store.UserUpdate{}, audited), store.ErrLastAdmin)
	require.NoError(t, a.Close())
	require.NoError(t, owner.Commit(ctx, store.Write{Put: []store.Record{record(99, start)}, Seen: start}))
	require.Len(t, scan(t, owner, store.Filter{}), 21)
}

func TestAttachAlone(t *testing.T) {
	ctx := context.Background()
	path := filepath.Join(t.TempDir(), "t.db")
	a, err := Attach(ctx, Options{Path: path})
	require.NoError(t, err, "it makes a database")
	require.NoError(t, a.AddUser(ctx, store.User{ID: "1", Name: "alice", CreatedAt: start}, audited))
	require.NoError(t, a.Close())
	users, err := open(t, path).Users(ctx)
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

func TestUsersSessionsTokens(t *testing.T) {
	ctx := context.Background()
	e := open(t, filepath.Join(t.TempDir(), "t.db"))
	admin := store.User{ID: "1", Name: "root", Role: "admin", Password: "h", CreatedAt: start}
	bob := store.User{ID: "2", Name: "bob", Role: "viewer", Subject: "issuer 7", CreatedAt: start}
	require.NoError(t, e.AddUser(ctx, admin, audited))
	require.NoError(t, e.AddUser(ctx, bob, audited))
	require.ErrorIs(t, e.AddUser(ctx, store.User{ID: "3", Name: "root"}, audited), store.ErrUserExists)
	require.ErrorIs(t, e.AddUser(ctx, store.User{ID: "3", Name: "x", Subject: "issuer 7"}, audited), store.ErrUserExists)
	got, found, err := e.FindUser(ctx, store.UserRef{Subject: "issuer 7"})
	require.NoError(t, err)
	require.True(t, found)
	require.Equal(t, bob, got)
	_, found, err = e.FindUser(ctx, store.UserRef{})
	require.NoError(t, err)
	require.False(t, found, "nothing names nobody")

	require.ErrorIs(t, e.DeleteUser(ctx, "1", audited), store.ErrLastAdmin)
	require.ErrorIs(t, e.DeleteUser(ctx, "9", audited), store.ErrUserUnknown)
	require.ErrorIs(t, e.UpdateUser(ctx, store.User{ID: "9"}, store.UserUpdate{}, audited), store.ErrUserUnknown)
	demoted := admin
	demoted.Role = "viewer"
	require.ErrorIs(t, e.UpdateUser(ctx, demoted, store.UserUpdate{}, audited), store.ErrLastAdmin)
	require.NoError(t, e.UpdateUser(ctx, demoted, store.UserUpdate{EvenLastAdmin: true}, audited))
	require.NoError(t, e.UpdateUser(ctx, admin, store.UserUpdate{}, audited))

	s := store.Session{Hash: "hash", User: "2", Data: []byte{1}, CreatedAt: start, SeenAt: start, ExpiresAt: start.Add(1)}
	require.NoError(t, e.PutSession(ctx, s, 5, audited))
	gotSession, gotUser, found, err := e.Session(ctx, "hash")
	require.NoError(t, err)
	require.True(t, found)
	require.Equal(t, s, gotSession)
	require.Equal(t, "bob", gotUser.Name)
	n := len(entries(t, e))
	require.NoError(t, e.EndSession(ctx, "none", audited))
	require.Len(t, entries(t, e), n, "nothing ended, nothing told")
	s.Hash, s.CreatedAt = "second", start.Add(2)
	require.NoError(t, e.PutSession(ctx, s, 5, audited))
	_, _, found, err = e.Session(ctx, "hash")
	require.NoError(t, err)
	require.False(t, found, "what is over goes when the next begins")

	token := store.Token{ID: "t", Name: "n", User: "2", Role: "viewer", Hash: "h", Display: "d", CreatedAt: start}
	require.NoError(t, e.AddToken(ctx, token, 1, audited))
	second := token
	second.ID, second.Hash = "t2", "h2"
	require.ErrorIs(t, e.AddToken(ctx, second, 1, audited), store.ErrTooManyTokens)
	require.NoError(t, e.TouchToken(ctx, "t", start.Add(5)))
	gotToken, gotUser, found, err := e.TokenOf(ctx, "h")
	require.NoError(t, err)
	require.True(t, found)
	require.Equal(t, start.Add(5), gotToken.UsedAt)
	require.Equal(t, start.Add(5), gotUser.SeenAt)
	require.ErrorIs(t, e.DropToken(ctx, "none", audited), store.ErrTokenUnknown)

	require.NoError(t, e.DeleteUser(ctx, "2", audited))
	_, _, found, err = e.TokenOf(ctx, "h")
	require.NoError(t, err)
	require.False(t, found)
	_, _, found, err = e.Session(ctx, "second")
	require.NoError(t, err)
	require.False(t, found)
}
