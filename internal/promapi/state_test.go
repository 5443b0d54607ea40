package promapi

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/prometheus/promql"
	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/ledger"
	"github.com/tokenboard/tokenboard/internal/promapi/cube"
	callseries "github.com/tokenboard/tokenboard/internal/rollup/series"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// TestCommitsAreSeenAtOnce: what was acknowledged is in the next answer, in any hour, also where a record supersedes
// another.
func TestCommitsAreSeenAtOnce(t *testing.T) {
	b := newBench(t, nil)
	total := func() float64 {
		v := b.instant("sum(tokenboard_tokens_total)", testNow)
		if len(v) == 0 {
			return 0
		}
		return v[0].F
	}
	require.Zero(t, total())
	r := rand.New(rand.NewPCG(1, 9))
	want := 0.0
	for range 30 {
		b.commit(b.call(testNow.Add(-time.Duration(r.Int64N(int64(10*24*time.Hour)))), nil))
		want += 12
		require.InDelta(t, want, total(), 0)
	}
	child := b.call(testNow.Add(-5*time.Hour), nil)
	b.commit(child)
	require.InDelta(t, want+12, total(), 0)
	fuller := child // a more complete delivery of it
	fuller.Tokens.Reasoning, fuller.Tokens.Fields = 100, fuller.Tokens.Fields|usage.HasReasoning
	b.commit(fuller)
	a, err := b.ledger.Query(context.Background(), ledger.Query{CountsOnly: true})
	require.NoError(t, err)
	require.InDelta(t, float64(a.Groups[0].Points[0].Tokens.Total()), total(), 0)
}

// TestRetention: counters keep what retention dropped, and ranges are those of what is kept.
func TestRetention(t *testing.T) {
	b := newBench(t, func(o *ledger.Options, _ *Options) {
		o.MaxRecords, o.RetentionInterval = 50, 10*time.Millisecond
	})
	var calls []usage.Call
	for i := range 120 {
		calls = append(calls, b.call(testNow.Add(-time.Duration(i)*time.Hour-time.Minute), func(c *usage.Call) { c.KeyFingerprint = keys[i%2] }))
	}
	b.commit(calls...)
	require.Eventually(t, func() bool { return !b.ledger.Watermark().IsZero() }, time.Minute, 5*time.Millisecond)
	sums, _ := b.ledger.Counters()
	var want int64
	for _, s := range sums {
		want += s.Calls
	}
	require.EqualValues(t, 120, want)
	require.InDelta(t, 120, b.instant("sum(tokenboard_calls_total)", testNow)[0].F, 0)
	require.InDelta(t, 60, b.instant(`tokenboard_calls_total{key="name of k1"}`, testNow)[0].F, 0)
	a, err := b.ledger.Query(context.Background(), ledger.Query{CountsOnly: true})
	require.NoError(t, err)
	require.Less(t, a.Groups[0].Points[0].Calls, int64(120))
	require.InDelta(t, float64(a.Groups[0].Points[0].Calls), b.instant("sum(increase(tokenboard_calls_total[10d]))", testNow)[0].F, 0)
	b.view.Keys = []string{"k1"}
	require.InDelta(t, 60, b.instant("sum(tokenboard_calls_total)", testNow)[0].F, 0)
	b.view.Keys = []string{}
	require.Empty(t, b.instant("sum(tokenboard_calls_total)", testNow))
}

// TestOverflow: what is beyond the limit of series is other, as in a scrape.
func TestOverflow(t *testing.T) {
	b := newBench(t, func(o *ledger.Options, _ *Options) { o.Series.Max = 3 })
	for i := range 6 {
		b.commit(b.call(testNow.Add(-time.Hour), func(c *usage.Call) { c.Model = fmt.Sprint("m", i) }))
	}
	require.InDelta(t, 3, b.instant(`tokenboard_calls_total{model="other",key="other"}`, testNow)[0].F, 0)
	require.Len(t, b.instant("tokenboard_calls_total", testNow), 4)

	few := newBench(t, func(o *ledger.Options, _ *Options) { o.Series.Labels = []callseries.Label{callseries.LabelModel} })
	few.commit(few.call(testNow.Add(-time.Hour), nil), few.call(testNow.Add(-time.Hour), func(c *usage.Call) { c.Service = "another" }))
	v := few.instant("tokenboard_calls_total", testNow)
	require.Len(t, v, 1)
	require.InDelta(t, 2, v[0].F, 0)
	require.Equal(t, `{__name__="tokenboard_calls_total", instance="tokenboard", job="tokenboard", model="m"}`, v[0].Metric.String())
}

