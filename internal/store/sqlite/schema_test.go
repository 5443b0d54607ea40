package sqlite

import (
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// TestMigrationsAreNumbered: two steps to one version would be one step to a database that stopped between them.
func TestMigrationsAreNumbered(t *testing.T) {
	for i, m := range migrations() {
		require.Equal(t, firstVersion+i, m.version, "migrations follow one another, one file for each version")
	}
}

// TestServiceTierMigration: a database of the first schema keeps its records, and takes service tiers.
func TestServiceTierMigration(t *testing.T) {
	path := filepath.Join(t.TempDir(), "t.db")
	at := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	put := func(e *Engine, n byte, tier usage.Tier) {
		c := usage.Call{Role: usage.RoleCall, Start: at, Trace: usage.TraceID{n}, Span: usage.SpanID{n}, Tier: tier}
		c.ID = usage.SpanRecordID(c.Trace, c.Span)
		require.NoError(t, e.Commit(ctx, store.Write{At: at, Put: []store.Record{{Call: c, Counted: true, StoredAt: at}}}))
	}
	e, err := Open(ctx, Options{Path: path})
	require.NoError(t, err)
	put(e, 1, usage.TierUnknown)
	require.NoError(t, e.Close())
	db, err := sql.Open("sqlite", dsn(path, "rw"))
	require.NoError(t, err)
	_, err = db.ExecContext(ctx, fmt.Sprintf("PRAGMA user_version = %d", firstVersion)) // its schema is the same
	require.NoError(t, err)
	require.NoError(t, db.Close())
	for range 2 { // the second time it is not migrated any more
		e, err = Open(ctx, Options{Path: path})
		require.NoError(t, err)
		put(e, 2, usage.TierBatch)
		totals, err := e.Totals(ctx, store.Filter{}, []store.Field{store.FieldTier}, 10)
		require.NoError(t, err)
		require.Len(t, totals, 2)
		totals, err = e.Totals(ctx, store.Filter{Tiers: []string{"batch"}}, []store.Field{store.FieldTier}, 10)
		require.NoError(t, err)
		require.Equal(t, []string{"batch"}, totals[0].Values)
		require.NoError(t, e.Close())
	}
	db, err = sql.Open("sqlite", dsn(path, "rw"))
	require.NoError(t, err)
	var version int
	require.NoError(t, db.QueryRowContext(ctx, "PRAGMA user_version").Scan(&version))
	require.Equal(t, newestVersion(), version)
	require.Greater(t, version, firstVersion, "an earlier program refuses the database")
	require.NoError(t, db.Close())
}

// TestUnreleasedDatabase: a database of a development version is refused by all that open one, and left as it is.
func TestUnreleasedDatabase(t *testing.T) {
	dir := t.TempDir()
	for _, version := range []int{1, firstVersion - 1} {
		path := filepath.Join(dir, fmt.Sprint(version, ".db"))
		db, err := sql.Open("sqlite", dsn(path, "rwc"))
		require.NoError(t, err)
		for _, q := range []string{
			"CREATE TABLE calls (key INTEGER PRIMARY KEY)", fmt.Sprintf("PRAGMA application_id = %d", applicationID),
			fmt.Sprintf("PRAGMA user_version = %d", version),
		} {
			_, err := db.ExecContext(ctx, q)
			require.NoError(t, err)
		}
		require.NoError(t, db.Close())
		before, err := os.ReadFile(path)
		require.NoError(t, err)
		_, err = Open(ctx, Options{Path: path})
		require.ErrorIs(t, err, store.ErrUnreleased)
		require.ErrorContains(t, err, "move it away")
		_, err = Attach(ctx, Options{Path: path})
		require.ErrorIs(t, err, store.ErrUnreleased)
		require.ErrorIs(t, Backup(ctx, path, filepath.Join(dir, "copy.db")), store.ErrUnreleased)
		after, err := os.ReadFile(path)
		require.NoError(t, err)
		require.Equal(t, before, after)
	}
}
