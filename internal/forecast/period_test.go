package forecast

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func zone(t testing.TB, name string) *time.Location {
	t.Helper()
	loc, err := time.LoadLocation(name)
	require.NoError(t, err)
	return loc
}

// TestPeriods: periods begin on the local clock, whatever is done to it, and on any first day.
func TestPeriods(t *testing.T) {
	berlin, santiago := zone(t, "Europe/Berlin"), zone(t, "America/Santiago")
	at := func(loc *time.Location, y int, m time.Month, d, h int) time.Time {
		return time.Date(y, m, d, h, 0, 0, 0, loc)
	}
	for _, c := range []struct {
		name     string
		got      Period
		from, to time.Time
		hours    float64
	}{
		{"day of 23 hours", Day(at(berlin, 2026, 3, 29, 12)), at(berlin, 2026, 3, 29, 0), at(berlin, 2026, 3, 30, 0), 23},
		{"day of 25 hours", Day(at(berlin, 2026, 10, 25, 1)), at(berlin, 2026, 10, 25, 0), at(berlin, 2026, 10, 26, 0), 25},
		{"day without midnight", Day(at(santiago, 2025, 9, 7, 12)), at(santiago, 2025, 9, 7, 1), at(santiago, 2025, 9, 8, 0), 23},
		{"week from Monday", Week(at(berlin, 2026, 11, 29, 23), time.Monday), at(berlin, 2026, 11, 23, 0), at(berlin, 2026, 11, 30, 0), 168},
		{"week from Sunday", Week(at(berlin, 2026, 11, 29, 0), time.Sunday), at(berlin, 2026, 11, 29, 0), at(berlin, 2026, 12, 6, 0), 168},
		{"week from Saturday", Week(at(berlin, 2026, 11, 27, 0), time.Saturday), at(berlin, 2026, 11, 21, 0), at(berlin, 2026, 11, 28, 0), 168},
		{"week with a change of the clock", Week(at(berlin, 2026, 3, 25, 0), time.Monday), at(berlin, 2026, 3, 23, 0), at(berlin, 2026, 3, 30, 0), 167},
		{"month", Month(at(berlin, 2026, 2, 10, 0), 1), at(berlin, 2026, 2, 1, 0), at(berlin, 2026, 3, 1, 0), 28 * 24},
		{"month, its last moment", Month(at(berlin, 2026, 3, 1, 0).Add(-1), 1), at(berlin, 2026, 2, 1, 0), at(berlin, 2026, 3, 1, 0), 28 * 24},
		{"month from the 15th, before it", Month(at(berlin, 2026, 1, 14, 23), 15), at(berlin, 2025, 12, 15, 0), at(berlin, 2026, 1, 15, 0), 31 * 24},
		{"month from the 15th, on it", Month(at(berlin, 2026, 1, 15, 0), 15), at(berlin, 2026, 1, 15, 0), at(berlin, 2026, 2, 15, 0), 31 * 24},
		{"month from the 31st, in February", Month(at(berlin, 2026, 2, 27, 0), 31), at(berlin, 2026, 1, 31, 0), at(berlin, 2026, 2, 28, 0), 28 * 24},
		{"month from the 31st, on its last day", Month(at(berlin, 2026, 2, 28, 5), 31), at(berlin, 2026, 2, 28, 0), at(berlin, 2026, 3, 31, 0), 31*24 - 1},
		{"month from the 30th, of a leap year", Month(at(berlin, 2028, 2, 29, 5), 30), at(berlin, 2028, 2, 29, 0), at(berlin, 2028, 3, 30, 0), 30*24 - 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			require.True(t, c.from.Equal(c.got.From), "from %s", c.got.From)
			require.True(t, c.to.Equal(c.got.To), "to %s", c.got.To)
			require.InDelta(t, c.hours, c.got.To.Sub(c.got.From).Hours(), 0)
		})
	}
}

// TestPeriodsCover: every moment lies in its period, and a period begins where the one before ends.
func TestPeriodsCover(t *testing.T) {
	for _, loc := range []*time.Location{time.UTC, zone(t, "America/Santiago"), zone(t, "Australia/Lord_Howe"), zone(t, "Asia/Kolkata")} {
		for first := range 33 {
			before := Period{}
			for at := time.Date(2027, 11, 1, 0, 30, 0, 0, loc); at.Year() < 2029; at = at.Add(13 * time.Hour) {
				p := Month(at, first)
				require.False(t, at.Before(p.From), "%s from %d: %s", at, first, p.From)
				require.True(t, at.Before(p.To), "%s from %d: %s", at, first, p.To)
				if !before.From.IsZero() && before != p {
					require.True(t, before.To.Equal(p.From), "%s from %d: %s after %s", at, first, p.From, before.To)
				}
				before = p
			}
		}
	}
}
