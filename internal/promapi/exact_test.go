package promapi

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/ledger"
	"github.com/tokenboard/tokenboard/internal/promapi/cube"
	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// question is one that PromQL and the console's sums can both answer.
type question struct {
	metric, kind string
	figure       func(*ledger.Sums) int64
	scale        float64
}

var questions = []question{
	{"calls_total", "", func(s *ledger.Sums) int64 { return s.Calls }, 1},
	{"errors_total", "", func(s *ledger.Sums) int64 { return s.Errors }, 1},
	{"cost_usd_total", "", func(s *ledger.Sums) int64 { return int64(s.Cost) }, 1e9},
	{"calls_without_usage_total", "", func(s *ledger.Sums) int64 { return s.NoUsage }, 1},
	{"unpriced_calls_total", "", func(s *ledger.Sums) int64 { return s.Unpriced }, 1},
	{"tokens_total", "", func(s *ledger.Sums) int64 { return s.Tokens.Total() }, 1},
	{"tokens_total", "input_uncached", func(s *ledger.Sums) int64 { return s.Tokens.InputUncached }, 1},
	{"tokens_total", "cache_read", func(s *ledger.Sums) int64 { return s.Tokens.CacheRead }, 1},
	{"tokens_total", "output_text", func(s *ledger.Sums) int64 { return s.Tokens.OutputText }, 1},
	{"tokens_total", "reasoning", func(s *ledger.Sums) int64 { return s.Tokens.Reasoning }, 1},
}

// draw returns a random filter, and what selects the same in PromQL.
func draw(r *rand.Rand) (store.Filter, []string) {
	var f store.Filter
	var match []string
	one := func(label string, values []string, shown func(string) string, into *[]string) {
		if r.IntN(3) == 0 {
			v := values[r.IntN(len(values))]
			*into = []string{v}
			match = append(match, matcher(label, shown(v)))
		}
	}
	same := func(s string) string { return s }
	one("model", models, same, &f.Models)
	one("provider", providers, same, &f.Providers)
	one("service", services, same, &f.Services)
	one("key", keys, func(s string) string {
		if s == "" {
			return s
		}
		return "name of " + s
	}, &f.Keys)
	return f, match
}

// TestIncreaseIsExact: the increase over any window is the console's sum of the calls in it, to the last digit,
// where the window's ends are edges of quarters of an hour, or not older than three days.
func TestIncreaseIsExact(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 11))
	b := newBench(t, nil)
	b.seed(r, 40, 6000)
	ctx := context.Background()
	nonzero := map[string]int{}
	for range 500 {
		q := questions[r.IntN(len(questions))]
		f, match := draw(r)
		if q.kind != "" {
			match = append(match, matcher("kind", q.kind))
		}
		to := testNow.Add(-time.Duration(r.Int64N(int64(39 * 24 * time.Hour)))).Truncate(cube.SlotLength)
		width := cube.SlotLength * time.Duration(1+r.IntN(4*24*10))
		if r.IntN(3) == 0 { // any millisecond of the last days
			to = testNow.Add(-time.Duration(r.Int64N(int64(24 * time.Hour)))).Truncate(time.Millisecond)
			width = time.Duration(1+r.Int64N(int64(36*time.Hour/time.Millisecond))) * time.Millisecond
		}
		f.From, f.To = to.Add(-width), to
		a, err := b.ledger.Query(ctx, ledger.Query{Filter: f, CountsOnly: true})
		require.NoError(t, err)
		var want int64
		for i := range a.Groups {
			want += q.figure(&a.Groups[i].Points[0])
		}
		expr := fmt.Sprintf("increase(tokenboard_%s{%s}[%dms])", q.metric, strings.Join(match, ","), width.Milliseconds())
		if r.IntN(2) == 0 { // summed by the storage, otherwise below
			expr = "sum(" + expr + ")"
		}
		var got float64
		for _, s := range b.instant(expr, to) {
			got += math.Round(s.F * q.scale)
		}
		if want != 0 {
			nonzero[q.metric+q.kind]++
		}
		require.InDelta(t, float64(want), got, 0, "%s at %s", expr, to)
	}
	for _, q := range questions {
		require.Greater(t, nonzero[q.metric+q.kind], 10, q.metric+q.kind)
	}
}

