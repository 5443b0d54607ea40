package keyring

import (
	"time"

	"github.com/tokenboard/tokenboard/internal/calendar"
	"github.com/tokenboard/tokenboard/internal/store"
)

// periods are the current periods of the calendar. The zero value is none.
type periods struct {
	begin, end [store.Ever]time.Time
}

// periodsAt returns the periods that contain a time, in its zone.
func periodsAt(t time.Time) *periods {
	p := &periods{}
	for i, of := range [store.Ever]func(time.Time, int) time.Time{calendar.Midnight, calendar.Week, calendar.Month} {
		p.begin[i], p.end[i] = of(t, 0), of(t, 1)
	}
	return p
}

func (p *periods) holds(t time.Time) bool {
	return !t.Before(p.begin[store.Daily]) && t.Before(p.end[store.Daily])
}

// whole reports whether all times between two times are in the same periods.
func (p *periods) whole(begin, end time.Time) bool {
	if end.After(p.end[store.Daily]) {
		return false // later days belong to periods that are not in p
	}
	for _, at := range p.begin {
		if begin.Before(at) && at.Before(end) {
			return false
		}
	}
	return true
}

// spending is the spending of one key: in total, and in the periods that are not over.
type spending struct {
	ever    amount
	periods [store.Ever][]slot // a few: calls may start in the near future
}

type slot struct {
	begin, end time.Time
	amount
}

// add counts n times (1 or -1) an amount that was spent at a time. The zero time is before all periods.
func (s *spending) add(now *periods, at time.Time, a amount, n int64) {
	s.ever.Add(a, n)
	for p := range s.periods {
		if at.Before(now.begin[p]) {
			continue
		}
		begin, end := now.begin[p], now.end[p]
		if !at.Before(end) {
			later := periodsAt(at.In(begin.Location()))
			begin, end = later.begin[p], later.end[p]
		}
		s.slot(p, now.begin[p], begin, end).Add(a, n)
	}
}

// slot returns the slot of a period that begins at a time, and removes those that are over.
func (s *spending) slot(p int, current, begin, end time.Time) *slot {
	kept := s.periods[p][:0]
	for _, x := range s.periods[p] {
		if x.end.After(current) {
			kept = append(kept, x)
		}
	}
	s.periods[p] = kept
	for i := range kept {
		if kept[i].begin.Equal(begin) {
			return &kept[i]
		}
	}
	s.periods[p] = append(kept, slot{begin: begin, end: end})
	return &s.periods[p][len(kept)]
}

// in returns what was spent in a current period.
func (s *spending) in(now *periods, p store.Period) amount {
	if p == store.Ever {
		return s.ever
	}
	for i := range s.periods[p] {
		if s.periods[p][i].begin.Equal(now.begin[p]) {
			return s.periods[p][i].amount
		}
	}
	return amount{}
}
