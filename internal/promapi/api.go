package promapi

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"

	"github.com/tokenboard/tokenboard/internal/promapi/cube"
)

// Options configure an API. Zero values mean the defaults.
type Options struct {
	Ledger  cube.Ledger
	Version string           // of this server
	Now     func() time.Time // time.Now where nil
	// View returns what a request may see.
	View func(ctx context.Context) (*View, error)
	// Metrics describes the metrics, those of scrapes included.
	Metrics []Metric
	// Rules are alert rules in the form of Prometheus' rule files.
	Rules []byte
	// Instance and Job are labels of all series, as if they had been scraped. Default tokenboard.
	Instance, Job string
	// MaxSamples bounds the samples that one query has in memory. Default 5 million, of 16 bytes each.
	MaxSamples int
	// MaxBytes bounds the bytes of an answer, up to the series that passes it. Default 64 MB.
	MaxBytes int
	// Timeout bounds the time of a query. Default 1 minute.
	Timeout time.Duration
	// Concurrency bounds the queries that are evaluated at one time; others wait. Default 4.
	Concurrency int
	// CacheBytes bounds the sums by all labels that are kept in memory. Default 128 MB.
	CacheBytes int
}

const (
	defaultMaxSamples  = 5_000_000
	defaultMaxBytes    = 64 << 20
	defaultTimeout     = time.Minute
	defaultConcurrency = 4
	defaultCache       = 128 << 20
	defaultName        = "tokenboard"
)

// Metric describes a metric.
type Metric struct {
	Name string
	Type string // counter, gauge or histogram
	Help string
}

// API answers PromQL. Close it before the ledger.
type API struct {
	o       Options
	parser  parser.Parser
	engine  *promql.Engine
	cubes   *cube.Set
	common  [2]labels.Label
	started int64 // milliseconds
	slots   *tracker
	rules   []ruleGroup
}

// New makes an API. It fails where the rules cannot be read.
func New(o Options) (*API, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	set(&o.MaxSamples, defaultMaxSamples)
	set(&o.MaxBytes, defaultMaxBytes)
	set(&o.Timeout, defaultTimeout)
	set(&o.Concurrency, defaultConcurrency)
	set(&o.CacheBytes, defaultCache)
	set(&o.Instance, defaultName)
	set(&o.Job, defaultName)
	a := &API{
		o: o, parser: newParser(), cubes: cube.NewSet(o.Ledger, o.CacheBytes), started: o.Now().UnixMilli(),
		slots:  newTracker(o.Concurrency),
		common: [2]labels.Label{{Name: "instance", Value: o.Instance}, {Name: "job", Value: o.Job}},
	}
	a.engine = promql.NewEngine(promql.EngineOpts{
		Logger: slog.New(slog.DiscardHandler), MaxSamples: o.MaxSamples, Timeout: o.Timeout, LookbackDelta: lookback,
		NoStepSubqueryIntervalFn: func(int64) int64 { return cube.SlotMillis },
		ActiveQueryTracker:       a.slots, EnableAtModifier: true, EnableNegativeOffset: true, Parser: a.parser,
	})
	var err error
	if a.rules, err = readRules(o.Rules, a.parser); err != nil {
		a.Close()
		return nil, err
	}
	return a, nil
}

// set sets what is not set.
func set[T comparable](v *T, to T) {
	if *v == *new(T) {
		*v = to
	}
}

// Close ends the observation of the ledger.
func (a *API) Close() { a.cubes.Close() }

// queryable returns the ledger as a view sees it, for one expression over a span of time.
func (a *API) queryable(v *View, expr string, over time.Duration) (*queryable, error) {
	parsed, err := a.parser.ParseExpr(expr)
	if err != nil {
		return nil, err
	}
	if err := checkSubqueries(parsed, over); err != nil {
		return nil, err
	}
	return &queryable{api: a, view: v, selectors: selectorsOf(parsed)}, nil
}

// Instant evaluates an expression at one time. Close the query when the result was read.
func (a *API) Instant(ctx context.Context, v *View, expr string, at time.Time) (promql.Query, error) {
	q, err := a.queryable(v, expr, 0)
	if err != nil {
		return nil, err
	}
	return a.engine.NewInstantQuery(ctx, q, nil, expr, at)
}

// Range evaluates an expression at each step of a range. Close the query when the result was read.
func (a *API) Range(
	ctx context.Context, v *View, expr string, start, end time.Time, step time.Duration,
) (promql.Query, error) {
	q, err := a.queryable(v, expr, end.Sub(start))
	if err != nil {
		return nil, err
	}
	return a.engine.NewRangeQuery(ctx, q, nil, expr, start, end, step)
}

// tracker bounds the queries that are evaluated at one time.
type tracker struct{ slots chan struct{} }

func newTracker(n int) *tracker { return &tracker{make(chan struct{}, n)} }

// GetMaxConcurrent returns the bound.
func (t *tracker) GetMaxConcurrent() int { return cap(t.slots) }

// Insert waits for a free slot.
func (t *tracker) Insert(ctx context.Context, _ string) (int, error) {
	select {
	case t.slots <- struct{}{}:
		return 0, nil
	case <-ctx.Done():
		if errors.Is(ctx.Err(), context.DeadlineExceeded) {
			return 0, promql.ErrQueryTimeout("query queue")
		}
		return 0, promql.ErrQueryCanceled("query queue")
	}
}

// Delete frees a slot.
func (t *tracker) Delete(int) { <-t.slots }

// Close does nothing.
func (*tracker) Close() error { return nil }
