package budget

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/reservation"
	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// TestPeriods: periods begin at the first moment of their day, whatever is done to the clock on it, and follow one another
// without gap.
func TestPeriods(t *testing.T) {
	day, week, month := kind{store.Daily, 0}, func(d time.Weekday) kind { return kind{store.Weekly, int(d)} }, func(n int) kind { return kind{store.Monthly, n} }
	for _, tc := range []struct {
		name, zone, at string
		kind           kind
		begin, end     string
	}{
		{"a day of 23 hours", "America/New_York", "2026-03-08T12:00:00Z", day, "2026-03-08T00:00:00-05:00", "2026-03-09T00:00:00-04:00"},
		{"a day of 25 hours", "America/New_York", "2026-11-01T12:00:00Z", day, "2026-11-01T00:00:00-04:00", "2026-11-02T00:00:00-05:00"},
		{"half an hour", "Australia/Lord_Howe", "2026-10-04T00:00:00Z", day, "2026-10-04T00:00:00+10:30", "2026-10-05T00:00:00+11:00"},
		{"midnight is skipped", "Africa/Cairo", "2024-04-26T10:00:00Z", day, "2024-04-26T01:00:00+03:00", "2024-04-27T00:00:00+03:00"},
		{"a week from Monday", "UTC", "2026-11-25T12:00:00Z", week(time.Monday), "2026-11-23T00:00:00Z", "2026-11-30T00:00:00Z"},
		{"a week from Sunday, over a change", "America/New_York", "2026-10-31T12:00:00Z", week(time.Sunday), "2026-10-25T00:00:00-04:00", "2026-11-01T00:00:00-04:00"},
		{"a week that begins on the change", "America/New_York", "2026-11-03T12:00:00Z", week(time.Sunday), "2026-11-01T00:00:00-04:00", "2026-11-08T00:00:00-05:00"},
		{"a month from the 15th", "Asia/Shanghai", "2026-11-14T16:00:00Z", month(15), "2026-11-15T00:00:00+08:00", "2026-12-15T00:00:00+08:00"},
		{"a month from the 31st", "UTC", "2026-02-28T00:00:00Z", month(31), "2026-02-28T00:00:00Z", "2026-03-31T00:00:00Z"},
		{"a month from the 30th, before it", "UTC", "2026-02-27T23:59:59Z", month(30), "2026-01-30T00:00:00Z", "2026-02-28T00:00:00Z"},
		{"a month over both changes", "Europe/Berlin", "2026-03-29T12:00:00Z", month(29), "2026-03-29T00:00:00+01:00", "2026-04-29T00:00:00+02:00"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			loc, err := time.LoadLocation(tc.zone)
			require.NoError(t, err)
			at, err := time.Parse(time.RFC3339, tc.at)
			require.NoError(t, err)
			w := tc.kind.windowAt(at.In(loc))
			require.Equal(t, tc.begin, w.begin.Format(time.RFC3339))
			require.Equal(t, tc.end, w.end.Format(time.RFC3339))
			require.Equal(t, w.end, tc.kind.windowAt(w.end).begin)
			require.Equal(t, w, tc.kind.windowAt(w.end.Add(-1)))
			require.Equal(t, w, tc.kind.windowAt(w.begin))
		})
	}
	require.Equal(t, window{}, kind{store.Ever, 0}.windowAt(time.Now()))
}

// TestClockChanges: calls around changes of the clock are of the day that they are in on the wall, and setting the clock
// back does not forget what was spent.
func TestClockChanges(t *testing.T) {
	w := newWorld(t, t.TempDir())
	zone, err := time.LoadLocation("America/New_York")
	require.NoError(t, err)
	w.zone = zone
	w.clock.at = time.Date(2026, 11, 1, 3, 30, 0, 0, time.UTC) // 23:30 of the day before
	w.open()
	defer w.close()
	w.addBudget(store.BudgetRow{ID: "day", Scope: store.ScopeAll, Period: store.Daily})
	used := func(want int64) {
		t.Helper()
		require.Equal(t, want, w.state("day").Used, w.clock.now().In(zone))
	}
	used(0)
	for _, step := range []struct {
		turn time.Duration
		want int64
	}{
		{0, 1},                              // 23:30
		{29 * time.Minute, 2},               // 23:59
		{time.Minute, 1},                    // 00:00
		{time.Hour, 2},                      // 01:00
		{time.Hour, 3},                      // 01:00 again
		{22 * time.Hour, 4},                 // 23:00
		{-24*time.Hour + 30*time.Minute, 5}, // 00:30 of the same day, which has 25 hours
		{-time.Hour, 3},                     // 23:30 of the day before: what it had, and one more
		{26 * time.Hour, 1},                 // the day after, 00:30
	} {
		w.clock.turn(step.turn)
		w.commit(w.call(1))
		used(step.want)
	}
	require.Equal(t, "2026-11-03T00:00:00-05:00", w.state("day").ResetsAt.Format(time.RFC3339))
}

// TestSaturation: what no sum can hold stays at the largest one.
func TestSaturation(t *testing.T) {
	var s spans
	for range 3 {
		s.add(kind{period: store.Ever}, window{}, time.Now(), reservation.Amount{Tokens: 1 << 62, Cost: 1}, 1)
	}
	require.Equal(t, reservation.Amount{Tokens: 1<<63 - 1, Cost: 3}, s.in(window{}))
	b := State{BudgetRow: store.BudgetRow{Limit: 1}, Used: usage.MaxTokens, Reserved: 1<<63 - 1}
	require.Zero(t, b.Left())
}
