package alert

import (
	"slices"
	"time"
)

const clockForm = "15:04"

// minutes reads a time of day.
func minutes(text string) (int, bool) {
	t, err := time.Parse(clockForm, text)
	return t.Hour()*60 + t.Minute(), err == nil && len(text) == len(clockForm)
}

// at reports whether a moment lies within it. The clock on the wall of its time zone counts: an hour that the clock repeats is
// quiet both times, one that it skips is not there.
func (q *Quiet) at(t time.Time) bool {
	zone, err := time.LoadLocation(q.TimeZone)
	from, fine := minutes(q.From)
	to, fineToo := minutes(q.To)
	if err != nil || !fine || !fineToo {
		return false
	}
	local := t.In(zone)
	now, day := local.Hour()*60+local.Minute(), int(local.Weekday())
	begins := func(day int) bool { return len(q.Days) == 0 || slices.Contains(q.Days, day) }
	if from < to {
		return from <= now && now < to && begins(day)
	}
	return now >= from && begins(day) || now < to && begins((day+6)%7)
}

// QuietAt reports whether nothing is to be sent at a time.
func QuietAt(quiet []Quiet, t time.Time) bool {
	return slices.ContainsFunc(quiet, func(q Quiet) bool { return q.at(t) })
}
