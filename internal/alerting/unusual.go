package alerting

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"time"

	"github.com/tokenboard/tokenboard/internal/alert"
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
)

// look compares. says is false where nothing is to be said of the hour.
func (u *unusual) look() (multiple float64, says bool) {
	if u.expected <= 0 || u.spent < least {
		return 0, false
	}
	return float64(u.spent) / float64(u.expected), true
}

// known reports whether it is known what is usual in the hour of a time.
func (u *unusual) known(now time.Time) bool { return now.Truncate(time.Hour).Equal(u.hour) }

// add adds a call of the rule's filter where it belongs to the hour.
func (u *unusual) add(f *fact) {
	if f.commit > u.from && !f.start.Before(u.hour) && f.start.Before(u.hour.Add(time.Hour)) && f.Quality&usage.Unpriced == 0 {
		u.spent = u.spent.Add(usage.NanoUSD(usage.TimesSat(f.n, int64(f.Cost))))
	}
}

// toPlan is a rule that needs to know what is usual in an hour, and what was found out for it.
type toPlan struct {
	w    *watch
	g    *group
	u    unusual
	done bool
}

// plan has it found out what is usual in the current hour, and what was spent in it. Until then, a rule's states stay as they are.
func (s *session) plan(ctx context.Context, now time.Time) {
	if s.planning.runs() {
		return
	}
	var all []*toPlan
	for _, w := range s.watches {
		if w.group != nil && w.Kind == alert.SpendUnusual && !w.unusual.known(now) {
			all = append(all, &toPlan{w: w, g: w.group, u: w.unusual})
		}
	}
	if len(all) == 0 {
		return
	}
	s.planning.keeps = true
	more := s.patience()
	s.do(ctx, &s.planning, func(ctx context.Context) func(time.Time, []fact) error {
		var err error
		for _, x := range all {
			if err = x.u.begin(ctx, s.o.Ledger, &s.e.facts, x, now.Truncate(time.Hour)); err != nil || !more() {
				break // the others are next
			}
		}
		return func(_ time.Time, since []fact) error {
			for _, x := range all {
				if !x.done || x.w.group != x.g {
					continue
				}
				x.w.unusual = x.u
				for i := range since {
					if x.g.matches(&since[i]) {
						x.w.unusual.add(&since[i])
					}
				}
			}
			return err
		}
	})
}

// begin takes what is expected of an hour from the plan, and asks what was spent in it. It is called by an errand.
func (u *unusual) begin(ctx context.Context, l *ledger.Ledger, q *queue, x *toPlan, hour time.Time) error {
	at := int(hour.Sub(u.planned) / time.Hour)
	if u.planned.IsZero() || at < 0 || at >= len(u.plan) {
		if err := u.makePlan(ctx, l, x, hour); err != nil {
			return err
		}
		at = 0
	}
	before := q.number()
	filter := x.g.filter
	filter.From, filter.To = hour, hour.Add(time.Hour)
	a, err := l.Query(ctx, ledger.Query{Filter: filter, CountsOnly: true})
	if err != nil {
		return fmt.Errorf("ask what the hour has cost: %w", err)
	}
	u.hour, u.expected, u.spent, u.from = hour, u.plan[at], 0, max(a.Commit, before)
	for i := range a.Groups {
		for j := range a.Groups[i].Points {
			u.spent = u.spent.Add(a.Groups[i].Points[j].Cost)
		}
	}
	x.done = true
	return nil
}

// makePlan makes what is expected of the hours from one on, of what was spent before it.
func (u *unusual) makePlan(ctx context.Context, l *ledger.Ledger, x *toPlan, hour time.Time) error {
	edges := make([]time.Time, 0, profileWeeks*7*24+1)
	for t := hour.Add(-profileWeeks * 7 * day); !t.After(hour); t = t.Add(time.Hour) {
		edges = append(edges, t)
	}
	a, err := l.Query(ctx, ledger.Query{Filter: x.g.filter, Edges: edges, CountsOnly: true})
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
	_, _ = h.Write([]byte(x.w.id))
	u.planned = hour
	u.plan, err = usual(hours, hour, shortestPlan+int(h.Sum32()%shortestPlan), x.w.zone)
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
