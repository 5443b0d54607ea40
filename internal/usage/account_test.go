package usage

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

func TestAccountDisplay(t *testing.T) {
	for _, c := range []struct{ name, index, want string }{
		{"", "", ""},
		{"alice@example.com", "552621c7783b2593", "a…@e….com (552621c7)"},
		{"alice@example.com", "", "a…@e….com"},
		{"a@b.io", "", "…@….io"},
		{"alice@mail.example.co.uk", "", "a…@m….uk"},
		{"alice@localhost", "", "a…@l…"},
		{`"quoted@local"@example.com`, "", `"…@e….com`},
		{"key-0123456789abcdef", "01ab", "key…cdef (01ab)"},
		{"up-key-1", "", "up…"},
		{"abc", "", "…"},
		{"", "552621c7783b2593", "552621c7"},
		{"", "0", "0"},
		{"a\u202e\x00lice@example.com", "", "a…@e….com"},
		{"Übermensch-mit-langem-Namen", "", "Übe…amen"},
	} {
		got := AccountDisplay(c.name, c.index)
		require.Equal(t, c.want, got)
		require.Equal(t, got, ReadAccount(got), "it is cut once")
		if got != "" {
			require.True(t, IsAccountDisplay(got), got)
		}
	}
	require.Len(t, AccountDisplay("", "alice@example.com"), 8, "an index that can be an address is hashed")
	require.Equal(t, "552621c7", ReadAccount(" 552621c7783b2593 "))
	for _, s := range []string{"alice@example.com", "a@b.co…", "…a@b.co", "alice (01ab)", "a…@e….com (alice)", "key-0123456789abcdef", "x…@secret-host…", strings.Repeat("…", 40)} {
		require.False(t, IsAccountDisplay(s), s)
	}
}

// FuzzAccount: whatever names an account, its display form is short and clean, stays as it is, and has no address.
func FuzzAccount(f *testing.F) {
	for _, s := range []string{"alice@example.com", "key-0123456789abcdef", "a…@e….com (552621c7)", "\x00\u202e", "@", "a@@b..c", "…"} {
		f.Add(s, "552621c7783b2593")
	}
	f.Fuzz(func(t *testing.T, name, index string) {
		for _, got := range []string{AccountDisplay(name, index), ReadAccount(name)} {
			require.LessOrEqual(t, len(got), maxAccount)
			require.True(t, utf8.ValidString(got))
			require.Equal(t, got, ReadAccount(got))
			if local, host, is := strings.Cut(got, "@"); is {
				require.LessOrEqual(t, utf8.RuneCountInString(local), 2)
				require.Contains(t, host, "…")
			}
		}
	})
}
