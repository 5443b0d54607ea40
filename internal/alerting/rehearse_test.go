package alerting

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/alert"
	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// TestRehearse: a rule would have fired when its condition held, for as long; what is not recorded is said so.
func TestRehearse(t *testing.T) {
	b := newBed(t)
	burst := start.Add(-20 * 24 * time.Hour).Truncate(time.Hour)
	for h := range 40 * 24 {
		at := start.Truncate(time.Hour).Add(-time.Duration(h+1) * time.Hour)
		b.commit(func(c *usage.Call) { c.Start = at })
	}
	for range 10 {
		b.commit(func(c *usage.Call) {
			c.Start, c.Model, c.Failed, c.Duration = burst.Add(time.Minute), "x", true, time.Minute
		})
	}
	rehearse := func(r alert.Rule) *Rehearsal {
		r.Severity = alert.Info
		require.NoError(t, r.Check())
		out, err := Rehearse(ctx, &b.engine.o, &r, start)
		require.NoError(t, err)
		return out
	}
	one := func(r alert.Rule) Firing {
		out := rehearse(r)
		require.Len(t, out.Firings, 1, r.Kind)
		return out.Firings[0]
	}
	quarter := burst.Add(15 * time.Minute)
	require.Equal(t, Firing{Start: quarter, End: quarter.Add(time.Hour), Peak: 11}, one(alert.Rule{Kind: alert.Spend, Limit: 10, Window: "1h"}))
	require.Equal(t, Firing{Start: quarter, End: quarter.Add(15 * time.Minute), Peak: 1100}, one(alert.Rule{Kind: alert.Tokens, Limit: 1000, Window: "5m"}))
	require.Equal(t, quarter, one(alert.Rule{Kind: alert.ErrorShare, Limit: 50, Window: "15m"}).Start)
	require.Equal(t, quarter, one(alert.Rule{Kind: alert.LatencyP95, Limit: 30_000, Window: "1h"}).Start)
	require.Equal(t, burst.Add(time.Hour), one(alert.Rule{Kind: alert.SpendUnusual, Limit: 5}).Start)
	day := one(alert.Rule{Kind: alert.Spend, Limit: 30, Window: "day", TimeZone: "Asia/Tokyo"})
	require.Equal(t, 15, day.End.Add(-15*time.Minute).Hour(), "midnight there")
	require.Equal(t, burst.Add(time.Minute), one(alert.Rule{Kind: alert.KeyFirstUse, Dimension: "model", Filter: alert.Filter{Model: []string{"x"}}}).Start)
	held := rehearse(alert.Rule{Kind: alert.Spend, Limit: 10, Window: "1h", For: 7200})
	require.Empty(t, held.Firings)
	noise := rehearse(alert.Rule{Kind: alert.Silence, Limit: 2700, Repeat: 60, Resolved: true})
	require.Greater(t, len(noise.Firings), 900)
	require.Equal(t, 2*len(noise.Firings), noise.Notifications+noise.Notifications%2)
	silence := rehearse(alert.Rule{Kind: alert.Silence, Limit: 7200})
	require.Empty(t, silence.Firings)
	require.NotEmpty(t, rehearse(alert.Rule{Kind: alert.StoreTrouble}).Unavailable)
	require.NoError(t, b.store.AddKeys(ctx, 9, []store.Key{{ID: "k", Name: "ci", Fingerprint: "f", CreatedAt: burst, ExpiresAt: start}}, audit))
	expiry := one(alert.Rule{Kind: alert.KeyExpiry, Limit: 7})
	require.Equal(t, []any{"ci", start.Add(-7 * 24 * time.Hour)}, []any{expiry.Subject, expiry.Start})
}
