package download_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/console/download"
)

// TestCellsRunNoFormula: no character that a spreadsheet may skip hides the beginning of a formula.
func TestCellsRunNoFormula(t *testing.T) {
	for _, sign := range []string{"=", "+", "-", "@", "＝", "＋", "－", "＠"} {
		for _, hidden := range []string{
			"", " ", "\u00a0", "\u3000", "\u200b", "\ufeff", "\u200e", "\u202e", "\u00ad", "\u2060", "\u180e", "\x00", "\x0b", "\x0c", "\x1f", "\x7f", "\u0085",
			"\u115f", "\u3164", "\ufe0f", "\u034f", "\U000e0020", "\xff", " \u200b ", "\u2028",
		} {
			text := hidden + sign + "cmd|' /C calc'!A0"
			require.Equal(t, "'"+text, download.Cell(text), "%q", text)
		}
	}
	for _, text := range []string{"", "gpt-4o", "a=b", "\u200bmodel", "模型", "it's", "0", "«x»"} {
		require.Equal(t, text, download.Cell(text), "%q", text)
	}
}
