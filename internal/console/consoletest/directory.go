package consoletest

import (
	"context"
	"database/sql"
	"fmt"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// Dump returns all that the store holds.
func (b *Bench) Dump() map[string][]string {
	b.T.Helper()
	path := filepath.Join(b.T.TempDir(), "dump.db")
	require.NoError(b.T, b.Ledger.Backup(context.Background(), path))
	db, err := sql.Open("sqlite", path)
	require.NoError(b.T, err)
	defer func() { require.NoError(b.T, db.Close()) }()
	out := map[string][]string{}
	for _, table := range lines(b.T, db, "SELECT name FROM sqlite_master WHERE type = 'table'") {
		out[table] = lines(b.T, db, "SELECT * FROM "+table)
	}
	return out
}

// lines returns the rows of a query, each as one text, sorted.
func lines(t testing.TB, db *sql.DB, query string) (out []string) {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), query)
	require.NoError(t, err)
	defer rows.Close()
	columns, err := rows.Columns()
	require.NoError(t, err)
	for rows.Next() {
		values, into := make([]any, len(columns)), make([]any, len(columns))
		for i := range values {
			into[i] = &values[i]
		}
		require.NoError(t, rows.Scan(into...))
		out = append(out, fmt.Sprint(values...))
	}
	require.NoError(t, rows.Err())
	slices.Sort(out)
	return out
}
