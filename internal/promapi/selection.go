package promapi

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
	"github.com/prometheus/prometheus/util/annotations"

	"github.com/tokenboard/tokenboard/internal/promapi/cube"
	callseries "github.com/tokenboard/tokenboard/internal/rollup/series"
)

// selection is the request of one selector, and the series that were found for it.
type selection struct {
	*querier
	set      *seriesSet
	times    []int64 // of the samples
	hints    *storage.SelectHints
	selector selector
	matchers []*labels.Matcher
	of       *maker
}

// named reports whether a metric's name matches.
func (x *selection) named(name string) bool {
	for _, m := range x.matchers {
		if m.Name == model.MetricNameLabel && !m.Matches(name) {
			return false
		}
	}
	return true
}

// collect adds the series of every metric whose name matches.
func (x *selection) collect(ctx context.Context) error {
	if !x.nothing {
		for _, add := range []func(context.Context) error{x.counters, x.histograms, x.records} {
			if err := add(ctx); err != nil {
				return err
			}
		}
	}
	for i := range budgetMetrics {
		m := &budgetMetrics[i]
		if !x.named(m.name) {
			continue
		}
		series, err := x.budgetSeries(ctx, m, x.times, x.of)
		if err != nil {
			return err
		}
		x.set.all = append(x.set.all, series...)
	}
	return x.present()
}

// done notes what was found out while calls were added up.
func (x *selection) done(moved bool, g *groups) error {
	if g.full {
		return cube.ErrTooMany
	}
	if moved {
		x.set.warn(resolutionNote(x.hints))
	}
	return nil
}

func (x *selection) counters(ctx context.Context) error {
	for i := range counterMetrics {
		m := &counterMetrics[i]
		if !x.named(m.name) {
			continue
		}
		if d := x.dimension(); d != nil {
			shown := func(raw callseries.Labels) callseries.Labels { return x.names.shown(d.Only(x.names.usedOf(raw))) }
			err := x.counter(ctx, m, d, shown)
			if err == nil {
				continue
			} else if !errors.Is(err, cube.ErrOverflow) {
				return err
			}
		}
		shown := func(raw callseries.Labels) callseries.Labels { return x.names.shown(x.names.seriesOf(raw)) }
		if err := x.counter(ctx, m, x.cube, shown); err != nil {
			return err
		}
	}
	return nil
}

// counter adds the series of one counter, from a source whose series are shown with some labels.
func (x *selection) counter(ctx context.Context, m *counterMetric, from source, shown func(callseries.Labels) callseries.Labels) error {
	s := newCounterSink(from, shown, m, x.of)
	sum := from.Sum
	if counted, known := x.names.counted(x.view.Keys); known {
		s.begin(shown, counted)
		sum = from.Since
	}
	at, moved, err := sum(ctx, x.times, s, &x.room)
	if err != nil {
		x.of.forget()
		return err
	}
	s.end()
	x.set.addTracks(s.tracks, at)
	return x.done(moved, s.groups)
}

// dimension returns sums by one label that answer a selector whose series are only summed; nil where none do.
func (x *selection) dimension() *cube.Dimension {
	if !x.selector.summed {
		return nil
	}
	var need []callseries.Label
	for i, name := range labelNames {
		asked := slices.Contains(x.selector.by, name)
		for _, m := range x.matchers {
			asked = asked || m.Name == name && (m.Type != labels.MatchRegexp || m.Value != ".*")
		}
		if asked && x.names.used[i] {
			need = append(need, callseries.Label(i))
		}
	}
	if len(need) > 0 && x.names.overflows() {
		return nil // which values are other is not known by one label
	}
	if d := cube.DimensionOf(x.cube, need); d != nil && d.Takes(x.times) {
		return d
	}
	return nil
}

func (x *selection) histograms(ctx context.Context) error {
	for i := range histogramMetrics {
		m := &histogramMetrics[i]
		for _, suffix := range []string{suffixBucket, suffixCount, suffixSum} {
			if !x.named(m.name + suffix) {
				continue
			}
			s := newClassicSink(x.cube, x.names, m, suffix, x.of)
			at, err := x.durations(ctx, s, s.groups, s.exist)
			if err != nil {
				return err
			}
			x.set.addTracks(s.tracks, at)
		}
		if !x.named(m.name) {
			continue
		}
		s := newNativeSink(x.cube, x.names, m, x.of)
		at, err := x.durations(ctx, s, s.groups, s.exist)
		if err != nil {
			return err
		}
		x.set.addNative(s.tracks, at)
	}
	return nil
}

