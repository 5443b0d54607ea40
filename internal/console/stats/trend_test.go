package stats_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/calendar"
	"github.com/tokenboard/tokenboard/internal/console/api"
	"github.com/tokenboard/tokenboard/internal/console/consoletest"
	"github.com/tokenboard/tokenboard/internal/console/stats"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// at reads a local time in a zone.
func at(t *testing.T, zone, local string) time.Time {
	t.Helper()
	loc, err := time.LoadLocation(zone)
	require.NoError(t, err)
	out, err := time.ParseInLocation("2006-01-02 15:04:05", local, loc)
	require.NoError(t, err)
	return out
}

// TestDayBoundaries: calls just before and at midnight belong to their own days.
func TestDayBoundaries(t *testing.T) {
	for _, tc := range []struct{ zone, midnight string }{
		{"UTC", "2026-11-02 00:00:00"},
		{"Asia/Shanghai", "2026-11-02 00:00:00"},
		{"Asia/Kolkata", "2026-11-02 00:00:00"},
		{"Asia/Kathmandu", "2026-11-02 00:00:00"},
		{"America/New_York", "2026-11-01 00:00:00"}, // the day has 25 hours
		{"America/New_York", "2026-11-02 00:00:00"},
	} {
		t.Run(tc.zone+" "+tc.midnight, func(t *testing.T) {
			b := consoletest.NewBench(t, nil)
			m := at(t, tc.zone, tc.midnight)
			b.Calls(m.Add(-time.Nanosecond), m, m.Add(time.Nanosecond))
			trend := consoletest.Data[stats.Trend](b, "GET", "/usage-trend?days=7&interval=day&timezone="+tc.zone, "", 200)
			require.Equal(t, 7, trend.Days)
			require.Len(t, trend.Points, 7)
			var total int64
			for _, p := range trend.Points {
				total += p.Calls
				local := p.Time.In(m.Location())
				require.Zero(t, local.Hour()*60+local.Minute(), "a day begins at midnight")
				switch {
				case p.Time.Equal(m):
					require.EqualValues(t, 2, p.Calls)
				case local.AddDate(0, 0, 1).Equal(m):
					require.EqualValues(t, 1, p.Calls)
				default:
					require.Zero(t, p.Calls)
				}
			}
			require.EqualValues(t, 3, total)
		})
	}
}

// TestDaylightSaving: the two odd days of New York, by hours and as whole days.
func TestDaylightSaving(t *testing.T) {
	for _, tc := range []struct {
		day, next string
		hours     int
	}{
		{"2026-03-08 00:00:00", "2026-03-09 00:00:00", 23},
		{"2026-11-01 00:00:00", "2026-11-02 00:00:00", 25},
	} {
		b := consoletest.NewBench(t, nil)
		from, to := at(t, "America/New_York", tc.day), at(t, "America/New_York", tc.next)
		require.Equal(t, time.Duration(tc.hours)*time.Hour, to.Sub(from))
		var times []time.Time
		for i := range tc.hours {
			times = append(times, from.Add(time.Duration(i)*time.Hour+30*time.Minute))
		}
		b.Calls(append(times, from.Add(-1), to)...)
		rng := "&timezone=America/New_York&from=" + from.UTC().Format(time.RFC3339) + "&to=" + to.UTC().Format(time.RFC3339)
		hourly := consoletest.Data[stats.Trend](b, "GET", "/usage-trend?interval=hour"+rng, "", 200)
		require.Len(t, hourly.Points, tc.hours)
		for _, p := range hourly.Points {
			require.EqualValues(t, 1, p.Calls)
		}
		daily := consoletest.Data[stats.Trend](b, "GET", "/usage-trend?interval=day"+rng, "", 200)
		require.Len(t, daily.Points, 1)
		require.EqualValues(t, tc.hours, daily.Points[0].Calls)
		stats := consoletest.Data[stats.Stats](b, "GET", "/stats?"+rng[len("&timezone=America/New_York&"):], "", 200)
		require.EqualValues(t, tc.hours, stats.Calls)
	}
}