// TestRangeIsExact: the steps of a range query are the points of the console's trend.
func TestRangeIsExact(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	b := newBench(t, nil)
	b.seed(r, 20, 3000)
	for _, step := range []time.Duration{15 * time.Minute, time.Hour, 3 * time.Hour, 24 * time.Hour} {
		end := testNow.Truncate(step)
		n := min(300, int(20*24*time.Hour/step))
		start := end.Add(-time.Duration(n-1) * step)
		edges := make([]time.Time, n+1)
		for i := range edges {
			edges[i] = start.Add(time.Duration(i-1) * step)
		}
		a, err := b.ledger.Query(context.Background(), ledger.Query{Edges: edges, By: ledger.ByModel, CountsOnly: true})
		require.NoError(t, err)
		want := map[string]map[int64]float64{}
		for _, g := range a.Groups {
			of := want[g.Value]
			if of == nil {
				of = map[int64]float64{}
				want[g.Value] = of
			}
			for i := range g.Points {
				of[edges[i+1].UnixMilli()] += float64(g.Points[i].Tokens.Total())
			}
		}
		got := b.matrix(fmt.Sprintf("sum by (model) (increase(tokenboard_tokens_total[%ds]))", int(step.Seconds())), start, end, step)
		require.Len(t, got, len(want))
		for _, s := range got {
			of := want[s.Metric.Get("model")]
			seen := map[int64]bool{}
			for _, p := range s.Floats {
				require.InDelta(t, of[p.T], p.F, 0, "step %s", step)
				seen[p.T] = true
			}
			for at, v := range of {
				require.True(t, seen[at] || v == 0, "step %s: %v at %d is missing", step, v, at)
			}
		}
	}
}

// TestShortRanges: steps of a minute work in the last days; for older ones a note says why they have gaps.
func TestShortRanges(t *testing.T) {
	b := newBench(t, nil)
	var calls []usage.Call
	for m := range 90 {
		calls = append(calls, b.call(testNow.Add(-time.Duration(m)*time.Minute-time.Second), nil))
	}
	old := testNow.AddDate(0, 0, -10)
	calls = append(calls, b.call(old, nil), b.call(old.Add(-time.Hour), nil))
	b.commit(calls...)
	for _, s := range b.matrix("sum(increase(tokenboard_calls_total[1m]))", testNow.Add(-time.Hour), testNow, time.Minute) {
		require.Len(t, s.Floats, 61)
		for _, p := range s.Floats {
			require.InDelta(t, 1, p.F, 0)
		}
	}
	require.Len(t, b.instant("sum(increase(tokenboard_calls_total[1m]))", testNow), 1)

	// four days of minutes are more than the records that are read for
	q, err := b.api.Range(context.Background(), b.view, "sum(increase(tokenboard_calls_total[1m]))", old.Add(-time.Minute), testNow, 2*time.Minute)
	require.NoError(t, err)
	res := q.Exec(context.Background())
	require.NoError(t, res.Err)
	require.Len(t, res.Warnings, 1)
	require.ErrorContains(t, res.Warnings.AsErrors()[0], "quarters of an hour")
}

// TestFirstCall: the first call of a series is in its rates, and the series is not there long before it.
func TestFirstCall(t *testing.T) {
	b := newBench(t, nil)
	first := testNow.Truncate(time.Hour).Add(-5*time.Hour + 7*time.Minute)
	b.commit(b.call(first, nil), b.call(first.Add(time.Minute), nil))
	hour := first.Truncate(time.Hour)
	require.Empty(t, b.instant("increase(tokenboard_calls_total[1h])", hour))
	require.InDelta(t, 2, b.instant("increase(tokenboard_calls_total[1h])", hour.Add(time.Hour))[0].F, 0)
	require.InDelta(t, 2, b.instant("increase(tokenboard_calls_total[10h])", hour.Add(time.Hour))[0].F, 0)
	require.Empty(t, b.instant("tokenboard_calls_total", hour))
	require.InDelta(t, 2, b.instant("tokenboard_calls_total", testNow)[0].F, 0)
	require.InDelta(t, 1, b.instant("tokenboard_calls_total", first.Add(time.Second))[0].F, 0)
	require.InDelta(t, 2.0/3600, b.instant("rate(tokenboard_calls_total[1h])", hour.Add(time.Hour))[0].F, 1e-15)
	// windows are left-open: what starts at an edge is in the window that begins there, as in the console
	b.commit(b.call(hour.Add(2*time.Hour), nil))
	require.InDelta(t, 0, b.instant("increase(tokenboard_calls_total[1h])", hour.Add(2*time.Hour))[0].F, 0)
	require.InDelta(t, 1, b.instant("increase(tokenboard_calls_total[1h])", hour.Add(3*time.Hour))[0].F, 0)
}