// durations adds up the times of calls. Of rates only what came since the first sample is needed, and which models there
// were before.
func (x *selection) durations(ctx context.Context, s cube.Sink, g *groups, exist func(callseries.Labels)) ([]int64, error) {
	sum := x.cube.Sum
	if models := cube.DimensionOf(x.cube, []callseries.Label{callseries.LabelModel}); x.selector.anchored && models != nil {
		before, err := models.Before(ctx, x.times[0])
		if err == nil {
			sum = x.cube.Since
			for _, l := range before {
				exist(x.names.modelOf(l))
			}
		} else if !errors.Is(err, cube.ErrOverflow) {
			return nil, err
		}
	}
	at, moved, err := sum(ctx, x.times, s, &x.room)
	if err != nil {
		return nil, err
	}
	return at, x.done(moved, g)
}

// records adds the number of stored records; for the past, the number of calls that count.
func (x *selection) records(ctx context.Context) error {
	l, match := x.of.match(&callseries.Labels{}, recordsMetric)
	if x.view.Gather == nil || !match {
		return nil
	}
	s := &totalSink{track: newTrack(l, 1, &x.room)}
	sum := x.cube.Sum
	if d := cube.DimensionOf(x.cube, nil); d != nil && d.Takes(x.times) {
		sum = d.Sum
	}
	at, _, err := sum(ctx, x.times, s, &x.room)
	if err != nil {
		return err
	}
	f, err := x.family(recordsMetric)
	if err != nil {
		return err
	}
	if s.track.begin() >= len(at) {
		return nil
	}
	points := &pointSeries{labels: l}
	for it := newFloatSeries(s.track, at).Iterator(nil); it.Next() != chunkenc.ValNone; {
		t, v := it.At()
		if x.isNow(t) && f != nil && len(f.Metric) == 1 {
			v = f.Metric[0].GetGauge().GetValue()
		}
		points.times, points.values = append(points.times, t), append(points.values, v)
	}
	x.set.all = append(x.set.all, points)
	return nil
}

// totalSink adds up all calls.
type totalSink struct{ track *track }

func (*totalSink) Wanted(uint32) bool { return true }
func (s *totalSink) Figures(_ uint32, at int, f *cube.Figures) {
	s.track.seen(at)
	s.track.add(at, float64(f[cube.Calls]))
}
func (*totalSink) Times(uint32, int, []byte) {}

// resolutionNote says why a result may lack what happened within quarters of an hour.
func resolutionNote(h *storage.SelectHints) error {
	return fmt.Errorf("%w: samples more than %d days old, or of very many calls, lie at quarters of an hour; "+
		"use a range and a step of 15m or more there (asked: range %s, step %s)", annotations.PromQLInfo,
		cube.MaxCut/cube.SlotsPerHour/24, time.Duration(h.Range)*time.Millisecond, time.Duration(h.Step)*time.Millisecond)
}

// present adds metrics that have a value only now, or since some time.
func (x *selection) present() error {
	if x.view.Gather == nil || fromCalls(nameOf(x.matchers)) {
		return nil
	}
	if _, err := x.family(""); err != nil {
		return err
	}
	for name, f := range x.gathered {
		if fromCalls(name) || !x.named(name) {
			continue
		}
		for _, m := range f.Metric {
			var more []labels.Label
			for _, l := range m.Label {
				more = append(more, labels.Label{Name: l.GetName(), Value: l.GetValue()})
			}
			l, match := x.of.match(&callseries.Labels{}, name, more...)
			if !match {
				continue
			}
			v := m.GetGauge().GetValue() + m.GetCounter().GetValue()
			if s := x.since(name, l, v); len(s.times) > 0 {
				x.set.all = append(x.set.all, s)
			}
		}
	}
	return nil
}

// since returns the samples of a value that is there now, from when it is known to have held.
func (x *selection) since(name string, l labels.Labels, v float64) *pointSeries {
	since := x.times[len(x.times)-1]
	switch lasting := lastingMetrics[name]; {
	case lasting != nil:
		since = lasting(v, x.api.started)
	case x.now-since > lookback.Milliseconds():
		since = never // it has no value then
	case len(x.times) > 1:
		if x.selector.anchored {
			since = never // one value has no rate
		}
		x.set.warn(fmt.Errorf("%w: %s has no past here, only its value now; scrape /metrics with Prometheus for it",
			annotations.PromQLInfo, name))
	}
	s := &pointSeries{labels: l}
	for _, t := range x.times {
		if t >= since {
			s.times, s.values = append(s.times, t), append(s.values, v)
		}
	}
	return s
}
