package calendar

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestBeginnings(t *testing.T) {
	for _, tc := range []struct{ zone, at, day, week, month string }{
		{"UTC", "2026-11-24T23:59:59Z", "2026-11-24T00:00:00Z", "2026-11-23T00:00:00Z", "2026-11-01T00:00:00Z"},
		{"UTC", "2026-11-23T00:00:00Z", "2026-11-23T00:00:00Z", "2026-11-23T00:00:00Z", "2026-11-01T00:00:00Z"},
		{"UTC", "2026-11-29T12:00:00Z", "2026-11-29T00:00:00Z", "2026-11-23T00:00:00Z", "2026-11-01T00:00:00Z"}, // a Sunday
		{"Asia/Shanghai", "2026-12-31T16:00:00Z", "2027-01-01T00:00:00+08:00", "2026-12-28T00:00:00+08:00", "2027-01-01T00:00:00+08:00"},
		{"Asia/Kathmandu", "2026-11-24T18:14:00Z", "2026-11-24T00:00:00+05:45", "2026-11-23T00:00:00+05:45", "2026-11-01T00:00:00+05:45"},
		{"America/New_York", "2026-11-01T12:00:00Z", "2026-11-01T00:00:00-04:00", "2026-10-26T00:00:00-04:00", "2026-11-01T00:00:00-04:00"},
		{"America/New_York", "2026-11-03T12:00:00Z", "2026-11-03T00:00:00-05:00", "2026-11-02T00:00:00-05:00", "2026-11-01T00:00:00-04:00"},
		{"Africa/Cairo", "2024-04-26T10:00:00Z", "2024-04-26T01:00:00+03:00", "2024-04-22T00:00:00+02:00", "2024-04-01T00:00:00+02:00"}, // midnight is skipped
	} {
		loc, err := time.LoadLocation(tc.zone)
		require.NoError(t, err)
		at, err := time.Parse(time.RFC3339, tc.at)
		require.NoError(t, err)
		at = at.In(loc)
		require.Equal(t, tc.day, Midnight(at, 0).Format(time.RFC3339))
		require.Equal(t, tc.week, Week(at, 0).Format(time.RFC3339))
		require.Equal(t, tc.month, Month(at, 0).Format(time.RFC3339))
		for _, begins := range []func(time.Time, int) time.Time{Midnight, Week, Month} {
			next := begins(at, 1)
			require.True(t, at.Before(next))
			require.True(t, begins(next, 0).Equal(next))
			require.True(t, begins(next.Add(-time.Nanosecond), 0).Equal(begins(at, 0)))
			require.True(t, begins(next, -1).Equal(begins(at, 0)))
		}
	}
}
