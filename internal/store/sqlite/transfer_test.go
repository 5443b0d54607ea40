package sqlite

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/store/transfer"
)

// TestTransferHasEverything: every table and column of the schema is moved, or is listed with the reason why not.
func TestTransferHasEverything(t *testing.T) {
	e := openAt(t, filepath.Join(t.TempDir(), "t.db"))
	moved := map[string]bool{}
	for _, table := range transfer.Tables() {
		for _, name := range columns(&table) {
			moved[table.Name+"."+name] = true
		}
	}
	moved["sums.id"] = true // of part, day and axis
	rows, err := e.readDB.QueryContext(ctx, `SELECT m.name, c.name FROM sqlite_schema m JOIN pragma_table_info(m.name) c
WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite_%'`)
	require.NoError(t, err)
	defer rows.Close()
	n := 0
	for rows.Next() {
		var table, column string
		require.NoError(t, rows.Scan(&table, &column))
		known := moved[table+"."+column] || notMoved[table] != "" || notMoved[table+"."+column] != ""
		require.True(t, known, "%s.%s is not moved to other engines: add it to transfer.Tables or to notMoved", table, column)
		n++
	}
	require.NoError(t, rows.Err())
	require.Greater(t, n, 60)
}

func openAt(t *testing.T, path string) *Engine {
	t.Helper()
	e, err := Open(ctx, Options{Path: path})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, e.Close()) })
	return e
}

// TestImportRefuses: a database that is there, one that is in use, and the secret of another one are left as they are;
// what an earlier try left is not taken for a database.
func TestImportRefuses(t *testing.T) {
	never := func(transfer.Target) error {
		require.Fail(t, "it must not be filled")
		return nil
	}
	path := filepath.Join(t.TempDir(), "t.db")
	e, err := Open(ctx, Options{Path: path})
	require.NoError(t, err)
	require.ErrorIs(t, Import(ctx, path, nil, never), store.ErrInUse)
	require.NoError(t, e.Close())
	require.ErrorIs(t, Import(ctx, path, nil, never), transfer.ErrNotEmpty)

	path = filepath.Join(t.TempDir(), "t.db")
	secret := make([]byte, secretSize)
	require.NoError(t, os.WriteFile(path+SecretSuffix, []byte(strings.Repeat("ab", secretSize)), 0o600))
	require.ErrorIs(t, Import(ctx, path, secret, never), transfer.ErrNotEmpty)
	require.NoError(t, os.Remove(path+SecretSuffix))
	require.NoError(t, os.WriteFile(path+importSuffix, []byte("half"), 0o600))
	require.Error(t, Import(ctx, path, secret, func(transfer.Target) error { return store.ErrReadOnly }))
	left, err := filepath.Glob(path + "*")
	require.NoError(t, err)
	require.Equal(t, []string{path + ".lock"}, left)
	require.NoError(t, Import(ctx, path, secret, func(to transfer.Target) error {
		return to.SetValues(ctx, transfer.Values{Meta: map[string]int64{"key_secret": checkOf(secret)}})
	}))
	e, err = Open(ctx, Options{Path: path, Keyed: true})
	require.NoError(t, err)
	require.Equal(t, secret, []byte(e.KeySecret()))
	require.NoError(t, e.Close())
}
