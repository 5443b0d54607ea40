package forecast

import (
	"errors"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/tokenboard/tokenboard/internal/calendar"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// hoursOf makes the hours from the day so many days before now until now; of gives the cost of each by its local time.
// They are whole hours of the local clock: a change of the clock by half an hour makes a half one.
func hoursOf(now time.Time, days int, of func(local time.Time) float64) []Hour {
	var hours []Hour
	for at := calendar.Midnight(now, -days); ; {
		next := at.Add(time.Hour - sinceHour(at))
		if next.After(now) {
			return hours
		}
		if v := of(at) * next.Sub(at).Hours(); v > 0 {
			hours = append(hours, Hour{Start: at, Cost: usage.NanoUSD(math.Round(v)), Tokens: int64(math.Round(v)) * 2})
		}
		at = next
	}
}

func forecaster(t testing.TB, now time.Time, hours []Hour) *Forecaster {
	t.Helper()
	f, err := New(Input{Hours: hours, Now: now, Zone: now.Location()})
	require.NoError(t, err)
	return f
}

func office(at time.Time) float64 {
	if d := at.Weekday(); d == time.Saturday || d == time.Sunday {
		return 100_000
	}
	if h := at.Hour(); h >= 9 && h < 18 {
		return 1_000_000
	}
	return 10_000
}

// TestRegular: what repeats every week is forecast as it is, in every zone and over changes of the clock, and the band
// is narrow.
func TestRegular(t *testing.T) {
	for _, place := range []string{"UTC", "Europe/Berlin", "Asia/Kolkata", "America/Santiago", "Australia/Lord_Howe"} {
		for _, month := range []time.Month{time.March, time.June, time.September, time.October} {
			now := time.Date(2026, month, 10, 13, 0, 0, 0, zone(t, place))
			f := forecaster(t, now, hoursOf(now, 80, office))
			p := Month(now, 1)
			var want, actual float64
			for at := p.From; at.Before(p.To); at = at.Add(30 * time.Minute) {
				want += office(at) / 2
				if at.Before(now) {
					actual += office(at) / 2
				}
			}
			e := f.Period(Cost, p)
			require.InEpsilon(t, want, float64(e.Expected), 0.002, "%s %s", place, month)
			require.InDelta(t, actual, float64(e.Actual), 0)
			require.Greater(t, float64(e.Low), 0.9*want)
			require.Less(t, float64(e.High), 1.1*want)
			tokens := f.Period(Tokens, p)
			require.InEpsilon(t, 2*want, float64(tokens.Expected), 0.002)
		}
	}
}

// TestToday: the rest of a day is that of its weekday's hours, and follows how the day goes.
func TestToday(t *testing.T) {
	now := time.Date(2026, 6, 10, 13, 30, 0, 0, time.UTC) // a Wednesday
	usual := hoursOf(now, 40, office)
	usual = append(usual, Hour{Start: now.Truncate(time.Hour), Cost: 500_000}) // half of the hour
	f := forecaster(t, now, usual)
	e := f.Period(Cost, Day(now))
	require.EqualValues(t, 9*10_000+4*1_000_000+500_000, e.Actual)
	require.InEpsilon(t, 9_000_000+15*10_000, float64(e.Expected), 0.02)

	busy := slices.Clone(usual)
	for i := range busy {
		if !busy[i].Start.Before(calendar.Midnight(now, 0)) {
			busy[i].Cost *= 2
		}
	}
	usualRest := float64(e.Expected - e.Actual)
	e = forecaster(t, now, busy).Period(Cost, Day(now))
	rest := float64(e.Expected - e.Actual)
	require.Greater(t, rest, 1.2*usualRest)
	require.Less(t, rest, 2*usualRest)
}

// TestRobust: what was unlike the rest moves the forecast of next week little; what lasts moves it.
func TestRobust(t *testing.T) {
	now := time.Date(2026, 6, 10, 0, 0, 0, 0, time.UTC)
	day := func(at time.Time) int { return int(now.Sub(at).Hours()+23) / 24 } // 1: yesterday
	for _, c := range []struct {
		name   string
		factor func(day int) float64
		want   float64 // of the usual week
		within float64
	}{
		{"as usual", func(int) float64 { return 1 }, 1, 0.01},
		{"a burst yesterday", func(d int) float64 { return map[bool]float64{true: 8, false: 1}[d == 1] }, 1, 0.15},
		{"a holiday last Thursday", func(d int) float64 { return map[bool]float64{true: 0.02, false: 1}[d == 6] }, 1, 0.05},
		{"a week off until yesterday", func(d int) float64 { return map[bool]float64{true: 0.02, false: 1}[d <= 7] }, 1, 0.15},
		{"an outage of two days a month ago", func(d int) float64 { return map[bool]float64{true: 0, false: 1}[d == 30 || d == 31] }, 1, 0.05},
		{"twice as much for a week", func(d int) float64 { return map[bool]float64{true: 2, false: 1}[d <= 7] }, 2, 0.12},
		{"half as much for ten days", func(d int) float64 { return map[bool]float64{true: 0.5, false: 1}[d <= 10] }, 0.5, 0.12},
		{"nothing for three weeks", func(d int) float64 { return map[bool]float64{true: 0, false: 1}[d <= 21] }, 0, 0.1},
		{"growth of 10% a week", func(d int) float64 { return math.Exp(-0.1 / 7 * float64(d)) }, math.Exp(0.1 / 7 * 3), 0.06},
	} {
		t.Run(c.name, func(t *testing.T) {
			hours := hoursOf(now, 70, func(at time.Time) float64 { return office(at) * c.factor(day(at)) })
			e := forecaster(t, now, hours).Period(Cost, Period{now, now.AddDate(0, 0, 7)})
			usual := 0.0
			for at := now; at.Before(now.AddDate(0, 0, 7)); at = at.Add(time.Hour) {
				usual += office(at)
			}
			require.InDelta(t, c.want, float64(e.Expected)/usual, c.within)
		})
	}
}

// TestBursts: a history with bursts and holidays has a wider band than one without, and its mean counts them.
func TestBursts(t *testing.T) {
	now := time.Date(2026, 6, 10, 12, 0, 0, 0, time.UTC)
	even := forecaster(t, now, hoursOf(now, 70, office)).Period(Cost, Month(now, 1))
	hours := hoursOf(now, 70, func(at time.Time) float64 {
		if at.YearDay()%11 == 0 {
			return 4 * office(at)
		}
		return office(at)
	})
	e := forecaster(t, now, hours).Period(Cost, Month(now, 1))
	width := func(e Estimate) float64 { return float64(e.High-e.Low) / float64(e.Expected) }
	require.Greater(t, width(e), 1.5*width(even))
	require.Greater(t, float64(e.Expected-e.Actual), 1.1*float64(even.Expected-even.Actual))
}

// TestShortHistory: without three complete days there is no forecast, but what is missing; with few the band is wide.
func TestShortHistory(t *testing.T) {
	now := time.Date(2026, 6, 10, 12, 0, 0, 0, zone(t, "Asia/Kolkata"))
	_, err := New(Input{Now: now, Zone: now.Location()})
	var short *ShortHistoryError
	require.ErrorAs(t, err, &short)
	require.Equal(t, ShortHistoryError{}, *short)
	require.EqualError(t, err, "not enough history: nothing is recorded yet; a forecast needs 3 complete days")

	_, err = New(Input{Now: now, Zone: now.Location(), Since: now.Add(time.Hour)})
	require.ErrorAs(t, err, &short, "the first record is in the future")

	_, err = New(Input{Now: now, Zone: now.Location(), Since: now.Add(-60 * time.Hour)})
	require.EqualError(t, err, "not enough history: 2 complete days are recorded and a forecast needs 3; they are there at 2026-06-11T00:00:00+05:30")

	_, err = New(Input{Now: now, Zone: now.Location(), Since: calendar.Midnight(now, -3)})
	require.NoError(t, err, "days that are complete from their first moment")

	width := func(days int) float64 {
		f := forecaster(t, now, hoursOf(now, days, office))
		require.Equal(t, days, f.Days())
		e := f.Period(Cost, Month(now, 1))
		return float64(e.High-e.Low) / float64(e.Expected)
	}
	require.Greater(t, width(3), 1.5*width(14))
	require.Greater(t, width(14), 1.2*width(60))
	require.Greater(t, width(3), 0.3)
}

// TestEnough: the time that is promised is the first at which there is a forecast.
func TestEnough(t *testing.T) {
	loc := zone(t, "America/Santiago")
	for since := time.Date(2025, 9, 3, 0, 0, 0, 0, loc); since.Month() == time.September && since.Day() < 9; since = since.Add(7 * time.Hour) {
		_, err := New(Input{Now: since.Add(time.Hour), Zone: loc, Since: since})
		var short *ShortHistoryError
		require.ErrorAs(t, err, &short)
		_, err = New(Input{Now: short.Enough.Add(-time.Second), Zone: loc, Since: since})
		require.Error(t, err, since)
		_, err = New(Input{Now: short.Enough, Zone: loc, Since: since})
		require.NoError(t, err, since)
	}
}

// TestUnused: a measure that was never used is forecast as nothing.
func TestUnused(t *testing.T) {
	now := time.Date(2026, 6, 10, 12, 0, 0, 0, time.UTC)
	f, err := New(Input{Now: now, Since: now.AddDate(0, 0, -30)})
	require.NoError(t, err)
	require.Equal(t, Estimate{}, f.Period(Cost, Month(now, 1)))
	require.Equal(t, Exhaustion{}, f.Exhaustion(Budget{Measure: Cost, Limit: 1}))
}

// TestPastAndFuture: a period that is over is exact, and one that has not begun has nothing actual.
func TestPastAndFuture(t *testing.T) {
	now := time.Date(2026, 6, 10, 12, 0, 0, 0, time.UTC)
	f := forecaster(t, now, hoursOf(now, 80, func(time.Time) float64 { return 1000 }))
	past := f.Period(Cost, Month(now.AddDate(0, -1, 0), 1))
	require.Equal(t, Estimate{Actual: 744_000, Expected: 744_000, Low: 744_000, High: 744_000}, past)
	future := f.Period(Cost, Month(now.AddDate(0, 1, 0), 1))
	require.Zero(t, future.Actual)
	require.InEpsilon(t, 744_000, future.Expected, 0.01)
	require.Less(t, future.Low, future.Expected)
	require.Greater(t, future.High, future.Expected)
	last := f.Period(Cost, Period{now, now.AddDate(10, 0, 0)})
	require.InEpsilon(t, 1000*24*399.5, last.Expected, 0.02, "no more than 400 days are looked ahead")
}

// TestAnyHistory: whatever the hours are, the figures are in order, and the same for the same hours in any order.
func TestAnyHistory(t *testing.T) {
	places := []string{"UTC", "Europe/Berlin", "Australia/Lord_Howe", "America/Santiago", "Asia/Kolkata"}
	rapid.Check(t, func(r *rapid.T) {
		loc := zone(t, rapid.SampledFrom(places).Draw(r, "zone"))
		now := time.Date(2026, time.Month(rapid.IntRange(1, 12).Draw(r, "month")), rapid.IntRange(1, 28).Draw(r, "day"), 0, 0, 0, 0, loc).
			Add(time.Duration(rapid.Int64Range(0, int64(24*time.Hour)).Draw(r, "time")))
		most := rapid.SampledFrom([]int64{0, 1, 1000, 1_000_000_000, math.MaxInt64}).Draw(r, "most")
		hours := rapid.SliceOfN(rapid.Custom(func(r *rapid.T) Hour {
			at := now.Add(-time.Duration(rapid.IntRange(-100, 24*200).Draw(r, "hours ago")) * time.Hour)
			return Hour{Start: at, Cost: usage.NanoUSD(rapid.Int64Range(-1, most).Draw(r, "cost")), Tokens: rapid.Int64Range(0, most).Draw(r, "tokens")}
		}), 0, 300).Draw(r, "history")
		f, err := New(Input{Hours: hours, Now: now, Zone: loc})
		var short *ShortHistoryError
		if errors.As(err, &short) {
			require.Less(r, short.Days, MinDays)
			return
		}
		require.NoError(r, err)
		slices.Reverse(hours)
		again, err := New(Input{Hours: hours, Now: now, Zone: loc})
		require.NoError(r, err)
		for _, p := range []Period{Day(now), Week(now, time.Sunday), Month(now, 1), Month(now, 31), Month(now.AddDate(0, 1, 0), 5)} {
			for m := range measures {
				e := f.Period(m, p)
				require.LessOrEqual(r, e.Actual, e.Low)
				require.LessOrEqual(r, e.Low, e.Expected)
				require.LessOrEqual(r, e.Expected, e.High)
				a := again.Period(m, p)
				require.Equal(r, e.Actual, a.Actual)
				require.InDelta(r, float64(e.Expected), float64(a.Expected), 1e-9*float64(e.Expected)+1)
				require.Equal(r, e, f.Period(m, p), "asked again")

				x := f.Exhaustion(Budget{Measure: m, Limit: e.High, Used: e.Actual, Resets: p.To})
				if e.High > e.Actual && !x.Expected.IsZero() {
					require.False(r, x.Earliest.IsZero())
					require.False(r, x.Earliest.After(x.Expected))
				}
				if !x.Latest.IsZero() {
					require.False(r, x.Expected.After(x.Latest))
				}
			}
		}
	})
}

// BenchmarkForecast is one forecast of a month from the longest history that is used.
func BenchmarkForecast(b *testing.B) {
	now := time.Date(2026, 6, 10, 12, 0, 0, 0, time.UTC)
	hours := hoursOf(now, historyDays, office)
	for b.Loop() {
		forecaster(b, now, hours).Period(Cost, Month(now, 1))
	}
}
