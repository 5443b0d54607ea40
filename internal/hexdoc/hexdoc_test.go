package hexdoc

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestExample(t *testing.T) {
	cases := []struct {
		name, body, fails string
		want              []byte
	}{
		{name: "bytes", body: "0000  01 ff ; version\n      ; and more\n\n0002  00", want: []byte{1, 255, 0}},
		{name: "wrong offset", body: "0000  01\n0002  02", fails: "1 bytes (0001) come before it"},
		{name: "no offset", body: "01 02", fails: "no offset"},
		{name: "half a byte", body: "0000  1", fails: "odd length"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "d.md")
			require.NoError(t, os.WriteFile(path, []byte("text\n<!-- hex: it -->\n```text\n"+c.body+"\n```\nmore"), 0o600))
			got, err := Example(path, "it")
			if c.fails != "" {
				require.ErrorContains(t, err, c.fails)
				return
			}
			require.NoError(t, err)
			require.Equal(t, c.want, got)
			_, err = Example(path, "other")
			require.ErrorContains(t, err, `no example "other"`)
		})
	}
}

func TestFile(t *testing.T) {
	want := make([]byte, 70)
	for i := range want {
		want[i] = byte(i)
	}
	path := filepath.Join(t.TempDir(), "f.hex")
	require.NoError(t, os.WriteFile(path, []byte(Text(want)), 0o600))
	got, err := File(path)
	require.NoError(t, err)
	require.Equal(t, want, got)
	require.NoError(t, os.WriteFile(path, []byte("0x"), 0o600))
	_, err = File(path)
	require.ErrorContains(t, err, "f.hex")
}
