package block

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestMessagesCost: a block without errors is as long as before messages were kept; where there are some, a record
// without one takes a bit.
func TestMessagesCost(t *testing.T) {
	rows := loadRows(MaxRows)
	size := func(failing int) int {
		for i := range rows {
			rows[i].Record.ErrorMessage = ""
			if i%16 == 5 && i/16 < failing {
				rows[i].Record.ErrorMessage = fmt.Sprintf("Rate limit reached for gpt-4o in organization org-%d on tokens per min (TPM): Limit 30000, Used %d. Please try again in %dms.", i, 29_000+i*7, 100+i*31)
			}
		}
		b := EncodeNames(rows, true)
		require.Equal(t, byte(min(failing, 1)+1), b[0], "the version")
		return len(b)
	}
	none, one, sixteen := size(0), size(1), size(16)
	t.Logf("256 records: %d bytes of names; with one message %d more, with 16 (6 %%) %d more, %.1f for each", none, one-none, sixteen-none, float64(sixteen-none)/16)
	require.LessOrEqual(t, one-none, MaxRows/8+len(rows[5].Record.ErrorMessage)+8, "a bit for each record, and the message")
	require.Less(t, sixteen-none, 16*80, "like messages are compressed")
}
