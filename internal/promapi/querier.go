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
	"github.com/prometheus/prometheus/util/annotations"

	"github.com/tokenboard/tokenboard/internal/promapi/cube"
)

// View restricts the calls that one request may see.
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
		api: q.api, view: q.view, selectors: q.selectors, cube: q.api.cubes.Of(keys), nothing: keys != nil && len(keys) == 0,
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
	cube      *cube.Cube
	nothing   bool // no call may be seen
	names     *naming
	now, maxt int64 // milliseconds
	room      int   // of parts of series that it may have in memory
	gathered  map[string]*dto.MetricFamily
}

func (*querier) Close() error { return nil }

// Select returns the series that match, with samples where the hints say that they are needed.
func (q *querier) Select(
	ctx context.Context, _ bool, hints *storage.SelectHints, matchers ...*labels.Matcher,
) storage.SeriesSet {
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
	if len(times) == 0 {
		return set
	}
	x := &selection{
		querier: q, set: set, times: times, hints: hints, selector: s, matchers: matchers,
		of: &maker{common: q.api.common, matchers: matchers, room: &q.room, summed: s.summed, by: s.by},
	}
	if err := x.collect(ctx); err != nil {
		return storage.ErrSeriesSet(err)
	}
	slices.SortFunc(set.all, func(a, b storage.Series) int { return labels.Compare(a.Labels(), b.Labels()) })
	return set
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

// isNow reports whether a time is about the time of the query: clocks of clients differ a little.
func (q *querier) isNow(t int64) bool { return q.now-t < (10 * time.Second).Milliseconds() }

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
func (q *querier) LabelValues(
	ctx context.Context, name string, _ *storage.LabelHints, matchers ...*labels.Matcher,
) ([]string, annotations.Annotations, error) {
	values := map[string]bool{}
	err := q.eachSeries(ctx, matchers, func(l labels.Labels) {
		if v := l.Get(name); v != "" {
			values[v] = true
		}
	})
	return sortedKeys(values), nil, err
}

// LabelNames returns the labels of the series that match.
func (q *querier) LabelNames(
	ctx context.Context, _ *storage.LabelHints, matchers ...*labels.Matcher,
) ([]string, annotations.Annotations, error) {
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

// addNative is addTracks for native histograms.
func (s *seriesSet) addNative(tracks []*nativeTrack, times []int64) {
	seen := map[*nativeTrack]bool{}
	for _, t := range tracks {
		if t.begin() < len(times) && !seen[t] {
			seen[t] = true
			s.all = append(s.all, newNativeSeries(t, times))
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
