package budget

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/tokenboard/tokenboard/internal/calendar"
	"github.com/tokenboard/tokenboard/internal/forecast"
	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// Projection is what a budget is expected to have at the end of its period. Amounts are as of State.
type Projection struct {
	Enough bool // there is enough history; else the rest is empty, but for Exhaustion.Now
	// Expected, Low and High are used at the end of the period; 0 of a budget that is never reset. The band holds in about
	// 80 of 100 cases.
	Expected, Low, High int64
	forecast.Exhaustion
}

// Share returns which part of a budget is expected to be used at the end of its period: above 1, it will be passed.
func (p *Projection) Share(b *State) float64 { return float64(p.Expected) / float64(b.Limit) }

const (
	projectedFor  = 5 * time.Minute // for so long an estimate of the rest is used
	projectedAt   = 100             // groups whose histories are in memory at one time
	historyDays   = 112
	recordDays    = 28 // of the history of what is read from records
	projectedMost = 2 * MaxBudgets
)

// projectedEntry is the estimate of a budget, without what is used, which changes.
type projectedEntry struct {
	row                store.BudgetRow
	at                 time.Time
	enough             bool
	rest, low, high    int64
	expected, earliest time.Time
	latest             time.Time
}

// Project estimates budgets, by id. Estimates are at most five minutes old; what is used is as in the states.
func (s *Set) Project(ctx context.Context, states []State) (map[string]Projection, error) {
	if err := s.fitting.Acquire(ctx, 1); err != nil {
		return nil, fmt.Errorf("wait for the forecasts of other budgets: %w", err)
	}
	defer s.fitting.Release(1)
	now := s.now()
	var stale []State
	for i := range states {
		p := s.project[states[i].ID]
		if p == nil || p.row != states[i].BudgetRow || !now.Before(p.at.Add(projectedFor)) || now.Before(p.at) {
			stale = append(stale, states[i])
		}
	}
	if len(s.project)+len(stale) > projectedMost {
		clear(s.project)
		stale = states
	}
	if err := s.estimate(ctx, stale, now); err != nil {
		return nil, err
	}
	out := make(map[string]Projection, len(states))
	for i := range states {
		out[states[i].ID] = s.project[states[i].ID].of(&states[i])
	}
	return out, nil
}

// of returns the projection of a budget with what is used of it now.
func (p *projectedEntry) of(b *State) Projection {
	out := Projection{}
	out.Now = b.Used >= b.Limit
	if p == nil || !p.enough {
		return out
	}
	out.Enough = true
	if !b.ResetsAt.IsZero() {
		out.Expected, out.Low, out.High = usage.AddSat(b.Used, p.rest), usage.AddSat(b.Used, p.low), usage.AddSat(b.Used, p.high)
	}
	if !out.Now {
		out.Exhaustion.Expected, out.Earliest, out.Latest = p.expected, p.earliest, p.latest
	}
	return out
}

// estimate makes the estimates of budgets, the groups in portions.
func (s *Set) estimate(ctx context.Context, states []State, now time.Time) error {
	byGroup := map[*group][]State{}
	s.mu.Lock()
	for i := range states {
		if e := s.byID[states[i].ID]; e != nil {
			byGroup[e.group] = append(byGroup[e.group], states[i])
		}
	}
	s.mu.Unlock()
	var groups []*group
	for g := range byGroup {
		groups = append(groups, g)
	}
	for part := range slices.Chunk(groups, projectedAt) {
		hours, err := s.hours(ctx, part, now)
		if err != nil {
			return err
		}
		for _, g := range part {
			if err := s.fit(hours[g], byGroup[g], now); err != nil {
				return err
			}
			delete(hours, g)
		}
	}
	return nil
}

// fit makes the estimates of the budgets of one group.
func (s *Set) fit(hours []forecast.Hour, states []State, now time.Time) error {
	caster, err := forecast.New(forecast.Input{Hours: hours, Now: now, Zone: s.o.Location})
	var short *forecast.ShortHistoryError
	if err != nil && !errors.As(err, &short) {
		return err
	}
	for i := range states {
		b := &states[i]
		p := &projectedEntry{row: b.BudgetRow, at: now, enough: err == nil}
		s.project[b.ID] = p
		if err != nil {
			continue
		}
		m := forecast.Tokens
		if b.Cost {
			m = forecast.Cost
		}
		if !b.ResetsAt.IsZero() {
			e := caster.Period(m, forecast.Period{From: b.Begin, To: b.ResetsAt})
			p.rest, p.low, p.high = usage.SubSat(e.Expected, e.Actual), usage.SubSat(e.Low, e.Actual), usage.SubSat(e.High, e.Actual)
		}
		x := caster.Exhaustion(forecast.Budget{Measure: m, Limit: b.Limit, Used: b.Used, Resets: b.ResetsAt})
		p.expected, p.earliest, p.latest = x.Expected, x.Earliest, x.Latest
	}
	return nil
}

// hours reads the histories of groups by hour, hours without calls left out.
func (s *Set) hours(ctx context.Context, groups []*group, now time.Time) (map[*group][]forecast.Hour, error) {
	sums := map[*group]map[int64]*forecast.Hour{}
	since := calendar.Midnight(now, -historyDays)
	collect := func(g *group, start time.Time, tokens int64, cost usage.NanoUSD) {
		if start.Before(since) {
			return
		}
		if sums[g] == nil {
			sums[g] = map[int64]*forecast.Hour{}
		}
		hour := start.Add(-time.Duration(start.In(s.o.Location).Minute()) * time.Minute).Truncate(time.Minute) // on the wall
		h := sums[g][hour.Unix()]
		if h == nil {
			h = &forecast.Hour{Start: hour}
			sums[g][hour.Unix()] = h
		}
		h.Tokens = usage.AddSat(h.Tokens, tokens)
		h.Cost = h.Cost.Add(cost)
	}
	parts := [2]loading{}
	for i := range parts {
		parts[i] = loading{now: now, since: since, visit: collect}
	}
	for _, g := range groups {
		switch {
		case g.fromRecords():
			l := loading{groups: []*group{g}, now: now, since: calendar.Midnight(now, -recordDays), visit: collect}
			if _, err := s.spentByMembers(ctx, &l); err != nil {
				return nil, err
			}
		case g.scope == store.ScopeAll || len(g.members.Keys) > 0:
			parts[0].groups = append(parts[0].groups, g)
		default:
			parts[1].groups = append(parts[1].groups, g)
		}
	}
	for i, read := range []func(context.Context, *loading) (int64, error){s.spentByKeys, s.spentBySums} {
		if len(parts[i].groups) == 0 {
			continue
		}
		if _, err := read(ctx, &parts[i]); err != nil {
			return nil, err
		}
	}
	out := map[*group][]forecast.Hour{}
	for g, of := range sums {
		for _, h := range of {
			out[g] = append(out[g], *h)
		}
	}
	return out, nil
}
