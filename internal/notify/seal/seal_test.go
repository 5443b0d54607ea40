package seal

import (
	"bytes"
	"encoding/hex"
	"testing"

	"github.com/stretchr/testify/require"
)

func sealer(t *testing.T, fill byte) *Sealer {
	t.Helper()
	s, err := New(bytes.Repeat([]byte{fill}, 32))
	require.NoError(t, err)
	return s
}

// TestSeal: what is sealed opens for its channel and with its key, and for nothing else; it is never the same twice.
func TestSeal(t *testing.T) {
	s := sealer(t, 1)
	secrets := map[string]string{"token": "planted", "password": "plänted"}
	sealed, err := s.Seal("ch_1", secrets)
	require.NoError(t, err)
	require.NotContains(t, string(sealed), "planted")
	opened, err := s.Open("ch_1", sealed)
	require.NoError(t, err)
	require.Equal(t, secrets, opened)
	again, err := s.Seal("ch_1", secrets)
	require.NoError(t, err)
	require.NotEqual(t, sealed[header:], again[header:])
	_, err = s.Open("ch_2", sealed)
	require.ErrorIs(t, err, ErrDamaged, "another channel's")
	_, err = sealer(t, 2).Open("ch_1", sealed)
	require.ErrorIs(t, err, ErrOtherKey)
	for i := range sealed {
		changed := bytes.Clone(sealed)
		changed[i] ^= 1
		_, err := s.Open("ch_1", changed)
		require.Error(t, err, "byte %d", i)
		require.NotContains(t, err.Error(), "planted")
	}
	for n := range len(sealed) {
		_, err := s.Open("ch_1", sealed[:n])
		require.Error(t, err)
	}
	none, err := s.Seal("ch_1", nil)
	require.NoError(t, err)
	opened, err = s.Open("ch_1", none)
	require.NoError(t, err)
	require.Empty(t, opened)
	_, err = New(nil)
	require.ErrorIs(t, err, ErrNoKey)
}

// TestSealedFormat: what an earlier version has sealed opens for ever.
func TestSealedFormat(t *testing.T) {
	kept, err := hex.DecodeString("019222bedc2279cbf1d2f56338a39491e4de4ebfdcae758219d34ed2404e6050fd6cb66ba7879a2460d2ced810e4")
	require.NoError(t, err)
	opened, err := sealer(t, 1).Open("ch_1", kept)
	require.NoError(t, err)
	require.Equal(t, map[string]string{"token": "t"}, opened)
}
