package usage

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// TestDerived: keys for purposes differ from each other and from keyed fingerprints; there are none without a secret.
func TestDerived(t *testing.T) {
	secret := KeySecret("0123456789abcdef0123456789abcdef")
	require.Len(t, secret.Derived("a"), 32)
	require.Equal(t, secret.Derived("a"), secret.Derived("a"))
	require.NotEqual(t, secret.Derived("a"), secret.Derived("b"))
	require.NotEqual(t, secret.Derived("a"), KeySecret("another secret").Derived("a"))
	require.Nil(t, KeySecret(nil).Derived("a"))
}
