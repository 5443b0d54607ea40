package forecast

import (
	"slices"
	"time"

	"github.com/tokenboard/tokenboard/internal/calendar"
	"github.com/tokenboard/tokenboard/internal/usage"
)

const (
	historyDays = 112 // complete days that are used at most: sixteen weeks
	hoursOfDay  = 24
	daysOfWeek  = 7
)

// Measure is a quantity that can be forecast.
type Measure int

// The measures. Their unit is the nano-dollar (10⁻⁹ USD) and the token.
const (
	Cost Measure = iota
	Tokens
	measures
)

// Hour is the sums of one hour, or of a part of it. Hours without calls may be left out.
type Hour struct {
	Start  time.Time
	Cost   usage.NanoUSD
	Tokens int64
}

// of returns the figure of a measure, not below zero.
func (h *Hour) of(m Measure) int64 {
	if m == Tokens {
		return max(h.Tokens, 0)
	}
	return max(int64(h.Cost), 0)
}

// dates is a run of local days: the complete ones of the history and, last, today.
type dates struct {
	begin   []time.Time // of each day, and of tomorrow
	weekday []time.Weekday
}

// datesUntil returns the days from the first record's day, at most historyDays of them, to today. The day of the first
// record is left out unless it begins with it: it is not complete.
func datesUntil(now, since time.Time) dates {
	begin := calendar.Midnight(now, -historyDays)
	if since.After(begin) {
		since = since.In(now.Location())
		if begin = calendar.Midnight(since, 0); begin.Before(since) {
			begin = calendar.Midnight(since, 1)
		}
	}
	var d dates
	for !begin.After(now) {
		d.begin, d.weekday = append(d.begin, begin), append(d.weekday, begin.Add(hourAndHalf).Weekday())
		begin = calendar.Midnight(begin, 1)
	}
	d.begin = append(d.begin, begin)
	return d
}

// hourAndHalf after its beginning lies within any day, whatever is done to the clock.
const hourAndHalf = 90 * time.Minute

// complete is the number of complete days, and so the index of today.
func (d *dates) complete() int { return max(len(d.weekday)-1, 0) }

// series is one measure by local day and local hour; its last day is today, which is not complete.
type series struct {
	grid  [][hoursOfDay]float64
	total []float64
}

// calendarOf sums hours by day and hour. An hour that the clock repeats is summed with its double.
func (d *dates) calendarOf(hours []Hour, m Measure, now time.Time) *series {
	s := &series{grid: make([][hoursOfDay]float64, len(d.weekday)), total: make([]float64, len(d.weekday))}
	for i := range hours {
		h := &hours[i]
		if h.Start.After(now) {
			continue
		}
		day, exact := slices.BinarySearchFunc(d.begin, h.Start, time.Time.Compare)
		if !exact {
			day--
		}
		if day < 0 || day >= len(s.total) {
			continue
		}
		v := float64(h.of(m))
		s.grid[day][h.Start.In(now.Location()).Hour()] += v
		s.total[day] += v
	}
	return s
}

// before returns the sum of a day before a time of day.
func (s *series) before(day int, clock float64) float64 {
	sum := 0.0
	for h := range s.grid[day] {
		sum += s.grid[day][h] * min(max(clock-float64(h), 0), 1)
	}
	return sum
}

// clockOf returns the time of day on the wall, in hours.
func clockOf(t time.Time) float64 {
	h, m, s := t.Clock()
	return float64(h) + float64(m)/60 + float64(s)/3600
}

// hourShares returns the usual share of each hour in its day, by weekday. A weekday's own days are mixed with the days
// of all weekdays, which count as much as two of them. Every day has the same weight, so that a burst changes little.
func hourShares(s *series, d *dates) [daysOfWeek][hoursOfDay]float64 {
	var sum [daysOfWeek][hoursOfDay]float64
	var n [daysOfWeek]float64
	var all [hoursOfDay]float64
	count := 0.0
	for day := max(0, d.complete()-fitDays); day < d.complete(); day++ {
		if s.total[day] <= 0 {
			continue
		}
		w := d.weekday[day]
		n[w]++
		count++
		for h, v := range s.grid[day] {
			share := v / s.total[day]
			sum[w][h] += share
			all[h] += share
		}
	}
	const even, asDays = 1.0 / hoursOfDay, 2
	for h := range all {
		all[h] = (all[h] + even/4) / (count + 1.0/4)
	}
	for w := range sum {
		for h := range sum[w] {
			sum[w][h] = (sum[w][h] + asDays*all[h]) / (n[w] + asDays)
		}
	}
	return sum
}
