package usage

import (
	"encoding/json"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestMoney(t *testing.T) {
	for n, want := range map[NanoUSD]string{
		0: "0", 1: "0.000000001", 29_634_000: "0.029634", 12_000_000_000: "12", -500_000_000: "-0.5",
		math.MaxInt64: "9223372036.854775807", math.MinInt64: "-9223372036.854775808",
	} {
		require.Equal(t, want, n.String())
		b, err := json.Marshal(n)
		require.NoError(t, err)
		require.Equal(t, want, string(b))
	}
	for s, want := range map[string]NanoUSD{"0.029634": 29_634_000, "1e-05": 10_000, "0.0000000005": 1, "0.0000000004": 0, "3": 3_000_000_000} {
		got, err := ParseUSD(s)
		require.NoError(t, err, s)
		require.Equal(t, want, got, s)
	}
	for _, s := range []string{"", "free", "NaN", "Inf", "-1", "1e30", "9223372037"} {
		_, err := ParseUSD(s)
		require.ErrorIs(t, err, ErrMoney, s)
	}
}

func TestKeys(t *testing.T) {
	key := "sk-test-0123456789abcdefghij"
	f := Fingerprint(key)
	require.True(t, IsFingerprint(f))
	require.Empty(t, Fingerprint(""))
	for _, s := range []string{"", "abc", strings.ToUpper(f), f + "0", strings.Repeat("g", 64)} {
		require.False(t, IsFingerprint(s), s)
	}
	require.Equal(t, "sk-te…ghij", DisplayKey(key))
	for _, short := range []string{"", "a", "0123456789abcdef"} {
		require.Equal(t, "…", DisplayKey(short), "a short key would be shown")
	}
	require.NotContains(t, DisplayKey(key), "0123456789")
}

func TestTokens(t *testing.T) {
	x := Tokens{InputUncached: 1, CacheRead: 2, CacheWrite: 4, OutputText: 8, Reasoning: 16}
	require.EqualValues(t, 7, x.Input())
	require.EqualValues(t, 24, x.Output())
	require.EqualValues(t, 31, x.Total())
	require.False(t, x.Reported())
	x.Fields = HasCacheRead
	require.False(t, x.Reported(), "a part alone is no usage")
	x.Fields = HasOutput
	require.True(t, x.Reported())
}

func TestIDs(t *testing.T) {
	id := SpanRecordID(TraceID{1, 2}, SpanID{3})
	parsed, ok := ParseID(id.String())
	require.True(t, ok)
	require.Equal(t, id, parsed)
	for _, s := range []string{"", "zz", id.String() + "0", strings.Repeat("z", 48)} {
		_, ok := ParseID(s)
		require.False(t, ok, s)
	}
	require.Empty(t, TraceID{}.String())
	require.Empty(t, SpanID{}.String())
	require.Equal(t, "0300000000000000", SpanID{3}.String())
}

func TestQuality(t *testing.T) {
	for q := range Quality(1 << 5) {
		require.Equal(t, q, ParseQuality(q.Names()))
	}
	require.Equal(t, []string{"no_usage", "unpriced"}, (NoUsage | Unpriced).Names())
	require.NotNil(t, Quality(0).Names())
	require.Zero(t, ParseQuality([]string{"perfect"}))
}
