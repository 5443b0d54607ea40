package pgtest

import (
	"context"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
)

// TestServer: a schema's role works in its schema; what is stored is there after a crash; nothing is left at the end.
func TestServer(t *testing.T) {
	ctx := context.Background()
	var s Server
	defer s.End()
	as := s.Schema(t)
	query := func(text string) (n int) {
		conn, err := pgx.Connect(ctx, as)
		require.NoError(t, err)
		defer conn.Close(ctx) //nolint:errcheck // it only read
		require.NoError(t, conn.QueryRow(ctx, text).Scan(&n))
		return n
	}
	require.Equal(t, 7, query("WITH made AS (SELECT 7 AS n) SELECT n FROM made"))
	s.Exec(t, "postgres", "CREATE TABLE t1.kept AS SELECT 5 AS n", "GRANT SELECT ON t1.kept TO t1")
	s.Stop()
	_, err := pgx.Connect(ctx, as)
	require.Error(t, err)
	s.Start(t)
	require.Equal(t, 5, query("SELECT n FROM kept"))
	require.NotEqual(t, as, s.Schema(t))
	dir, pid := s.dir, s.process.cmd.Process.Pid
	s.End()
	require.NoDirExists(t, dir)
	require.Error(t, syscall.Kill(pid, 0))
}
