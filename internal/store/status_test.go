package store

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestParseStatus(t *testing.T) {
	for text, want := range map[string][5]bool{ // of 200, a failed 429, a failed 500, an unknown one, a failed unknown one
		"ok": {true, false, false, true, false}, "error": {false, true, true, false, true},
		"429": {false, true, false, false, false}, "5xx": {false, false, true, false, false}, "2xx": {true, false, false, false, false},
		"": {}, "0": {}, "0xx": {}, "xx": {}, "-4xx": {}, "okay": {},
	} {
		match := ParseStatus(text)
		for i, c := range []struct {
			status int
			failed bool
		}{{200, false}, {429, true}, {500, true}, {0, false}, {0, true}} {
			require.Equal(t, want[i], match(c.status, c.failed), "%q of %v", text, c)
		}
	}
}
