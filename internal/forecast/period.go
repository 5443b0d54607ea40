package forecast

import (
	"time"

	"github.com/tokenboard/tokenboard/internal/calendar"
)

// Period is a range of time that a budget or a bill covers: From is included, To is not.
type Period struct{ From, To time.Time }

// Day returns the day of t in t's zone.
func Day(t time.Time) Period {
	return Period{calendar.Midnight(t, 0), calendar.Midnight(t, 1)}
}

// Week returns the week of t in t's zone; first is the weekday that it begins on.
func Week(t time.Time, first time.Weekday) Period {
	since := (int(t.Weekday()) - int(first) + 7) % 7
	return Period{calendar.Midnight(t, -since), calendar.Midnight(t, 7-since)}
}

// Month returns the month of t in t's zone. It begins on the day first, from 1 to 31; in a month that has no such day, on
// its last day.
func Month(t time.Time, first int) Period {
	begin := func(n int) time.Time { // of the month that begins in the calendar month n after that of t
		month := calendar.Month(t, n)
		days := calendar.Midnight(calendar.Month(t, n+1), -1).Day()
		return calendar.Midnight(month, min(max(first, 1), days)-1)
	}
	if from := begin(0); t.Before(from) {
		return Period{begin(-1), from}
	}
	return Period{begin(0), begin(1)}
}
