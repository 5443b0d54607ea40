package promapi

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
	"github.com/prometheus/prometheus/util/annotations"

	"github.com/tokenboard/tokenboard/internal/rollup"
)

// View is what one request may see.
type View struct {
	// Keys are the fingerprints of the keys whose calls may be seen; nil is all calls, empty none.
	Keys []string
	// KeyName returns what metrics call a key.
	KeyName func(fingerprint string) string
	// Budgets returns those that may be seen; nil where there are none.
	Budgets func(ctx context.Context) ([]Budget, error)
	// Gather returns the metrics as a scrape would have them now; nil where they may not be seen. Those that the
	// ledger has no past of are answered from them.
	Gather func() ([]*dto.MetricFamily, error)
}

// queryable is the ledger as a view sees it, for one query.
type queryable struct {
	api       *API
	view      *View
	selectors []selector
}

// Querier returns what reads samples.
func (q *queryable) Querier(_, maxt int64) (storage.Querier, error) {
	keys := q.view.Keys
	return &querier{
		api: q.api, view: q.view, selectors: q.selectors, cube: q.api.cubes.of(keys), nothing: keys != nil && len(keys) == 0,
		names: newNaming(q.api.o.Ledger, q.view.KeyName), now: q.api.o.Now().UnixMilli(), maxt: maxt,
		room: q.api.o.MaxSamples,
	}, nil
}

// querier reads samples for one query.
type querier struct {
	api       *API
	view      *View
	selectors []selector
	next      int // selector
	cube      *cube
	nothing   bool // no call may be seen
	names     *naming
	now, maxt int64 // milliseconds
	room      int   // of parts of series that it may have in memory
	gathered  map[string]*dto.MetricFamily
}

func (*querier) Close() error { return nil }

// Select returns the series that match, with samples where the hints say that they are needed.
func (q *querier) Select(ctx context.Context, _ bool, hints *storage.SelectHints, matchers ...*labels.Matcher) storage.SeriesSet {
	s := selector{}
	if hints == nil {
		hints = &storage.SelectHints{Start: q.maxt, End: q.maxt}
		s.pinned = true
	} else if q.next < len(q.selectors) {
		s = q.selectors[q.next]
		q.next++
	}
	times, err := borders(hints, s, q.now)
	if err != nil {
		return storage.ErrSeriesSet(err)
	}
	set := &seriesSet{at: -1}
	if err := q.collect(ctx, set, times, hints, s, matchers); err != nil {
		return storage.ErrSeriesSet(err)
	}
	slices.SortFunc(set.all, func(a, b storage.Series) int { return labels.Compare(a.Labels(), b.Labels()) })
	return set
}

// collect adds the series of every metric whose name matches.
func (q *querier) collect(ctx context.Context, set *seriesSet, times []int64, hints *storage.SelectHints, s selector, matchers []*labels.Matcher) error {
	if len(times) == 0 {
		return nil
	}
	of := &maker{common: q.api.common, matchers: matchers, room: &q.room, summed: s.summed, by: s.by}
	named := func(name string) bool {
		for _, m := range matchers {
			if m.Name == labels.MetricName && !m.Matches(name) {
				return false
			}
		}
		return true
	}
	if !q.nothing {
		if err := q.collectCalls(ctx, set, times, hints, of, named); err != nil {
			return err
		}
	}
	for i := range budgetMetrics {
		if m := &budgetMetrics[i]; named(m.name) {
			series, err := q.budgetSeries(ctx, m, times, of)
			if err != nil {
				return err
			}
			set.all = append(set.all, series...)
		}
	}
	return q.collectNow(set, times, s.anchored, of, named)
}

