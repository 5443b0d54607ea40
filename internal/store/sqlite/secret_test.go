package sqlite

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/ledger"
	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/usage"
)

func openKeyed(t *testing.T, path string) (*ledger.Ledger, *Engine) {
	t.Helper()
	e, err := Open(ctx, Options{Path: path, Keyed: true})
	require.NoError(t, err)
	l, err := ledger.Open(ctx, e, ledger.Options{KeySecret: e.KeySecret()})
	require.NoError(t, err)
	return l, e
}

// TestLostSecret: a database without its secret is not opened, and the error says what to do.
func TestLostSecret(t *testing.T) {
	path := filepath.Join(t.TempDir(), "t.db")
	l, _ := openKeyed(t, path)
	f := usage.Fingerprint("one")
	old := l.KeyedFingerprint(f)
	require.NoError(t, l.Close())
	secret, err := os.ReadFile(path + SecretSuffix)
	require.NoError(t, err)
	require.NoError(t, os.Remove(path+SecretSuffix))
	_, err = Open(ctx, Options{Path: path, Keyed: true})
	require.ErrorIs(t, err, store.ErrSecret)
	require.ErrorContains(t, err, path+SecretSuffix)
	_, err = os.Stat(path + SecretSuffix)
	require.ErrorIs(t, err, os.ErrNotExist, "none is made unasked")
	for _, wrong := range []string{"nonsense", string(secret[:10]), "00" + string(secret[2:])} {
		if wrong == string(secret) {
			continue
		}
		require.NoError(t, os.WriteFile(path+SecretSuffix, []byte(wrong), 0o600))
		_, err = Open(ctx, Options{Path: path, Keyed: true})
		require.ErrorIs(t, err, store.ErrSecret, wrong)
	}
	require.NoError(t, os.WriteFile(path+SecretSuffix, secret, 0o644))
	l, _ = openKeyed(t, path)
	require.Equal(t, old, l.KeyedFingerprint(f))
	require.NoError(t, l.Close())
	info, err := os.Stat(path + SecretSuffix)
	require.NoError(t, err)
	require.Zero(t, info.Mode().Perm()&0o077)

	require.NoError(t, os.WriteFile(path+SecretSuffix, nil, 0o600))
	l, _ = openKeyed(t, path)
	fresh := l.KeyedFingerprint(f)
	require.NotEqual(t, old, fresh, "an empty file asks for a new one")
	require.NoError(t, l.Close())
	l, _ = openKeyed(t, path)
	require.Equal(t, fresh, l.KeyedFingerprint(f))
	require.NoError(t, l.Close())
}
