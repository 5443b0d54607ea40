package forecast

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestExhaustion: of a use of 1000 an hour, day and night, each budget is used up when it should be.
func TestExhaustion(t *testing.T) {
	berlin := zone(t, "Europe/Berlin")
	now := time.Date(2026, 3, 20, 12, 20, 0, 0, berlin)
	hours := hoursOf(now, 80, func(time.Time) float64 { return 1000 })
	hours = append(hours, Hour{Start: now.Truncate(time.Hour), Cost: 333})
	f := forecaster(t, now, hours)
	month := Month(now, 1)
	for _, c := range []struct {
		name string
		b    Budget
		want time.Duration // 0: never
	}{
		{"in an hour", Budget{Limit: 5000, Used: 4000, Resets: month.To}, time.Hour},
		{"in a day and a half", Budget{Limit: 40_000, Used: 4000, Resets: month.To}, 36 * time.Hour},
		{"over the change of the clock", Budget{Limit: 10*24_000 + 1_000_000, Used: 1_000_000, Resets: month.To}, 10 * 24 * time.Hour},
		{"not before it is reset", Budget{Limit: 400_000, Used: 0, Resets: month.To}, 0},
		{"without a reset, in a year", Budget{Limit: 365 * 24_000}, 365 * 24 * time.Hour},
		{"without a reset, in two years", Budget{Limit: 730 * 24_000}, 0},
		{"reset already", Budget{Limit: 10, Resets: now.Add(-time.Hour)}, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			x := f.Exhaustion(c.b)
			require.False(t, x.Now)
			if c.want == 0 {
				require.True(t, x.Expected.IsZero(), x.Expected)
				require.True(t, x.Latest.IsZero(), x.Latest)
				return
			}
			require.InDelta(t, c.want.Hours(), x.Expected.Sub(now).Hours(), 0.02*c.want.Hours()+0.05)
			require.True(t, x.Earliest.Before(x.Expected))
			if !x.Latest.IsZero() {
				require.True(t, x.Expected.Before(x.Latest))
			}
		})
	}
	require.Equal(t, Exhaustion{Now: true}, f.Exhaustion(Budget{Limit: 10, Used: 10, Resets: month.To}))
	require.Equal(t, Exhaustion{Now: true}, f.Exhaustion(Budget{Limit: 0, Used: 0}))
}

// TestExhaustionAgrees: a budget of what is expected is used up at the end of the period, one of the upper end of the
// band may be, and one above it is not.
func TestExhaustionAgrees(t *testing.T) {
	now := time.Date(2026, 6, 10, 12, 0, 0, 0, time.UTC)
	f := forecaster(t, now, hoursOf(now, 80, office))
	month := Month(now, 1)
	e := f.Period(Cost, month)
	budget := func(limit int64) Exhaustion {
		return f.Exhaustion(Budget{Measure: Cost, Limit: limit, Used: e.Actual, Resets: month.To})
	}
	x := budget(e.Expected - 1000)
	require.WithinDuration(t, month.To, x.Expected, 2*time.Hour)
	require.True(t, x.Latest.IsZero())
	x = budget(e.High - 1000)
	require.WithinDuration(t, month.To, x.Earliest, 2*time.Hour)
	require.True(t, x.Expected.IsZero())
	require.Equal(t, Exhaustion{}, budget(e.High+1000))
	x = budget(e.Low - 1000)
	require.WithinDuration(t, month.To, x.Latest, 24*time.Hour)
}