// collectCalls adds the series that are made of calls.
func (q *querier) collectCalls(ctx context.Context, set *seriesSet, times []int64, hints *storage.SelectHints, of *maker, named func(string) bool) error {
	run := func(s sink, g *groups, add func(at []int64)) error {
		at, movedAny, err := q.cube.sum(ctx, times, s, &q.room)
		if err != nil {
			return err
		}
		if g.full {
			return errTooMany
		}
		if movedAny {
			set.warn(resolutionNote(hints))
		}
		add(at)
		return nil
	}
	for i := range counterMetrics {
		m := &counterMetrics[i]
		if !named(m.name) {
			continue
		}
		dropped, err := q.api.dropped.of(ctx, q.cube, q.names)
		if err != nil {
			return err
		}
		s := newCounterSink(q.cube, q.names, m, of)
		err = run(s, s.groups, func(at []int64) {
			s.startWith(q.names, dropped)
			set.addTracks(s.tracks, at)
		})
		if err != nil {
			return err
		}
	}
	for i := range histogramMetrics {
		m := &histogramMetrics[i]
		for _, suffix := range []string{suffixBucket, suffixCount, suffixSum} {
			if !named(m.name + suffix) {
				continue
			}
			s := newClassicSink(q.cube, q.names, m, suffix, of)
			err := run(s, s.groups, func(at []int64) {
				set.addTracks(s.tracks, at)
			})
			if err != nil {
				return err
			}
		}
		if !named(m.name) {
			continue
		}
		s := newNativeSink(q.cube, q.names, m, of)
		err := run(s, s.groups, func(at []int64) {
			seen := map[*nativeTrack]bool{} // one that sums several is there several times
			for _, t := range s.tracks {
				if t.begin() < len(at) && !seen[t] {
					seen[t] = true
					set.all = append(set.all, newNativeSeries(t, at))
				}
			}
		})
		if err != nil {
			return err
		}
	}
	if named(recordsMetric) && q.view.Gather != nil {
		return q.collectRecords(ctx, set, times, of)
	}
	return nil
}

// collectRecords adds the number of stored records: in the past that of the calls that count.
func (q *querier) collectRecords(ctx context.Context, set *seriesSet, times []int64, of *maker) error {
	l, match := of.match(&rollup.Labels{}, recordsMetric)
	if !match {
		return nil
	}
	s := &totalSink{track: newTrack(l, 1, &q.room)}
	at, _, err := q.cube.sum(ctx, times, s, &q.room)
	if err != nil {
		return err
	}
	f, err := q.family(recordsMetric)
	if err != nil {
		return err
	}
	if s.track.begin() >= len(at) {
		return nil
	}
	points := &pointSeries{labels: l}
	for it := newFloatSeries(s.track, at).Iterator(nil); it.Next() != chunkenc.ValNone; {
		t, v := it.At()
		if q.isNow(t) && f != nil && len(f.Metric) == 1 {
			v = f.Metric[0].GetGauge().GetValue()
		}
		points.times, points.values = append(points.times, t), append(points.values, v)
	}
	set.all = append(set.all, points)
	return nil
}

// isNow reports whether a time is that of the query: clocks of clients differ a little.
func (q *querier) isNow(t int64) bool { return q.now-t < (10 * time.Second).Milliseconds() }

// totalSink adds up all calls.
type totalSink struct{ track *track }

func (*totalSink) wanted(uint32) bool { return true }
func (s *totalSink) figures(_ uint32, at int, f *figures) {
	s.track.seen(at)
	s.track.add(at, float64(f[figCalls]))
}
func (*totalSink) times(uint32, int, []byte) {}

// resolutionNote says why a result may lack what happened within quarters of an hour.
func resolutionNote(h *storage.SelectHints) error {
	return fmt.Errorf("%w: samples more than %d days old, or of very many calls, lie at quarters of an hour; use a range and a step of 15m or more there "+
		"(asked: range %s, step %s)", annotations.PromQLInfo, maxCut/slotsPerHour/24, time.Duration(h.Range)*time.Millisecond, time.Duration(h.Step)*time.Millisecond)
}

// family returns a metric as it is now; nil where there is none.
func (q *querier) family(name string) (*dto.MetricFamily, error) {
	if q.gathered == nil {
		all, err := q.view.Gather()
		if err != nil {
			return nil, fmt.Errorf("read the metrics: %w", err)
		}
		q.gathered = map[string]*dto.MetricFamily{}
		for _, f := range all {
			q.gathered[f.GetName()] = f
		}
	}
	return q.gathered[name], nil
}

