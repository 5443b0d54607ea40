package password

import (
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/leaktest"
)

func TestMain(m *testing.M) { leaktest.Main(m) }

// quick are parameters for tests of what is not their cost.
var quick = Params{Memory: 64, Passes: 1, Threads: 1}

func TestHashAndVerify(t *testing.T) {
	ctx := context.Background()
	h := New(quick)
	a, err := h.Hash(ctx, Caller{}, "correct horse battery")
	require.NoError(t, err)
	b, err := h.Hash(ctx, Caller{}, "correct horse battery")
	require.NoError(t, err)
	require.NotEqual(t, a, b, "every hash has a salt of its own")
	require.NotContains(t, a, "horse")
	for password, want := range map[string]bool{"correct horse battery": true, "correct horse batterz": false, "": false, a: false} {
		ok, err := h.Verify(ctx, Caller{}, a, password)
		require.NoError(t, err)
		require.Equal(t, want, ok, password)
	}
	ok, err := h.Verify(ctx, Caller{}, "", "")
	require.NoError(t, err)
	require.False(t, ok, "who has no password cannot sign in with one")

	composed, err := h.Hash(ctx, Caller{}, "\u00e9t\u00e9 \u00e0 la mer")
	require.NoError(t, err)
	ok, err = h.Verify(ctx, Caller{}, composed, "e\u0301te\u0301 a\u0300 la mer")
	require.NoError(t, err)
	require.True(t, ok, "another keyboard's accents are the same password")
}

func TestParametersAreStored(t *testing.T) {
	ctx := context.Background()
	old, err := New(quick).Hash(ctx, Caller{}, "correct horse battery")
	require.NoError(t, err)
	h := New(Params{Memory: 128, Passes: 1, Threads: 1})
	ok, err := h.Verify(ctx, Caller{}, old, "correct horse battery")
	require.NoError(t, err)
	require.True(t, ok)
	require.True(t, h.Outdated(old))
	require.False(t, New(quick).Outdated(old))
	fresh, err := New(Recommended).Hash(ctx, Caller{}, "x")
	require.NoError(t, err)
	require.True(t, strings.HasPrefix(fresh, "$argon2id$v=19$m=19456,t=2,p=1$"), fresh)
}

func TestDamagedHashes(t *testing.T) {
	h := New(quick)
	for _, encoded := range []string{
		"x", "$argon2i$v=19$m=64,t=1,p=1$c2FsdHNhbHRzYWx0c2E$aGFzaA", "$argon2id$v=18$m=64,t=1,p=1$c2FsdA$aGFzaA", "$argon2id$v=19$m=64$c2FsdA$aGFzaA",
		"$argon2id$v=19$m=4294967295,t=1,p=1$c2FsdHNhbHRzYWx0c2E$" + strings.Repeat("A", 43), "$argon2id$v=19$m=64,t=1,p=0$c2FsdHNhbHRzYWx0c2E$" + strings.Repeat("A", 43),
		"5f4dcc3b5aa765d61d8327deb882cf99",
	} {
		_, err := h.Verify(context.Background(), Caller{}, encoded, "password")
		require.Error(t, err, encoded)
		require.NotContains(t, err.Error(), "AAAA")
	}
}

func TestCheck(t *testing.T) {
	for password, wrong := range map[string]bool{
		"short": true, "elevenchars": true, "twelve chars": false, "aaaaaaaaaaaaaaaaaa": true, "alicealicealice!": true, "My ALICE password": true,
		"with\x00control chars": true, "一二三四五六七八九十百千": false, strings.Repeat("abcdefgh", 16): false, strings.Repeat("abcdefgh", 16) + "x": true, "\xff\xfeinvalid bytes!": true,
	} {
		require.Equal(t, wrong, Check(password, "alice") != nil, password)
	}
}