// TestHistogramsEqualTheScrape: both forms of the histograms are those of a scrape.
func TestHistogramsEqualTheScrape(t *testing.T) {
	b := newBench(t, nil)
	b.seed(rand.New(rand.NewPCG(8, 8)), 5, 500)
	_, timings := b.ledger.Series()
	for m, want := range timings {
		match := matcher("provider", m.Provider) + "," + matcher("model", m.Model)
		native := b.instant("tokenboard_call_duration_seconds{"+match+"}", testNow)
		require.Len(t, native, 1)
		h := native[0].H
		require.InDelta(t, float64(want.Duration.Count), h.Count, 0)
		require.InDelta(t, want.Duration.Sum, h.Sum, 1e-6)
		got := map[int16]int64{}
		for it := h.PositiveBucketIterator(); it.Next(); {
			got[int16(it.At().Index)] = int64(it.At().Count)
		}
		require.Equal(t, want.Duration.Buckets, got)
		for e := -4; e <= 10; e++ {
			le := histogramMetrics[0].bounds()[e+4]
			v := b.instant(`tokenboard_call_duration_seconds_bucket{`+match+`,le="`+le+`"}`, testNow)
			require.InDelta(t, float64(want.Duration.AtMost(e)), v[0].F, 0, le)
		}
		require.InDelta(t, float64(want.TTFT.Count), b.instant("tokenboard_time_to_first_token_seconds_count{"+match+"}", testNow)[0].F, 0)
		require.InDelta(t, want.Speed.Sum, b.instant("tokenboard_output_tokens_per_second_sum{"+match+"}", testNow)[0].F, 1e-6)
	}
	classic := b.instant("histogram_quantile(0.9, sum by (le) (increase(tokenboard_call_duration_seconds_bucket[4d])))", testNow)[0].F
	native := b.instant("histogram_quantile(0.9, sum(increase(tokenboard_call_duration_seconds[4d])))", testNow)[0].F
	require.InEpsilon(t, classic, native, 0.15)
	require.InDelta(t, b.instant("histogram_count(sum(increase(tokenboard_call_duration_seconds[4d])))", testNow)[0].F,
		b.instant("sum(increase(tokenboard_call_duration_seconds_count[4d]))", testNow)[0].F, 1e-9)
}

// TestSmallCache: without room for sums in memory the answers are the same.
func TestSmallCache(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 2))
	small := newBench(t, func(_ *ledger.Options, o *Options) { o.CacheBytes = 2_000 })
	small.seed(r, 5, 500)
	want := small.instant("sum by (model) (tokenboard_tokens_total)", testNow)
	require.Len(t, want, len(models))
	require.Equal(t, want, small.instant("sum by (model) (tokenboard_tokens_total)", testNow))
	a, err := small.ledger.Query(context.Background(), ledger.Query{CountsOnly: true})
	require.NoError(t, err)
	require.InDelta(t, float64(a.Groups[0].Points[0].Tokens.Total()), small.instant("sum(tokenboard_tokens_total)", testNow)[0].F, 0)
}

// pieces are what random expressions are made of.
var pieces = struct{ metrics, matchers, ranges, functions, aggregations, others []string }{
	[]string{"tokenboard_calls_total", "tokenboard_tokens_total", `{__name__=~".+"}`, `{__name__=~"tokenboard_.*bucket"}`, "tokenboard_call_duration_seconds", "x"},
	[]string{"", `{model=~".*"}`, `{model=~"(a|b)*c{0,9}"}`, `{le!=""}`, `{key=""}`},
	[]string{"1ms", "1s", "5m", "90d", "1000w", "30d:1s", "10d:5m", "1h:1ms", "7d:"},
	[]string{"rate", "increase", "irate", "delta", "avg_over_time", "count_over_time", "quantile_over_time", "resets", "deriv", "last_over_time", "absent_over_time"},
	[]string{"sum", "max by (model)", "count without (key)", "topk(3,", "quantile(0.5,", "stddev", "group"},
	[]string{"offset 5d", "offset -5d", "@ 0", "@ end()", "@ start()", ""},
}

// randomExpr returns an expression that need not be a good one.
func randomExpr(r *rand.Rand, depth int) string {
	one := func(all []string) string { return all[r.IntN(len(all))] }
	selector := func() string {
		name, match := one(pieces.metrics), one(pieces.matchers)
		if strings.HasPrefix(name, "{") && match != "" {
			return strings.TrimSuffix(name, "}") + "," + strings.TrimPrefix(match, "{")
		}
		return name + match
	}
	switch k := r.IntN(6); {
	case depth == 0 || k == 0:
		return selector() + " " + one(pieces.others)
	case k == 1:
		f, args := one(pieces.functions), selector()+"["+one(pieces.ranges)+"] "+one(pieces.others)
		if f == "quantile_over_time" {
			args = "0.9," + args
		}
		return f + "(" + args + ")"
	case k == 2:
		a := one(pieces.aggregations)
		if strings.HasSuffix(a, ",") {
			return a + randomExpr(r, depth-1) + ")"
		}
		return a + "(" + randomExpr(r, depth-1) + ")"
	case k == 3:
		return "(" + randomExpr(r, depth-1) + ") " + one([]string{"+", "/", "and", "or", "unless", "> bool"}) + " (" + randomExpr(r, depth-1) + ")"
	case k == 4:
		return one([]string{"max_over_time", "rate", "stdvar_over_time"}) + "((" + randomExpr(r, depth-1) + ")[" + one([]string{"1d:1m", "30d:1s", "1h:"}) + "])"
	default:
		return "abs(" + randomExpr(r, depth-1) + ")"
	}
}