// collectNow adds metrics that have a value only now, or since some time.
func (q *querier) collectNow(set *seriesSet, times []int64, anchored bool, of *maker, named func(string) bool) error {
	if q.view.Gather == nil || fromCalls(nameOf(of.matchers)) {
		return nil
	}
	if _, err := q.family(""); err != nil {
		return err
	}
	for name, f := range q.gathered {
		if fromCalls(name) || !named(name) {
			continue
		}
		for _, m := range f.Metric {
			var more []labels.Label
			for _, l := range m.Label {
				more = append(more, labels.Label{Name: l.GetName(), Value: l.GetValue()})
			}
			l, match := of.match(&rollup.Labels{}, name, more...)
			if !match {
				continue
			}
			v := m.GetGauge().GetValue() + m.GetCounter().GetValue()
			since := times[len(times)-1]
			if q.now-since > lookback.Milliseconds() {
				since = q.now // it has no value then
			}
			if lasting := lastingMetrics[name]; lasting != nil {
				since = lasting(v, q.api.started)
			} else if len(times) > 1 {
				if anchored {
					since = never // one value has no rate
				}
				set.warn(fmt.Errorf("%w: %s has no past here, only its value now; scrape /metrics with Prometheus for it", annotations.PromQLInfo, name))
			}
			s := &pointSeries{labels: l}
			for _, t := range times {
				if t >= since {
					s.times, s.values = append(s.times, t), append(s.values, v)
				}
			}
			if len(s.times) > 0 {
				set.all = append(set.all, s)
			}
		}
	}
	return nil
}

// fromCalls reports whether a metric is computed from the ledger.
func fromCalls(name string) bool {
	base := name
	for _, suffix := range []string{suffixBucket, suffixCount, suffixSum} {
		base = strings.TrimSuffix(base, suffix)
	}
	return name == recordsMetric ||
		slices.ContainsFunc(counterMetrics, func(m counterMetric) bool { return m.name == name }) ||
		slices.ContainsFunc(histogramMetrics, func(m histogramMetric) bool { return m.name == base }) ||
		slices.ContainsFunc(budgetMetrics, func(m budgetMetric) bool { return m.name == name })
}

// LabelValues returns the values that a label has in the series that match.
func (q *querier) LabelValues(ctx context.Context, name string, _ *storage.LabelHints, matchers ...*labels.Matcher) ([]string, annotations.Annotations, error) {
	values := map[string]bool{}
	err := q.eachSeries(ctx, matchers, func(l labels.Labels) {
		if v := l.Get(name); v != "" {
			values[v] = true
		}
	})
	return sortedKeys(values), nil, err
}

// LabelNames returns the labels of the series that match.
func (q *querier) LabelNames(ctx context.Context, _ *storage.LabelHints, matchers ...*labels.Matcher) ([]string, annotations.Annotations, error) {
	names := map[string]bool{}
	err := q.eachSeries(ctx, matchers, func(l labels.Labels) {
		l.Range(func(one labels.Label) { names[one.Name] = true })
	})
	return sortedKeys(names), nil, err
}

func sortedKeys(set map[string]bool) []string {
	out := make([]string, 0, len(set))
	for v := range set {
		out = append(out, v)
	}
	slices.Sort(out)
	return out
}

// eachSeries visits the labels of the series that match.
func (q *querier) eachSeries(ctx context.Context, matchers []*labels.Matcher, visit func(labels.Labels)) error {
	set := q.Select(ctx, false, nil, matchers...)
	for set.Next() {
		visit(set.At().Labels())
	}
	return set.Err()
}

// seriesSet is series in memory.
type seriesSet struct {
	all   []storage.Series
	at    int
	notes annotations.Annotations
}

func (s *seriesSet) warn(err error) { s.notes.Add(err) }

// addTracks adds series by group and part. One that sums several groups is in each of these.
func (s *seriesSet) addTracks(groups [][]*track, times []int64) {
	seen := map[*track]bool{}
	for _, tracks := range groups {
		for _, t := range tracks {
			if t != nil && t.begin() < len(times) && !seen[t] {
				seen[t] = true
				s.all = append(s.all, newFloatSeries(t, times))
			}
		}
	}
}

func (s *seriesSet) Next() bool {
	s.at++
	return s.at < len(s.all)
}
func (s *seriesSet) At() storage.Series                { return s.all[s.at] }
func (*seriesSet) Err() error                          { return nil }
func (s *seriesSet) Warnings() annotations.Annotations { return s.notes }