// TestMidnightSkipped: where the clock skips midnight, the day begins an hour later.
func TestMidnightSkipped(t *testing.T) {
	loc, err := time.LoadLocation("America/Santiago")
	require.NoError(t, err)
	noon := time.Date(2026, 9, 5, 12, 0, 0, 0, loc) // the night after it, 00:00 becomes 01:00
	day := calendar.Midnight(noon, 1)
	require.Equal(t, "2026-09-06 01:00", day.Format("2006-01-02 15:04"))
	require.True(t, calendar.Midnight(noon, 2).After(day))
	require.Equal(t, "2026-09-05 00:00", calendar.Midnight(noon, 0).Format("2006-01-02 15:04"))
}

// TestPartialEdges: a range that begins and ends anywhere is cut there, and sums to itself.
func TestPartialEdges(t *testing.T) {
	b := consoletest.NewBench(t, nil)
	start := time.Date(2026, 11, 1, 10, 7, 0, 0, time.UTC)
	var times []time.Time
	for i := range 200 {
		times = append(times, start.Add(time.Duration(i)*13*time.Minute))
	}
	b.Calls(times...)
	for _, interval := range []string{"15m", "hour", "day"} {
		q := "?interval=" + interval + "&timezone=Asia/Kolkata&group_by=service&from=2026-11-01T11:11:11Z&to=2026-11-03T01:02:03Z"
		trend := consoletest.Data[stats.Trend](b, "GET", "/usage-trend"+q, "", 200)
		stats := consoletest.Data[stats.Stats](b, "GET", "/stats?from=2026-11-01T11:11:11Z&to=2026-11-03T01:02:03Z", "", 200)
		var calls, grouped int64
		for _, p := range trend.Points {
			calls += p.Calls
		}
		for _, s := range trend.Series {
			for _, p := range s.Points {
				grouped += p.Calls
			}
		}
		require.NotZero(t, calls)
		require.Equal(t, stats.Calls, calls, interval)
		require.Equal(t, stats.Calls, grouped, interval)
	}
}

// TestTrendLatency: each point has the latencies of all calls in it, grouped or not.
func TestTrendLatency(t *testing.T) {
	b := consoletest.NewBench(t, nil)
	c := usage.Call{Role: usage.RoleCall, Start: consoletest.TestNow.Add(-time.Minute), Model: "m", Duration: time.Second, TTFT: 100 * time.Millisecond}
	c.Trace, c.Span = usage.TraceID{1}, usage.SpanID{1}
	c.ID = usage.SpanRecordID(c.Trace, c.Span)
	require.NoError(t, b.Ledger.Commit(context.Background(), usage.Batch{Calls: []usage.Call{c}}))
	for _, group := range []string{"", "&group_by=model", "&group_by=user&model=m"} {
		points := consoletest.Data[stats.Trend](b, http.MethodGet, "/usage-trend?days=2&interval=day"+group, "", http.StatusOK).Points
		require.Len(t, points, 2)
		require.Nil(t, points[0].Latency.P50, group)
		require.InEpsilon(t, 1000, *points[1].Latency.P50, 0.05, group)
		require.InEpsilon(t, 100, *points[1].TTFT.P99, 0.05, group)
	}
}

// TestTrendIsBounded: the points of all groups together are few enough for one answer.
func TestTrendIsBounded(t *testing.T) {
	b := consoletest.NewBench(t, nil)
	b.Calls(consoletest.TestNow.Add(-time.Hour))
	p := consoletest.RequireProblem(t, b.Do("GET", api.Base+"/usage-trend?group_by=user&top=100&interval=15m&from=2026-08-20T00:00:00Z&to=2026-11-20T00:00:00Z", "", nil), 400)
	require.Contains(t, p.Message, "query.top: asks for 8832 points of 100 groups, which are more than 20000 together; ask for at most 2 groups")
	for _, query := range []string{"group_by=user&top=2", "top=100"} {
		trend := consoletest.Data[stats.Trend](b, "GET", "/usage-trend?"+query+"&interval=15m&from=2026-08-20T00:00:00Z&to=2026-11-20T00:00:00Z", "", 200)
		require.Len(t, trend.Points, 8832)
	}
}
