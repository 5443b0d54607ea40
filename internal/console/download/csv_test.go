package download

import (
	"bytes"
	"encoding/csv"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

func TestCells(t *testing.T) {
	for text, want := range map[string]string{
		"": "", "plain": "plain", "a=b": "a=b", "=1": "'=1", "+1": "'+1", "@x": "'@x", "\tx": "'\tx", "\rx": "'\rx", "\nx": "'\nx",
		"  =1": "'  =1", "＝1": "'＝1", "\u00a0@x": "'\u00a0@x", "中": "中", "-1": "-1", "-1.5": "-1.5", "-1+1": "'-1+1", "-": "'-", "-.": "'-.",
		"\ufeff=1": "'\ufeff=1", "\u200b=1": "'\u200b=1", "\u202e=1": "'\u202e=1", "\u00ad=1": "'\u00ad=1", "\u3164=1": "'\u3164=1", "\u034f=1": "'\u034f=1",
		"\x00=1": "'\x00=1", "\x7f=1": "'\x7f=1", "\ufe0f=1": "'\ufe0f=1", "\U000e0020=1": "'\U000e0020=1", "\u2060\u2061 =1": "'\u2060\u2061 =1",
		"﹦1": "'﹦1", "﹢1": "'﹢1", "﹣1": "'﹣1", "﹫x": "'﹫x", "－1": "'－1", "−1": "'−1", "|x": "'|x",
		"a;=1": "a;'=1", "a; \u200b=1;b": "a;' \u200b=1;b", "a\t=1": "a\t'=1", "a\n=1": "a\n'=1", "a;\"=1\"": "a;'\"=1\"", "'=1": "'=1",
	} {
		require.Equal(t, want, cell(text), "%q", text)
	}
}

// TestOneCSVWriter reads the code of the console: what is written as CSV goes through CSV.
func TestOneCSVWriter(t *testing.T) {
	read := 0
	require.NoError(t, filepath.WalkDir("..", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(name) != ".go" || strings.HasSuffix(name, "_test.go") || name == filepath.Join("..", "download", "csv.go") {
			return err
		}
		text, err := os.ReadFile(name)
		read++
		require.NotContains(t, string(text), "encoding/csv", name)
		return err
	}))
	require.Greater(t, read, 60, "the source of all packages of the console")
}

// FuzzCells: whatever the text, in whichever way a spreadsheet divides it, nothing that it sees first begins a
// formula; the text is whole but for apostrophes; and it comes back out of the CSV.
func FuzzCells(f *testing.F) {
	for _, s := range []string{"=1", "\ufeff=1", "a;\u200b+1", "-1", "\t@", "＝", "\xff=1", "\"=1", "a\r\n=1", "−1", "\u0300=1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := cell(s)
		require.Equal(t, strings.ReplaceAll(s, "'", ""), strings.ReplaceAll(got, "'", ""))
		require.Equal(t, got, cell(got), "once is enough")
		if !plainNumber(got) {
			require.False(t, got != "" && strings.ContainsRune("\t\r\n", rune(got[0])))
			for _, piece := range strings.FieldsFunc(got, func(r rune) bool { return strings.ContainsRune(";\t\r\n", r) }) {
				seen := strings.TrimLeftFunc(piece, func(r rune) bool {
					return r == '"' || r <= ' ' || r == utf8.RuneError || unicode.In(r, unicode.Z, unicode.C, unicode.M)
				})
				first, _ := utf8.DecodeRuneInString(seen)
				require.False(t, seen != "" && strings.ContainsRune("=+-@＝＋－＠﹦﹢﹣﹫−", first), "%q of %q", piece, s)
			}
		}
		var out bytes.Buffer
		w := NewCSV(&out)
		require.NoError(t, w.Write([]string{s, "x"}))
		require.NoError(t, w.Flush())
		rows, err := csv.NewReader(strings.NewReader(strings.TrimPrefix(out.String(), byteOrderMark))).ReadAll()
		require.NoError(t, err)
		require.Equal(t, []string{strings.ReplaceAll(got, "\r\n", "\n"), "x"}, rows[0])
	})
}
