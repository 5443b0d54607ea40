package stats_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/access"
	"github.com/tokenboard/tokenboard/internal/console"
	"github.com/tokenboard/tokenboard/internal/console/consoletest"
	"github.com/tokenboard/tokenboard/internal/console/keys"
	"github.com/tokenboard/tokenboard/internal/console/stats"
	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/usage"
)

func TestQuota(t *testing.T) {
	b := consoletest.NewBench(t, func(o *console.Options) {
		o.Quota = stats.Quota{Tokens: 1_000, Cost: 5_000_000_000, Period: store.Monthly}
	})
	k := consoletest.Data[keys.NewKey](b, "POST", "/keys", `{"name":"a","limits":{"tokens":{"day":200,"total":400}}}`, 201)
	consoletest.Data[keys.NewKey](b, "POST", "/keys", `{"name":"free"}`, 201)
	b.Spend(1, usage.Fingerprint(k.Secret), "m", 150)
	b.Spend(2, "", "m", 100)
	s := consoletest.Data[stats.Stats](b, "GET", "/stats", "", 200)
	require.EqualValues(t, 1_000, *s.Quota)
	require.EqualValues(t, 750, *s.Remaining)
	require.EqualValues(t, 25, *s.UsagePercent)
	require.Equal(t, "month", s.QuotaUse.Period)
	require.True(t, s.QuotaUse.ResetsAt.Equal(time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)))
	require.EqualValues(t, 5_000_000_000, s.QuotaUse.USD.Limit)
	require.EqualValues(t, 750, *consoletest.Data[stats.Stats](b, "GET", "/stats?from=2026-11-03T18:00:00Z", "", 200).Remaining)
	for _, key := range []string{"a", k.ID, usage.Fingerprint(k.Secret), "a&key=" + k.ID} {
		s = consoletest.Data[stats.Stats](b, "GET", "/stats?key="+key, "", 200)
		require.EqualValues(t, 200, *s.Quota, "the budget that is used up most")
		require.EqualValues(t, 75, *s.UsagePercent)
	}
	for _, filters := range []string{"model=m", "key=free", "key=stranger", "key=a&key=free", "key=a&model=m"} {
		s = consoletest.Data[stats.Stats](b, "GET", "/stats?"+filters, "", 200)
		require.Nil(t, s.Quota, filters)
		require.Nil(t, s.QuotaUse, filters)
	}
	alice := b.As(access.Principal{Name: "alice", Role: access.Member})
	require.Nil(t, consoletest.Data[stats.Stats](alice, "GET", "/stats", "", 200).QuotaUse)
	require.Nil(t, consoletest.Data[stats.Stats](alice, "GET", "/stats?key=a", "", 200).QuotaUse, "not hers")
	require.Nil(t, consoletest.Data[stats.Stats](consoletest.NewBench(t, nil), "GET", "/stats", "", 200).Quota)
}
