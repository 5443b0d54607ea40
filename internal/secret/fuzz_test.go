package secret

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

// FuzzText: no text makes the search do more than a bounded number of looks at each byte; what is cut stays cut.
func FuzzText(f *testing.F) {
	for _, key := range samples {
		f.Add("see " + key + ".")
	}
	for _, text := range hostile {
		f.Add(text(200))
	}
	for _, s := range []string{`{"api_key":"x\"y","b":[1]}`, "Authorization: Bearer abcdefgh12345678\r\n", "https://u:p@h/?key=1&sig=2", "map[Cookie:[a=b; c=d]]", pem} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		x := scanner{s: s}
		want, n := x.cut()
		require.LessOrEqual(t, x.work, 64*(len(s)+16))
		out, m := Text(s)
		require.Equal(t, want, out)
		require.Equal(t, n, m)
		if utf8.ValidString(s) {
			require.True(t, utf8.ValidString(out))
		}
		Name(s)
		Query(s)
	})
}

// FuzzKeys: known keys are gone from any text.
func FuzzKeys(f *testing.F) {
	f.Add("abcdefgh12", "x abcdefgh12 y", "bcdefgh12345")
	f.Add("aaaaaaaa", strings.Repeat("a", 30), "aaaaaaab")
	f.Fuzz(func(t *testing.T, a, text, b string) {
		var k Keys
		k.Add(a)
		k.Add(b)
		for i := range 4 {
			k.Add(strings.Repeat(string(rune('a'+i)), 9))
		}
		out, n := k.Cut(text)
		if n == 0 {
			require.Equal(t, text, out)
		}
		for _, key := range k.list {
			if len(key) <= maxPattern && len(key) >= 2*shortest && !strings.Contains(key, "…") {
				require.NotContains(t, strings.ReplaceAll(out, display(key), ""), key)
			}
		}
	})
}