// TestLimitsHold: whatever the expression, it ends in time, in Prometheus' words where it is too much, and within the
// memory that samples may take.
func TestLimitsHold(t *testing.T) {
	const samples = 200_000
	b := newBench(t, func(_ *ledger.Options, o *Options) { o.MaxSamples, o.Timeout = samples, 5*time.Second })
	b.seed(rand.New(rand.NewPCG(4, 4)), 60, 3000)
	r := rand.New(rand.NewPCG(drawSeed(t), 1))
	var before, after runtime.MemStats
	ran, tooMany := 0, 0
	for range 150 {
		expr := randomExpr(r, 3)
		runtime.ReadMemStats(&before)
		began := time.Now()
		var q promql.Query
		var err error
		if r.IntN(2) == 0 {
			q, err = b.api.Instant(context.Background(), b.view, expr, testNow)
		} else {
			q, err = b.api.Range(context.Background(), b.view, expr, testNow.Add(-30*24*time.Hour), testNow, time.Duration(1+r.IntN(24))*time.Hour)
		}
		if err != nil {
			if classified(err).Error() == cube.ErrTooMany.Error() {
				tooMany++
			}
			continue // it is no expression, or has another type
		}
		res := q.Exec(context.Background())
		ran++
		runtime.ReadMemStats(&after)
		require.Less(t, time.Since(began), 30*time.Second, expr)
		require.Less(t, float64(after.HeapAlloc)-float64(before.HeapAlloc), 200e6, expr)
		if res.Err != nil {
			p := classified(res.Err)
			require.Contains(t, []errorType{execution, timeout}, p.kind, "%s: %s", expr, res.Err)
			if strings.Contains(p.Error(), "query processing would load too many samples into memory") {
				tooMany++
			}
		}
		q.Close()
	}
	require.Greater(t, ran, 40)
	require.Positive(t, tooMany)
}

// FuzzQuery: no text that somebody sends as an expression makes the server fail.
func FuzzQuery(f *testing.F) {
	for range 20 {
		f.Add(randomExpr(rand.New(rand.NewPCG(1, 1)), 3))
	}
	f.Add(`sum(rate(tokenboard_calls_total[5m] smoothed))`)
	f.Add(`{"a b"=~"\xff"}`)
	b := newBench(f, func(_ *ledger.Options, o *Options) {
		o.MaxSamples, o.MaxBytes, o.Timeout, o.Concurrency = 50_000, 100_000, 2*time.Second, 2
	})
	b.seed(rand.New(rand.NewPCG(4, 4)), 3, 100)
	f.Fuzz(func(t *testing.T, expr string) {
		v := url.Values{"query": {expr}, "start": {seconds(testNow.Add(-time.Hour))}, "end": {seconds(testNow)}, "step": {"900"}}
		for _, path := range []string{"/query_range", "/query"} {
			began := time.Now()
			asking := *b
			asking.TB = t
			r := asking.ask(http.MethodPost, path, v)
			require.Less(t, time.Since(began), time.Minute, "the time of a query is 2 s")
			require.Less(t, r.bytes, 200_000)
			require.Contains(t, []string{"", "bad_data", "execution", "timeout"}, r.ErrorType, "%s: %s", expr, r.Error)
			require.NotContains(t, r.Error, "unexpected error", expr) // a panic that the engine caught
			require.Empty(t, b.api.slots.slots, "a slot was kept")
		}
	})
}

// TestLargeAnswer: an answer of too many bytes is refused.
func TestLargeAnswer(t *testing.T) {
	b := newBench(t, func(_ *ledger.Options, o *Options) { o.MaxBytes = 10_000 })
	b.seed(rand.New(rand.NewPCG(4, 4)), 3, 300)
	r := b.get("/query", "query", "tokenboard_tokens_total", "time", seconds(testNow))
	require.Equal(t, "execution", r.ErrorType)
	require.Contains(t, r.Error, "too large")
	require.Equal(t, 200, b.get("/query", "query", "sum by (model) (tokenboard_tokens_total)", "time", seconds(testNow)).code)
}

// TestConcurrency: at most as many queries as are allowed run at one time; others wait, and are refused when their
// time has passed.
func TestConcurrency(t *testing.T) {
	b := newBench(t, func(_ *ledger.Options, o *Options) { o.Concurrency, o.Timeout = 1, 100*time.Millisecond })
	_, err := b.api.slots.Insert(context.Background(), "")
	require.NoError(t, err)
	r := b.get("/query", "query", "1")
	require.Equal(t, "timeout", r.ErrorType)
	require.Equal(t, "query timed out in query queue", r.Error)
	require.Equal(t, "timeout", b.get("/labels").ErrorType)
	b.api.slots.Delete(0)
	require.Equal(t, 200, b.get("/query", "query", "1").code)
}
