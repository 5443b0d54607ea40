package alerting

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"time"

	"github.com/tokenboard/tokenboard/internal/forecast"
	"github.com/tokenboard/tokenboard/internal/ledger"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// unusual compares the spend of the current hour with what the profile of the forecast expects of the whole hour.
type unusual struct {
	hour     time.Time // zero: not looked at yet
	expected int64     // nano-dollars; 0: there is not enough history
	spent    usage.NanoUSD
	from     int64 // commits up to this number are in spent

	// plan has what is expected of the hours from planned on. The history of months is read for it, so it is made for many hours.
	plan    []int64
	planned time.Time
}

const (
	// profileWeeks is how much history an expectation is made of.
	profileWeeks = 16
	// least is the spend below which an hour is not unusual, whatever it is a multiple of.
	least = 10_000_000 // nano-dollars: a cent
	// shortestPlan is how many hours are planned at least, and at most twice as many, so that rules do not read history at one
	// time. Where there is too little history, planRetry hours.
	shortestPlan, planRetry = 12, 1
	// planTime is how long plans are made at one look. The rules that are left wait for the next ones, so that other rules do
	// not wait for them.
	planTime = 500 * time.Millisecond
)

// look compares. known is false where there is no plan yet.
func (u *unusual) look(ctx context.Context, s *session, w *watch, now time.Time) (multiple float64, says, known bool, err error) {
	hour := now.Truncate(time.Hour)
	if !hour.Equal(u.hour) {
		if known, err := u.begin(ctx, s, w, hour); err != nil || !known {
			return 0, false, false, err
		}
	}
	for _, f := range w.group.hits {
		if f.commit > u.from && !f.start.Before(hour) && f.start.Before(hour.Add(time.Hour)) && f.Quality&usage.Unpriced == 0 {
			u.spent = u.spent.Add(usage.NanoUSD(usage.TimesSat(f.n, int64(f.Cost))))
		}
	}
	if u.expected <= 0 || u.spent < least {
		return 0, false, true, nil
	}
	return float64(u.spent) / float64(u.expected), true, true, nil
}

// begin takes what is expected of an hour from the plan, and asks what was spent in it.
func (u *unusual) begin(ctx context.Context, s *session, w *watch, hour time.Time) (known bool, err error) {
	at := int(hour.Sub(u.planned) / time.Hour)
	if u.planned.IsZero() || at < 0 || at >= len(u.plan) {
		if s.planning >= planTime {
			return false, nil
		}
		began := s.o.Clock.Elapsed()
		if err := u.makePlan(ctx, s, w, hour); err != nil {
			return false, err
		}
		s.planning += s.o.Clock.Elapsed() - began
		at = 0
	}
	before := s.e.facts.number()
	filter := w.group.filter
	filter.From, filter.To = hour, hour.Add(time.Hour)
	a, err := s.o.Ledger.Query(ctx, ledger.Query{Filter: filter, CountsOnly: true})
	if err != nil {
		return false, fmt.Errorf("ask what the hour has cost: %w", err)
	}
	u.hour, u.expected, u.spent, u.from = hour, u.plan[at], 0, max(a.Commit, before)
	for i := range a.Groups {
		for j := range a.Groups[i].Points {
			u.spent = u.spent.Add(a.Groups[i].Points[j].Cost)
		}
	}
	return true, nil
}

// makePlan makes what is expected of the hours from one on, of what was spent before it.
func (u *unusual) makePlan(ctx context.Context, s *session, w *watch, hour time.Time) error {
	edges := make([]time.Time, 0, profileWeeks*7*24+1)
	for t := hour.Add(-profileWeeks * 7 * day); !t.After(hour); t = t.Add(time.Hour) {
		edges = append(edges, t)
	}
	a, err := s.o.Ledger.Query(ctx, ledger.Query{Filter: w.group.filter, Edges: edges, CountsOnly: true})
	if err != nil {
		return fmt.Errorf("ask what is usual: %w", err)
	}
	var hours []forecast.Hour
	for i := range a.Groups {
		for j := range a.Groups[i].Points {
			if p := &a.Groups[i].Points[j]; p.Calls > 0 {
				hours = append(hours, forecast.Hour{Start: edges[j], Cost: p.Cost, Tokens: p.Tokens.Total()})
			}
		}
	}
	h := fnv.New32a()
	_, _ = h.Write([]byte(w.id))
	u.planned = hour
	u.plan, err = usual(hours, hour, shortestPlan+int(h.Sum32()%shortestPlan), w.zone)
	return err
}

// usual returns what n hours from one on usually cost by the hours before; 0 of planRetry hours where there is not enough history.
func usual(hours []forecast.Hour, hour time.Time, n int, zone *time.Location) ([]int64, error) {
	f, err := forecast.New(forecast.Input{Hours: hours, Now: hour, Zone: zone})
	if short := new(forecast.ShortHistoryError); errors.As(err, &short) {
		return make([]int64, planRetry), nil
	}
	if err != nil {
		return nil, fmt.Errorf("ask what is usual: %w", err)
	}
	out := make([]int64, n)
	for i := range out {
		from := hour.Add(time.Duration(i) * time.Hour)
		out[i] = f.Period(forecast.Cost, forecast.Period{From: from, To: from.Add(time.Hour)}).Expected
	}
	return out, nil
}
