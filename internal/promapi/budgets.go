package promapi

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage"

	"github.com/tokenboard/tokenboard/internal/promapi/cube"
	"github.com/tokenboard/tokenboard/internal/promapi/spending"
	callseries "github.com/tokenboard/tokenboard/internal/rollup/series"
	"github.com/tokenboard/tokenboard/internal/store"
)

// Budget is a limit of tokens or money for each period of the calendar, as it is now.
type Budget struct {
	Scope, Key, Period string // labels; Key is empty where it is for other calls than a key's
	Name               string // label budget; empty of the limits of keys and of the quota
	Fingerprints       []string
	All                bool // what all calls spend counts, whatever their key
	Money              bool // Limit is in nano-USD, otherwise in tokens
	Limit              int64
	// Used is the current usage, including calls that retention dropped.
	Used int64
	Left int64 // of Limit, less what is used and reserved; at least 0
	// Calls are those that count, where they are neither those of Fingerprints nor all.
	Calls *store.Filter
	// PeriodOf returns when the period that has a time begins and ends; zero times where it never does. It is nil
	// for a budget without an end.
	PeriodOf func(time.Time) (begin, end time.Time)
	// Since is when the budget's owner was made; it has no samples before. Zero: long ago.
	Since time.Time
}

// spendSink adds up what budgets have used, at the samples.
type spendSink struct {
	*groups
	index  []map[string]bool // fingerprints by budget; nil: all
	tracks []*track
	of     [][]int // by group, which budgets
	money  []bool
}

func newSpendSink(c source, budgets []Budget, room *int) *spendSink {
	s := &spendSink{}
	for i := range budgets {
		var keys map[string]bool
		if !budgets[i].All {
			keys = map[string]bool{}
			for _, f := range budgets[i].Fingerprints {
				keys[f] = true
			}
		}
		s.index, s.money = append(s.index, keys), append(s.money, budgets[i].Money)
		s.tracks = append(s.tracks, newTrack(labels.EmptyLabels(), 1, room))
	}
	onlyKey := func(raw callseries.Labels) callseries.Labels {
		return callseries.Labels{callseries.LabelKey: raw[callseries.LabelKey]}
	}
	s.groups = newGroups(c, onlyKey, func(shown callseries.Labels) bool {
		var which []int
		for i, keys := range s.index {
			if keys == nil || keys[shown[callseries.LabelKey]] {
				which = append(which, i)
			}
		}
		if which != nil {
			s.of = append(s.of, which)
		}
		return which != nil
	})
	return s
}

func (s *spendSink) Figures(series uint32, at int, f *cube.Figures) {
	for _, i := range s.of[s.find(series)] {
		s.tracks[i].add(at, spending.Amount(f, s.money[i]))
	}
}

func (*spendSink) Times(uint32, int, []byte) {}

// budgetSeries returns the gauges of budgets. Limits are the current ones, also for samples in the past, and what is left there knows of no reservations; usage is the
// spending of the period up to the sample.
func (q *querier) budgetSeries(
	ctx context.Context, m *budgetMetric, times []int64, of *maker,
) ([]storage.Series, error) {
	if q.view.Budgets == nil {
		return nil, nil
	}
	budgets, err := q.view.Budgets(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the budgets: %w", err)
	}
	var wanted []Budget
	var shown []labels.Labels
	seen := map[string]bool{}
	for _, b := range budgets {
		if m.what == budgetReset && b.PeriodOf == nil || m.what != budgetReset && b.Money != m.cost {
			continue
		}
		period := labels.Label{Name: "period", Value: b.Period}
		scope, key := labels.Label{Name: "scope", Value: b.Scope}, &callseries.Labels{callseries.LabelKey: clean(b.Key)}
		l, match := of.match(key, m.name, scope, period, labels.Label{Name: "budget", Value: b.Name})
		if key := l.String(); match && !seen[key] {
			seen[key] = true
			wanted, shown = append(wanted, b), append(shown, l)
		}
	}
	if len(wanted) == 0 {
		return nil, nil
	}
	value, err := q.budgetValue(ctx, m, wanted, times)
	if err != nil {
		return nil, err
	}
	scale := 1.0
	if m.cost {
		scale = nano
	}
	out := make([]storage.Series, 0, len(wanted))
	for i := range wanted {
		s := &pointSeries{labels: shown[i]}
		for _, t := range times {
			if time.UnixMilli(t).Before(wanted[i].Since) {
				continue
			}
			if v, known := value(i, t); known {
				s.times, s.values = append(s.times, t), append(s.values, v/scale)
			}
		}
		out = append(out, s)
	}
	return out, nil
}

