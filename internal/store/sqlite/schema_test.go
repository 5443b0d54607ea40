package sqlite

import (
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/store"
)

// TestMigrationsAreNumbered: two steps to one version would be one step to a database that stopped between them.
func TestMigrationsAreNumbered(t *testing.T) {
	for i, m := range migrations() {
		require.Equal(t, firstVersion+i, m.version, "migrations follow one another, one file for each version")
	}
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
