package pricing

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// TestHugeExponents are refused, or nothing, at once: as exact numbers they would fill the memory.
func TestHugeExponents(t *testing.T) {
	for _, n := range []string{"1e999999999", "1e301", "NaN", "Inf", "-1"} {
		_, err := parseRate(n)
		require.ErrorIs(t, err, errPrice, n)
	}
	for _, n := range []string{"1e-999999999", "0e999999999999", "1e-31", "0"} {
		r, err := parseRate(n)
		require.NoError(t, err, n)
		require.Zero(t, r, n)
	}
}
