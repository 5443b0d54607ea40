package budget

import (
	"time"

	"github.com/tokenboard/tokenboard/internal/calendar"
	"github.com/tokenboard/tokenboard/internal/forecast"
	"github.com/tokenboard/tokenboard/internal/reservation"
	"github.com/tokenboard/tokenboard/internal/store"
)

// kind is what distinguishes the periods of budgets.
type kind struct {
	period store.Period
	first  int
}

// window is a period of the calendar. The zero value is all time.
type window struct{ begin, end time.Time }

// windowAt returns the period of a kind that contains a time, in the time's zone.
func (k kind) windowAt(t time.Time) window {
	var p forecast.Period
	switch k.period {
	case store.Daily:
		p = forecast.Day(t)
	case store.Weekly:
		p = forecast.Week(t, time.Weekday(k.first))
	case store.Monthly:
		p = forecast.Month(t, k.first)
	default:
		return window{}
	}
	return window{p.From, p.To}
}

func (w window) holds(t time.Time) bool {
	return w.end.IsZero() || !t.Before(w.begin) && t.Before(w.end)
}

// today caches the current periods, which change at midnight only. It is not for concurrent use.
type today struct {
	day   window
	kinds map[kind]window
}

// at returns the current period of a kind.
func (c *today) at(now time.Time, k kind) window {
	c.turn(now)
	w, known := c.kinds[k]
	if !known {
		w = k.windowAt(now)
		c.kinds[k] = w
	}
	return w
}

func (c *today) turn(now time.Time) {
	if c.kinds == nil || !c.day.holds(now) {
		c.day, c.kinds = window{calendar.Midnight(now, 0), calendar.Midnight(now, 1)}, map[kind]window{}
	}
}

// whole reports whether all times between two times are in the same periods of some kinds.
func (c *today) whole(begin, end time.Time, kinds map[kind]bool) bool {
	if end.After(c.day.end) {
		return false // later days belong to periods that are not the current ones
	}
	for k := range kinds {
		if at := c.kinds[k].begin; begin.Before(at) && at.Before(end) {
			return false
		}
	}
	return true
}

// span is what was spent in one period.
type span struct {
	window
	reservation.Amount
}

// maxSpans is how many periods of a budget are kept: the one before, in case the clock is set back, the current one, and
// those of calls whose start lies ahead.
const maxSpans = 4

// spans are the periods of a budget that something was spent in, in no order.
type spans []span

// add counts an amount n times (1 or -1) in the period of a time. What lies before the current period counts only where
// that period is still kept.
func (s *spans) add(k kind, current window, at time.Time, a reservation.Amount, n int64) {
	for i := range *s {
		if (*s)[i].holds(at) {
			(*s)[i].Add(a, n)
			return
		}
	}
	w := current
	if !current.holds(at) {
		if at.Before(current.begin) {
			return
		}
		w = k.windowAt(at.In(current.begin.Location()))
	}
	if len(*s) == maxSpans {
		oldest := 0
		for i := range *s {
			if (*s)[i].begin.Before((*s)[oldest].begin) {
				oldest = i
			}
		}
		(*s)[oldest] = (*s)[len(*s)-1]
		*s = (*s)[:len(*s)-1]
	}
	next := span{window: w}
	next.Add(a, n)
	*s = append(*s, next)
}

// in returns what was spent in a period.
func (s spans) in(w window) reservation.Amount {
	for i := range s {
		if s[i].begin.Equal(w.begin) {
			return s[i].Amount
		}
	}
	return reservation.Amount{}
}
