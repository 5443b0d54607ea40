package database

import (
	"errors"
	"io"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/store"
)

// TestUnavailable: what passes by itself is distinguished from what somebody has to mend.
func TestUnavailable(t *testing.T) {
	for _, err := range []error{
		pgconn.ErrConnClosed, io.ErrUnexpectedEOF, &pgconn.PgError{Code: codeAdminShutdown},
		&pgconn.PgError{Code: codeCrashShutdown}, &pgconn.PgError{Code: codeStarting}, &pgconn.PgError{Code: codeConnections},
	} {
		mapped := Map("read", err)
		require.ErrorIs(t, mapped, store.ErrUnavailable, "%v", err)
		require.ErrorIs(t, mapped, err)
		require.NotContains(t, mapped.Error(), store.ErrUnavailable.Error(), "its own text says more")
	}
	for _, err := range []error{
		errors.New("can't scan into dest[0]"), &pgconn.PgError{Code: codePermission}, &pgconn.PgError{Code: codeReadOnly},
		&pgconn.PgError{Code: codeCancelled}, &pgconn.PgError{Code: "XX001"},
	} {
		require.NotErrorIs(t, Map("read", err), store.ErrUnavailable, "%v", err)
	}
}
