package download

import (
	"bytes"
	"encoding/csv"
	"testing"

	"github.com/stretchr/testify/require"
)

// FuzzCSV: a cell is one cell whatever it holds, and no formula.
func FuzzCSV(f *testing.F) {
	for _, s := range []string{"=1+1", " =x", "\ufeff=x", "\u200b=x", "a,b\n\"c", "@x", "\t+1", "＝1", "-", "-1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		var out bytes.Buffer
		w := csv.NewWriter(&out)
		require.NoError(t, w.Write([]string{"x", cell(s), "y"}))
		w.Flush()
		rows, err := csv.NewReader(&out).ReadAll()
		require.NoError(t, err)
		require.Len(t, rows, 1)
		require.Len(t, rows[0], 3)
		if !plainNumber(rows[0][1]) { // a negative number is no formula
			require.NotContains(t, "=+-@", firstByte(rows[0][1]))
		}
	})
}

func firstByte(s string) string {
	if s == "" {
		return "none"
	}
	return s[:1]
}
