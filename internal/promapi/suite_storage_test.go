package promapi

import (
	"context"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/ledger"
	callseries "github.com/tokenboard/tokenboard/internal/rollup/series"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// suiteBase is the time that is 0 in the suites: a multiple of every step and duration that they have.
var suiteBase = time.Unix(1778112000, 0).UTC()

// suiteMetric is the counter that all series of a suite are in: its figures have nine decimals.
const suiteMetric = prefix + "cost_usd_total"

// suiteLabels are the labels that a suite's labels become: the name of its metric, and three others.
var suiteLabels = []string{"model", "provider", "service", "key"}

// suiteStorage keeps the series of a suite as calls of a ledger, and answers from it as queries of users are.
type suiteStorage struct {
	*bench
	names map[string]map[string]string // by metric: from the suite's label to ours
	ends  map[string]cost              // by series: its last value
	batch []usage.Call
}

type cost = usage.NanoUSD

func newSuiteStorage(t *testing.T) *suiteStorage {
	s := &suiteStorage{names: map[string]map[string]string{}, ends: map[string]cost{}}
	s.bench = newBench(t, func(l *ledger.Options, o *Options) {
		l.Series = callseries.Options{Labels: allLabels[:4], Max: 2000}
		o.MaxSamples = 10_000_000
	})
	s.now = suiteBase.Add(90 * 24 * time.Hour)
	s.view.KeyName = func(f string) string { return f }
	return s
}

// Reasons why series are not loaded.
const (
	falls    = "a counter that begins again: it is loaded without the fall, which only rates do not see"
	noNumber = "gauges that are negative or no number"
)

// cannotBe says why samples cannot be those of a counter of the ledger; "" where they can.
func cannotBe(l labels.Labels, values []parser.SequenceValue) string {
	before, why := 0.0, ""
	for _, v := range values {
		switch {
		case v.Histogram != nil:
			return "histograms"
		case v.Omitted: // the counter is what it was before
		case math.IsNaN(v.Value) || v.Value < 0:
			return noNumber
		case v.Value > 1e9 || math.Abs(math.Round(v.Value*1e9)/1e9-v.Value) > 0:
			return "values beyond a billion, or of more than nine decimals"
		case v.Value < before:
			why = falls
			before = v.Value
		default:
			before = v.Value
		}
	}
	if l.Len() > len(suiteLabels) {
		return "series of more labels than calls have"
	}
	return why
}

// add takes a series: what a sample is more than the one before is a call just before its time.
func (s *suiteStorage) add(l labels.Labels, values []parser.SequenceValue, gap int64) {
	metric := l.Get(model.MetricNameLabel)
	names := s.names[metric]
	if names == nil {
		names = map[string]string{model.MetricNameLabel: suiteLabels[0]}
		s.names[metric] = names
	}
	value := map[string]string{}
	l.Range(func(one labels.Label) {
		if names[one.Name] == "" {
			names[one.Name] = suiteLabels[len(names)]
		}
		value[names[one.Name]] = one.Value
	})
	before, known := s.ends[l.String()]
	for i, v := range values {
		if v.Omitted {
			continue
		}
		now := cost(math.Round(v.Value * 1e9))
		more := now - before
		if more < 0 {
			more = now
		}
		if before = now; more == 0 && known {
			continue
		}
		known = true
		at := suiteBase.Add(time.Duration(int64(i)*gap-1) * time.Millisecond)
		s.batch = append(s.batch, s.call(at, func(c *usage.Call) {
			c.Model, c.Provider, c.Service, c.KeyFingerprint = value["model"], value["provider"], value["service"], value["key"]
			c.ReportedCost, c.HasReportedCost = more, true
		}))
	}
	s.ends[l.String()] = before
}

// Commit stores the calls.
func (s *suiteStorage) Commit() error {
	batch := s.batch
	s.batch = nil
	if len(batch) == 0 {
		return nil
	}
	return s.ledger.Commit(context.Background(), usage.Batch{Calls: batch})
}

// suiteEngine evaluates as an API does, with the functions that the suites need besides.
type suiteEngine struct {
	engine *promql.Engine
	parser parser.Parser
}

func newSuiteEngine(t *testing.T) *suiteEngine {
	p := exactParser{parser.NewParser(parser.Options{EnableExperimentalFunctions: true, EnableBinopFillModifiers: true, EnableUnquotedUTF8Names: true})}
	e := &suiteEngine{parser: p, engine: promql.NewEngine(promql.EngineOpts{
		MaxSamples: 10_000_000, Timeout: time.Minute, LookbackDelta: lookback, EnableAtModifier: true, EnableNegativeOffset: true, EnableDelayedNameRemoval: true,
		Parser: p, NoStepSubqueryIntervalFn: func(int64) int64 { return time.Minute.Milliseconds() },
	})}
	t.Cleanup(func() { require.NoError(t, e.engine.Close()) })
	return e
}

// over returns the storage for one expression.
func (e *suiteEngine) over(s *suiteStorage, expr string) (storage.Queryable, error) {
	parsed, err := e.parser.ParseExpr(expr)
	if err != nil {
		return nil, err
	}
	return &suiteQueryable{s, selectorsOf(parsed)}, nil
}

func (e *suiteEngine) NewInstantQuery(ctx context.Context, q *suiteStorage, expr string, at time.Time) (promql.Query, error) {
	over, err := e.over(q, expr)
	if err != nil {
		return nil, err
	}
	return e.engine.NewInstantQuery(ctx, over, nil, expr, at)
}

func (e *suiteEngine) NewRangeQuery(ctx context.Context, q *suiteStorage, expr string, start, end time.Time, step time.Duration) (promql.Query, error) {
	over, err := e.over(q, expr)
	if err != nil {
		return nil, err
	}
	return e.engine.NewRangeQuery(ctx, over, nil, expr, start, end, step)
}

type suiteQueryable struct {
	storage   *suiteStorage
	selectors []selector
}

func (q *suiteQueryable) Querier(mint, maxt int64) (storage.Querier, error) {
	return &suiteQuerier{suiteQueryable: q, mint: mint, maxt: maxt}, nil
}

type suiteQuerier struct {
	storage.LabelQuerier
	*suiteQueryable
	mint, maxt int64
	next       int // selector
}

func (*suiteQuerier) Close() error { return nil }

// Select asks for the series as they are in the ledger.
func (q *suiteQuerier) Select(ctx context.Context, sorted bool, h *storage.SelectHints, matchers ...*labels.Matcher) storage.SeriesSet {
	base := suiteBase.UnixMilli()
	hints := *h
	hints.Start += base
	hints.End += base
	s := q.selectors[q.next]
	q.next++
	out := &seriesSet{at: -1}
	for metric, names := range q.storage.names {
		ours := func(name string) string {
			if own := names[name]; own != "" {
				return own
			}
			return "absent_" + name
		}
		mapped := []*labels.Matcher{
			labels.MustNewMatcher(labels.MatchEqual, model.MetricNameLabel, suiteMetric),
			labels.MustNewMatcher(labels.MatchEqual, suiteLabels[0], metric),
		}
		for _, m := range matchers {
			mapped = append(mapped, labels.MustNewMatcher(m.Type, ours(m.Name), m.Value))
		}
		one := s
		one.by = nil
		for _, name := range s.by {
			one.by = append(one.by, ours(name))
		}
		inner, err := (&queryable{api: q.storage.api, view: q.storage.view, selectors: []selector{one}}).Querier(q.mint+base, q.maxt+base)
		if err != nil {
			return storage.ErrSeriesSet(err)
		}
		found := inner.Select(ctx, sorted, &hints, mapped...)
		for found.Next() {
			out.all = append(out.all, renamed(found.At(), names))
		}
		if found.Err() != nil {
			return found
		}
	}
	slices.SortFunc(out.all, func(a, b storage.Series) int { return labels.Compare(a.Labels(), b.Labels()) })
	return out
}

// renamed gives a series the labels and times of the suite.
func renamed(inner storage.Series, names map[string]string) storage.Series {
	b := labels.NewBuilder(labels.EmptyLabels())
	for theirs, own := range names {
		b.Set(theirs, inner.Labels().Get(own))
	}
	return &storage.SeriesEntry{Lset: b.Labels(), SampleIteratorFn: func(chunkenc.Iterator) chunkenc.Iterator {
		return &suiteIterator{inner.Iterator(nil)}
	}}
}

// suiteIterator has the times of the suite.
type suiteIterator struct{ chunkenc.Iterator }

func (i *suiteIterator) Seek(t millis) chunkenc.ValueType {
	return i.Iterator.Seek(t + suiteBase.UnixMilli())
}
func (i *suiteIterator) AtT() int64 { return i.Iterator.AtT() - suiteBase.UnixMilli() }
func (i *suiteIterator) At() (int64, float64) {
	t, v := i.Iterator.At()
	return t - suiteBase.UnixMilli(), v
}
