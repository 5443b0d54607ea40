package directory

import (
	"context"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/store/postgres/database"
	"github.com/tokenboard/tokenboard/internal/store/postgres/pgtest"
)

var server pgtest.Server

func TestMain(m *testing.M) { os.Exit(pgtest.Main(m, &server)) }

// TestUnstorableTexts: what no row can have is not found, as with any other engine; it is no failure of the database.
func TestUnstorableTexts(t *testing.T) {
	ctx := context.Background()
	db, err := database.Open(ctx, database.Options{DSN: server.Schema(t)})
	require.NoError(t, err)
	defer db.Close()
	d := New(db)
	for _, text := range []string{"a\x00b", "\xff"} {
		for _, ref := range []store.UserRef{{ID: text}, {Name: text}, {Subject: text}} {
			_, found, err := d.FindUser(ctx, ref)
			require.NoError(t, err)
			require.False(t, found)
		}
		keys, err := d.KeysOf(ctx, []string{text})
		require.NoError(t, err)
		require.Empty(t, keys)
		_, _, found, err := d.Session(ctx, text)
		require.NoError(t, err)
		require.False(t, found)
		_, _, found, err = d.TokenOf(ctx, text)
		require.NoError(t, err)
		require.False(t, found)
		_, _, err = d.Tokens(ctx, store.TokenQuery{After: text})
		require.ErrorIs(t, err, store.ErrCursor)
		_, total, err := d.Tokens(ctx, store.TokenQuery{User: text})
		require.NoError(t, err)
		require.Zero(t, total)
		require.NoError(t, d.AddAudit(ctx, store.AuditEntry{Action: "x.y"}))
		require.NoError(t, d.Audit(ctx, store.AuditFilter{Actions: []string{text}}, func(*store.AuditEntry) error { return os.ErrExist }))
		require.Error(t, d.AddUser(ctx, store.User{ID: text, Name: "n"}, store.AuditEntry{Action: "x.y"}))
	}
}
