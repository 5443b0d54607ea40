package alert

import (
	"time"

	"github.com/tokenboard/tokenboard/internal/calendar"
)

// Window is the time that a rule looks at: a length until now, or a day, week or month of a time zone.
type Window struct {
	Name   string
	Length time.Duration // of one that ends now; 0 of a calendar's
	// Step is how exactly the beginning of one that ends now is kept: calls leave the window that much too early at most.
	Step time.Duration
}

// windows lists all windows. The steps of the long ones are multiples of the base bucket of sums.
var windows = []Window{
	{"5m", 5 * time.Minute, 5 * time.Second},
	{"15m", 15 * time.Minute, 15 * time.Second},
	{"30m", 30 * time.Minute, 30 * time.Second},
	{"1h", time.Hour, time.Minute},
	{"6h", 6 * time.Hour, 15 * time.Minute},
	{"24h", 24 * time.Hour, 15 * time.Minute},
	{"7d", 7 * 24 * time.Hour, time.Hour},
	{"30d", 30 * 24 * time.Hour, 6 * time.Hour},
	{"day", 0, 0},
	{"week", 0, 0},
	{"month", 0, 0},
}

// WindowNamed finds a window by its name.
func WindowNamed(name string) (Window, bool) {
	for _, w := range windows {
		if w.Name == name {
			return w, true
		}
	}
	return Window{}, false
}

// WindowNames lists the names of all windows.
func WindowNames() (names []string) {
	for _, w := range windows {
		names = append(names, w.Name)
	}
	return names
}

// Bounds returns the beginning and the end of the window at a time. The end of a calendar's lies ahead.
func (w Window) Bounds(now time.Time, zone *time.Location) (from, to time.Time) {
	local := now.In(zone)
	switch w.Name {
	case "day":
		return calendar.Midnight(local, 0), calendar.Midnight(local, 1)
	case "week":
		return calendar.Week(local, 0), calendar.Week(local, 1)
	case "month":
		return calendar.Month(local, 0), calendar.Month(local, 1)
	}
	return now.Add(-w.Length), now
}
