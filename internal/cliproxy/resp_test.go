package cliproxy

import (
	"bufio"
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestReadValue(t *testing.T) {
	for in, want := range map[string]value{
		"+OK\r\n":                       {text: "OK"},
		":17\r\n":                       {text: "17"},
		"-ERR no\r\n":                   {text: "ERR no", failed: true},
		"$-1\r\n":                       {},
		"*-1\r\n":                       {},
		"*0\r\n":                        {},
		"$3\r\na\r\n\r\n":               {text: "a\r\n"},
		"*2\r\n$1\r\na\r\n*1\r\n:1\r\n": {list: []value{{text: "a"}, {list: []value{{text: "1"}}}}},
	} {
		got, err := readValue(bufio.NewReader(bytes.NewBufferString(in)), 0)
		require.NoError(t, err, in)
		require.Equal(t, want, got, in)
	}
	for _, in := range []string{"", "HTTP/1.1 400 Bad Request\r\n", "$99999999999\r\n", "$x\r\n", "*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n", "$3\r\nab", "\n", "$1\n"} {
		_, err := readValue(bufio.NewReader(bytes.NewBufferString(in)), 0)
		require.Error(t, err, in)
	}
}

func FuzzReadValue(f *testing.F) {
	f.Add([]byte("*3\r\n$7\r\nmessage\r\n$5\r\nusage\r\n$2\r\n{}\r\n"))
	f.Fuzz(func(_ *testing.T, b []byte) { _, _ = readValue(bufio.NewReader(bytes.NewReader(b)), 0) })
}
