package sqlite

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/store"
)

func TestLockFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "t.db.lock")
	l, err := lockFile(path)
	require.NoError(t, err)
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	_, err = lockFile(path)
	require.ErrorIs(t, err, store.ErrInUse)
	require.NoError(t, l.release())
	l, err = lockFile(path)
	require.NoError(t, err, "the file stays and the lock is free")
	require.NoError(t, l.release())
	_, err = lockFile(filepath.Join(path, "below a file"))
	require.ErrorContains(t, err, "lock the database")
}
