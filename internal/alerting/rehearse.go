package alerting

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/tokenboard/tokenboard/internal/alert"
	"github.com/tokenboard/tokenboard/internal/forecast"
	"github.com/tokenboard/tokenboard/internal/ledger"
	"github.com/tokenboard/tokenboard/internal/store"
)

// Firing is one time that a rule would have fired.
type Firing struct {
	Subject    string
	Start, End time.Time // End is zero where it would fire now
	Peak       float64   // the value that was farthest beyond the limit
}

// Rehearsal is what a rule would have done.
type Rehearsal struct {
	From, To time.Time
	Step     time.Duration // how exact the times are
	// Unavailable is why it cannot be told; "" where it can.
	Unavailable   string
	Firings       []Firing // oldest first
	More          int      // firings that were left out
	Notifications int      // that would have been sent to each channel
}

const (
	rehearsalDays = 90
	maxFirings    = 1000
	maxPairs      = 200_000
)

// ErrTooManyPairs reports first uses of more combinations than can be looked at.
var ErrTooManyPairs = errors.New("there are too many combinations of keys and values")

// rehearsal is one that is being made.
type rehearsal struct {
	*Rehearsal
	l      *ledger.Ledger
	rule   *alert.Rule
	filter store.Filter
	keys   Keys
	zone   *time.Location
	p      *alert.Progress
	now    *Firing // the one that is under way
}

// Rehearse tells when a rule would have fired in the last 90 days, from what is stored now. It reads sums where these can
// answer, else records, and ends with its context.
func Rehearse(ctx context.Context, o *Options, r *alert.Rule, now time.Time) (*Rehearsal, error) {
	keys, err := o.Keys(ctx)
	if err != nil {
		return nil, fmt.Errorf("look up the keys of an alert rule: %w", err)
	}
	now = now.UTC().Truncate(ledger.Bucket)
	x := &rehearsal{
		Rehearsal: &Rehearsal{From: now.AddDate(0, 0, -rehearsalDays), To: now, Step: ledger.Bucket, Firings: []Firing{}},
		l:         o.Ledger, rule: r, filter: filterOf(&r.Filter, keys), keys: keys, zone: o.Location,
	}
	if x.zone == nil {
		x.zone = time.UTC
	}
	if r.TimeZone != "" {
		if x.zone, err = time.LoadLocation(r.TimeZone); err != nil {
			return nil, fmt.Errorf("load the time zone of an alert rule: %w", err)
		}
	}
	switch {
	case r.Kind.Windowed():
		err = x.windowed(ctx)
	case r.Kind == alert.Silence:
		err = x.silence(ctx)
	case r.Kind == alert.SpendUnusual:
		err = x.unusual(ctx)
	case r.Kind == alert.KeyFirstUse:
		err = x.firstUses(ctx)
	case r.Kind == alert.KeyExpiry:
		err = x.expiries(ctx, o.Store)
	default:
		x.Unavailable = "what a rule of this kind watches is not recorded"
	}
	if err != nil {
		return nil, err
	}
	if x.now != nil {
		x.close(time.Time{})
	}
	return x.Rehearsal, nil
}

// look is one look at the condition.
func (x *rehearsal) look(at time.Time, value float64, holds bool) {
	t := alert.Advance(x.rule, x.p, holds, alert.QuietAt(x.rule.Quiet, at), at, func() string { return "x" })
	if t.Notify != "" {
		x.Notifications++
	}
	x.p = t.Next
	switch {
	case t.Fired:
		x.now = &Firing{Start: at, Peak: value}
	case t.Ended && x.now != nil:
		x.close(at)
	case x.now != nil:
		x.now.Peak = max(x.now.Peak, value)
	}
}

func (x *rehearsal) close(end time.Time) {
	x.now.End = end
	x.add(*x.now)
	x.now = nil
}

func (x *rehearsal) add(f Firing) {
	if len(x.Firings) >= maxFirings {
		x.More++
		return
	}
	x.Firings = append(x.Firings, f)
}

// points asks for sums by steps from a time to the end.
func (x *rehearsal) points(ctx context.Context, from time.Time, step time.Duration, countsOnly bool) (points []ledger.Sums, err error) {
	var edges []time.Time
	for t := from; !t.After(x.To); t = t.Add(step) {
		edges = append(edges, t)
	}
	points = make([]ledger.Sums, len(edges)-1)
	a, err := x.l.Query(ctx, ledger.Query{Filter: x.filter, Edges: edges, CountsOnly: countsOnly})
	if err != nil {
		return nil, fmt.Errorf("ask for the past of an alert rule: %w", err)
	}
	for i := range a.Groups {
		for j := range a.Groups[i].Points {
			points[j].Merge(&a.Groups[i].Points[j])
		}
	}
	return points, nil
}

