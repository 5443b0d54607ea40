// Package calendar computes when days, weeks and months begin in a time zone, on the days too on which
// the clock is changed.
package calendar

import "time"

// Midnight returns the first moment of the day that lies n days after the day of t, in t's zone. Where a change of the
// clock skips midnight, the day begins later; where it repeats it, the first counts.
func Midnight(t time.Time, n int) time.Time {
	y, m, d := t.Date()
	return firstOf(y, m, d+n, t.Location())
}

func firstOf(y int, m time.Month, d int, loc *time.Location) time.Time {
	day := time.Date(y, m, d, 0, 0, 0, 0, loc)
	// time.Date may return the moment an hour before a day whose midnight is skipped, or the second
	// of two midnights: look for the first quarter of an hour of the date.
	for {
		before := day.Add(-15 * time.Minute)
		if before.Day() != day.Day() {
			break
		}
		day = before
	}
	for want := time.Date(y, m, d, 12, 0, 0, 0, loc).Day(); day.Day() != want; {
		day = day.Add(15 * time.Minute)
	}
	return day
}

// Week returns the first moment of the week, which begins on Monday, that lies n weeks after the week of t, in t's
// zone.
func Week(t time.Time, n int) time.Time {
	sinceMonday := (int(t.Weekday()) + 6) % 7
	return Midnight(t, 7*n-sinceMonday)
}

// Month returns the first moment of the month that lies n months after the month of t, in t's zone.
func Month(t time.Time, n int) time.Time {
	y, m, _ := t.Date()
	return firstOf(y, m+time.Month(n), 1, t.Location())
}
