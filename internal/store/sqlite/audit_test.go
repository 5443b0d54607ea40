package sqlite

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestAuditIsAppendOnly: the database itself refuses to change an entry.
func TestAuditIsAppendOnly(t *testing.T) {
	e := open(t, filepath.Join(t.TempDir(), "t.db"))
	require.NoError(t, e.Directory().AddAudit(ctx, audited))
	_, err := e.writer.conn.ExecContext(ctx, "UPDATE audit_log SET action = 'x'")
	require.ErrorContains(t, err, "append-only")
}
