package postgres

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/store/postgres/pgtest"
	"github.com/tokenboard/tokenboard/internal/store/transfer"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// TestTransferHasEverything: every table and column of the schema is moved, or is listed with the reason why not.
func TestTransferHasEverything(t *testing.T) {
	ctx := context.Background()
	e, err := Open(ctx, options(server.Schema(t)))
	require.NoError(t, err)
	defer func() { _ = e.Close() }()
	moved := map[string]bool{}
	for _, table := range transfer.Tables() {
		for _, name := range table.Names() {
			moved[table.Name+"."+name] = true
		}
	}
	n := 0
	require.NoError(t, e.db.Each(ctx, func(r pgx.Rows) error {
		var table, column string
		require.NoError(t, r.Scan(&table, &column))
		known := moved[table+"."+column] || notMoved[table] != "" || notMoved[table+"."+column] != ""
		require.True(t, known, "%s.%s is not moved to other engines: add it to transfer.Tables or to notMoved", table, column)
		n++
		return nil
	}, "SELECT table_name::text, column_name::text FROM information_schema.columns WHERE table_schema = current_schema()"))
	require.Greater(t, n, 70)
}

// TestDump: the command that DumpCommand returns backs the database up, and what pg_restore makes of it is a store with
// the same records.
func TestDump(t *testing.T) {
	ctx := context.Background()
	server.Start(t)
	name, restored := server.Database(t), server.Database(t)
	o := options(server.URL(name))
	e, err := Open(ctx, o)
	require.NoError(t, err)
	defer func() { _ = e.Close() }()
	r := store.Record{Counted: true, Call: usage.Call{ID: usage.ID{1}, Start: time.Now().UTC(), Model: "m", Tokens: usage.Tokens{InputUncached: 7, Fields: usage.HasInput}}}
	require.NoError(t, e.Commit(ctx, store.Write{ID: store.NewWriteID(), Put: []store.Record{r}, At: time.Now()}))
	file := filepath.Join(t.TempDir(), "it's a.dump")
	command := o.DumpCommand(file)
	require.NotContains(t, command, pgtest.Password)
	for _, c := range []string{command, "pg_restore --exit-on-error --no-owner --dbname='" + server.URL(restored) + "' " + strings.ReplaceAll(strings.ReplaceAll(file, "'", `\'`), " ", `\ `)} {
		cmd := exec.CommandContext(ctx, "sh", "-c", c)
		cmd.Env = append(os.Environ(), "PGPASSWORD="+pgtest.Password, "PATH="+filepath.Dir(pgtest.Program(t, "pg_dump"))+":"+os.Getenv("PATH"))
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s", out)
	}
	copied, err := Open(ctx, options(server.URL(restored)))
	require.NoError(t, err)
	defer func() { _ = copied.Close() }()
	want, err := transfer.Count(ctx, e)
	require.NoError(t, err)
	got, err := transfer.Count(ctx, copied)
	require.NoError(t, err)
	require.Equal(t, want, got)
	require.EqualValues(t, 1, got.Totals.Calls)
}

// TestImportRefuses: a database with anything in it, and one that a process decides for, are left as they are; what an
// interrupted import gave is not stored.
func TestImportRefuses(t *testing.T) {
	ctx := context.Background()
	o := options(server.Schema(t))
	e, err := Open(ctx, o)
	require.NoError(t, err)
	defer func() { _ = e.Close() }()
	never := func(transfer.Target) error {
		require.Fail(t, "it must not be filled")
		return nil
	}
	l, err := e.Acquire(ctx, store.TaskLedger, "another", time.Minute)
	require.NoError(t, err)
	require.ErrorIs(t, Import(ctx, o, never), store.ErrInUse)
	require.NoError(t, e.Release(ctx, l))

	dims := transfer.Tables()[0]
	give := func(to transfer.Target) error {
		return to.Insert(ctx, dims, []transfer.Row{{int64(1), int64(1), "text"}})
	}
	require.ErrorIs(t, Import(ctx, o, func(to transfer.Target) error {
		require.NoError(t, give(to))
		return store.ErrReadOnly
	}), store.ErrReadOnly)
	cancelled, cancel := context.WithCancel(ctx)
	require.Error(t, Import(cancelled, o, func(to transfer.Target) error {
		require.NoError(t, give(to))
		cancel()
		return cancelled.Err()
	}))
	require.NoError(t, Import(ctx, o, give), "nothing of it is there")
	require.ErrorIs(t, Import(ctx, o, never), transfer.ErrNotEmpty)
}