// valueOf returns what a gauge has of a budget, by its index, at a time, if that is known.
type valueOf func(i int, t int64) (v float64, known bool)

// budgetValue returns what a gauge has of budgets.
func (q *querier) budgetValue(ctx context.Context, m *budgetMetric, wanted []Budget, times []int64) (valueOf, error) {
	switch m.what {
	case budgetReset:
		return func(i int, t int64) (float64, bool) {
			_, end := wanted[i].PeriodOf(time.UnixMilli(t))
			return float64(end.Unix()), true
		}, nil
	case budgetUsed, budgetLeft:
		used, err := q.spent(ctx, wanted, times)
		if err != nil || m.what == budgetUsed {
			return used, err
		}
		return func(i int, t int64) (float64, bool) {
			if q.isNow(t) {
				return float64(wanted[i].Left), true
			}
			v, known := used(i, t)
			return max(float64(wanted[i].Limit)-v, 0), known
		}, nil
	}
	return func(i int, _ int64) (float64, bool) { return float64(wanted[i].Limit), true }, nil
}

// spent returns what budgets had used at some times.
func (q *querier) spent(ctx context.Context, budgets []Budget, times []int64) (valueOf, error) {
	// The end of what was ever used is a time after which no call starts, on a border of the sums.
	end := (q.now/cube.SlotMillis+1)*cube.SlotMillis + cube.Soonest.Milliseconds()
	all := append(slices.Clone(times), end)
	begins := map[[2]int64]int64{}
	var ofKeys, others []int
	for i := range budgets {
		if budgets[i].Calls == nil {
			ofKeys = append(ofKeys, i)
		} else {
			others = append(others, i)
		}
		for _, t := range times {
			if budgets[i].PeriodOf != nil {
				begin, _ := budgets[i].PeriodOf(time.UnixMilli(t))
				begins[[2]int64{int64(i), t}] = begin.UnixMilli()
				all = append(all, begin.UnixMilli())
			}
		}
	}
	slices.Sort(all)
	all = slices.Compact(all)
	spent := make([]spending.Usage, len(budgets))
	if err := q.spentByKeys(ctx, budgets, ofKeys, all, spent); err != nil {
		return nil, err
	}
	asked := make([]spending.Budget, len(others))
	for k, i := range others {
		asked[k] = spending.Budget{Calls: *budgets[i].Calls, Money: budgets[i].Money}
	}
	used, err := spending.Of(ctx, q.api.o.Ledger, asked, all, &q.room)
	if err != nil {
		return nil, err
	}
	for k, i := range others {
		spent[i] = used[k]
	}
	return func(i int, t int64) (float64, bool) {
		b, u := &budgets[i], &spent[i]
		switch {
		case q.isNow(t):
			return float64(b.Used), true
		case !u.Known():
			return 0, false
		case b.PeriodOf == nil: // with what retention dropped
			return max(float64(b.Used)-(u.Until(end)-u.Until(t)), 0), true
		}
		return u.Until(t) - u.Until(begins[[2]int64{int64(i), t}]), true
	}, nil
}

// spentByKeys adds up what budgets of keys and of all calls used since the first of some times, at the latest.
func (q *querier) spentByKeys(ctx context.Context, budgets []Budget, which []int, times []int64, to []spending.Usage) error {
	if len(which) == 0 {
		return nil
	}
	of := make([]Budget, len(which))
	for k, i := range which {
		of[k] = budgets[i]
	}
	read := func(from source, sum func(context.Context, []int64, cube.Sink, *int) ([]int64, bool, error)) error {
		sink := newSpendSink(from, of, &q.room)
		at, _, err := sum(ctx, times, sink, &q.room)
		if err != nil {
			return err
		}
		for k, i := range which {
			amounts := make([]float64, len(at))
			for _, d := range sink.tracks[k].deltas {
				if d.at < len(at) {
					amounts[d.at] += d.v
				}
			}
			to[i] = spending.NewUsage(at, amounts)
		}
		return nil
	}
	if d := cube.DimensionOf(q.cube, []callseries.Label{callseries.LabelKey}); d != nil && d.Takes(times) {
		if err := read(d, d.Since); !errors.Is(err, cube.ErrOverflow) {
			return err
		}
	}
	return read(q.cube, q.cube.Since)
}