func (x *rehearsal) windowed(ctx context.Context) error {
	window, _ := alert.WindowNamed(x.rule.Window)
	begin, _ := window.Bounds(x.From, x.zone)
	begin = begin.UTC().Truncate(ledger.Bucket)
	points, err := x.points(ctx, begin, x.Step, x.rule.Kind != alert.LatencyP95 && x.rule.Kind != alert.TTFTP95)
	if err != nil {
		return err
	}
	long := max(int(window.Length/x.Step), 1) // a window that is shorter than a step is a step
	var total ledger.Sums
	for i := range points {
		at := begin.Add(time.Duration(i+1) * x.Step)
		if window.Length == 0 {
			if from, _ := window.Bounds(at.Add(-1), x.zone); !from.Before(at.Add(-x.Step)) {
				total = ledger.Sums{}
			}
		} else if i >= long {
			total.SubtractCounts(&points[i-long])
			total.Duration.Subtract(&points[i-long].Duration)
			total.TTFT.Subtract(&points[i-long].TTFT)
		}
		total.Merge(&points[i])
		if at.After(x.From) {
			value, says := valueOf(x.rule, &total)
			x.look(at, value, reaches(x.rule, &total, value, says))
		}
	}
	return ctx.Err()
}

func (x *rehearsal) silence(ctx context.Context) error {
	points, err := x.points(ctx, x.From, x.Step, true)
	if err != nil {
		return err
	}
	last := time.Time{} // before the first call nothing is missed
	for i := range points {
		at := x.From.Add(time.Duration(i+1) * x.Step)
		if points[i].Calls > 0 {
			last = at
		}
		silent := at.Sub(last).Seconds()
		x.look(at, silent, !last.IsZero() && silent >= x.rule.Limit)
	}
	return nil
}

func (x *rehearsal) unusual(ctx context.Context) error {
	x.Step = time.Hour
	x.To = x.To.Truncate(time.Hour)
	x.From = x.From.Truncate(time.Hour)
	begin := x.From.Add(-profileWeeks * 7 * day)
	points, err := x.points(ctx, begin, time.Hour, true)
	if err != nil {
		return err
	}
	hours := make([]forecast.Hour, 0, len(points))
	for i := range points {
		hour := begin.Add(time.Duration(i) * time.Hour)
		if !hour.Before(x.From) {
			if err := ctx.Err(); err != nil {
				return fmt.Errorf("ask what was usual: %w", err)
			}
			plan, err := usual(hours, hour, 1, x.zone)
			if err != nil {
				return err
			}
			value, expected := 0.0, plan[0]
			if expected > 0 && points[i].Cost >= least {
				value = float64(points[i].Cost) / float64(expected)
			}
			x.look(hour.Add(time.Hour), value, value >= x.rule.Limit)
		}
		if points[i].Calls > 0 {
			hours = append(hours, forecast.Hour{Start: hour, Cost: points[i].Cost, Tokens: points[i].Tokens.Total()})
		}
	}
	return nil
}

func (x *rehearsal) firstUses(ctx context.Context) error {
	x.Step = 0
	w := &watch{Rule: *x.rule}
	type pair struct{ key, value string }
	first := map[pair]time.Time{}
	f := x.filter
	f.To = x.To
	err := x.l.Figures(ctx, f, func(r *store.Record) error {
		c := factOf(&r.Call, 1)
		p := pair{c.key, w.value(&c)}
		if p.key == "" || p.value == "" {
			return nil
		}
		if at, known := first[p]; !known || c.start.Before(at) {
			if first[p] = c.start; len(first) > maxPairs {
				return ErrTooManyPairs
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("look for first uses: %w", err)
	}
	var all []Firing
	for p, at := range first {
		if !at.Before(x.From) {
			all = append(all, Firing{Subject: text(x.keys.Name(p.key) + ": " + p.value), Start: at, End: at.Add(eventTime)})
		}
	}
	x.addAll(all)
	return nil
}

func (x *rehearsal) expiries(ctx context.Context, d store.Directory) error {
	x.Step = 0
	keys, _, err := d.Keys(ctx, 0)
	if err != nil {
		return fmt.Errorf("look which keys expired: %w", err)
	}
	var all []Firing
	for i := range keys {
		k := &keys[i]
		begin := k.ExpiresAt.Add(-time.Duration(x.rule.Limit * float64(day)))
		if k.ExpiresAt.IsZero() || k.Disabled || !k.RevokedAt.IsZero() || k.ExpiresAt.Before(x.From) || begin.After(x.To) {
			continue
		}
		f := Firing{Subject: text(k.Name), Start: begin, Peak: x.rule.Limit}
		if k.CreatedAt.After(begin) {
			f.Start = k.CreatedAt
		}
		if !k.ExpiresAt.After(x.To) {
			f.End = k.ExpiresAt
		}
		all = append(all, f)
	}
	x.addAll(all)
	return nil
}

// addAll adds firings that are found in no order.
func (x *rehearsal) addAll(all []Firing) {
	slices.SortFunc(all, func(a, b Firing) int { return a.Start.Compare(b.Start) })
	for _, f := range all {
		x.add(f)
		x.Notifications++
	}
}
