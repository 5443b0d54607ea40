package api_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/console/api"
)

func TestMoneyIsReadExactly(t *testing.T) {
	for text, want := range map[string]api.Money{"0": 0, "0.000000001": 1, "9223372036.854775807": 1<<63 - 1, "1e-05": 10_000, "-0.5": -500_000_000, "0.0000000005": 1, "null": 7} {
		got := api.Money(7)
		require.NoError(t, got.UnmarshalJSON([]byte(text)), text)
		require.Equal(t, want, got, text)
	}
	for _, text := range []string{"1e999999999", "1e-999999999", "9223372036.854775808", `"1"`, "1/2", "0x10", "1_0", "NaN", "", "e", "1e"} {
		var m api.Money
		require.Error(t, m.UnmarshalJSON([]byte(text)), text)
	}
}
