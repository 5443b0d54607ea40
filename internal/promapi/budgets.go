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
	callseries "github.com/tokenboard/tokenboard/internal/rollup/series"
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
	// NowOnly says that what was used in the past is not known: there are samples of it now only.
	NowOnly bool
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
		v := f[cube.Cost]
		if !s.money[i] {
			v = f[cube.InputUncached] + f[cube.CacheRead] + f[cube.CacheWrite] + f[cube.OutputText] + f[cube.Reasoning]
		}
		s.tracks[i].add(at, float64(v))
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
			known := m.what != budgetUsed && m.what != budgetLeft || !wanted[i].NowOnly || q.isNow(t)
			if known && !time.UnixMilli(t).Before(wanted[i].Since) {
				s.times, s.values = append(s.times, t), append(s.values, value(i, t)/scale)
			}
		}
		out = append(out, s)
	}
	return out, nil
}

// budgetValue returns what a gauge has of each budget at a time.
func (q *querier) budgetValue(ctx context.Context, m *budgetMetric, wanted []Budget, times []int64) (func(i int, t int64) float64, error) {
	value := func(i int, t int64) float64 { return float64(wanted[i].Limit) }
	switch m.what {
	case budgetReset:
		value = func(i int, t int64) float64 {
			_, end := wanted[i].PeriodOf(time.UnixMilli(t))
			return float64(end.Unix())
		}
	case budgetUsed, budgetLeft:
		used, err := q.spent(ctx, wanted, times)
		if err != nil {
			return nil, err
		}
		if value = used; m.what == budgetLeft {
			value = func(i int, t int64) float64 {
				if q.isNow(t) {
					return float64(wanted[i].Left)
				}
				return max(float64(wanted[i].Limit)-used(i, t), 0)
			}
		}
	}
	return value, nil
}

// spending adds up what budgets used since the first of some times, at the latest.
func (q *querier) spending(ctx context.Context, budgets []Budget, times []int64) (*spendSink, []int64, error) {
	if d := cube.DimensionOf(q.cube, []callseries.Label{callseries.LabelKey}); d != nil && d.Takes(times) {
		sink := newSpendSink(d, budgets, &q.room)
		at, _, err := d.Since(ctx, times, sink, &q.room)
		if !errors.Is(err, cube.ErrOverflow) {
			return sink, at, err
		}
	}
	sink := newSpendSink(q.cube, budgets, &q.room)
	at, _, err := q.cube.Since(ctx, times, sink, &q.room)
	return sink, at, err
}

// spent returns what budgets had used at some times.
func (q *querier) spent(ctx context.Context, budgets []Budget, times []int64) (func(i int, t int64) float64, error) {
	all := slices.Clone(times)
	begins := map[[2]int64]int64{}
	for i := range budgets {
		if budgets[i].PeriodOf == nil || budgets[i].NowOnly {
			continue
		}
		for _, t := range times {
			begin, _ := budgets[i].PeriodOf(time.UnixMilli(t))
			begins[[2]int64{int64(i), t}] = begin.UnixMilli()
			all = append(all, begin.UnixMilli())
		}
	}
	slices.Sort(all)
	all = slices.Compact(all)
	sink, at, err := q.spending(ctx, budgets, all)
	if err != nil {
		return nil, err
	}
	sums := make([][]float64, len(budgets)) // cumulative, by sample
	for i, t := range sink.tracks {
		series := newFloatSeries(t, at)
		sums[i] = make([]float64, len(at))
		next, sum := 0, 0.0
		for k := range at {
			for ; next < len(series.deltas) && series.deltas[next].at <= k; next++ {
				sum += series.deltas[next].v
			}
			sums[i][k] = sum
		}
	}
	until := func(i int, t int64) float64 {
		k, found := slices.BinarySearch(at, t)
		if !found {
			k-- // it was moved
		}
		if k < 0 {
			return 0
		}
		return sums[i][k]
	}
	return func(i int, t int64) float64 {
		b := &budgets[i]
		switch {
		case q.isNow(t):
			return float64(b.Used)
		case b.NowOnly:
			return 0 // it is not shown
		case b.PeriodOf == nil: // with what retention dropped
			return max(float64(b.Used)-(until(i, q.now)-until(i, t)), 0)
		}
		return until(i, t) - until(i, begins[[2]int64{int64(i), t}])
	}, nil
}
