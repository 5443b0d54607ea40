package promapi

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/prometheus/prometheus/promql"
	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/promapi/cube"
)

// TestSumsEqualRecords: the answers from the sums that the ledger keeps by one label are those from the records. A
// matcher of two labels that lets all series through leads to the latter.
func TestSumsEqualRecords(t *testing.T) {
	seed := drawSeed(t)
	r := rand.New(rand.NewPCG(seed, 1))
	b := newBench(t, nil)
	b.seed(r, 30, 4000)
	for range 150 {
		metric := "tokenboard_" + questions[r.IntN(len(questions))].metric
		by := []string{"", "model", "provider", "provider,model", "key", "service", "status", "kind", "model,kind"}[r.IntN(9)]
		match := []string{"", matcher("model", models[r.IntN(len(models))]), `model=~".*"`, `provider!=""`}[r.IntN(4)]
		if by != "" && by != "kind" && by != "model" && by != "provider" && by != "provider,model" && by != "model,kind" {
			match = []string{"", `key=~".*"`}[r.IntN(2)]
		}
		records := `key=~".*|",service=~".*|",status=~".*|"`
		if match != "" {
			records += "," + match
		}
		of := func(match string) string { return fmt.Sprintf("sum by (%s) (%s{%s})", by, metric, match) }
		if r.IntN(4) > 0 {
			width := cube.SlotLength * time.Duration(1+r.IntN(4*24*20))
			of = func(match string) string {
				return fmt.Sprintf("sum by (%s) (increase(%s{%s}[%ds]))", by, metric, match, int(width.Seconds()))
			}
		}
		at := testNow.Add(-time.Duration(r.Int64N(int64(25 * 24 * time.Hour))))
		if r.IntN(2) == 0 {
			at = at.Truncate(cube.SlotLength)
		}
		if r.IntN(2) == 0 {
			require.Equal(t, sortedVector(b.instant(of(records), at)), sortedVector(b.instant(of(match), at)), "seed %d: %s at %s", seed, of(match), at)
			continue
		}
		step := cube.SlotLength * time.Duration(1+r.IntN(20))
		start := at.Add(-time.Duration(r.IntN(100)) * step)
		require.Equal(t, b.matrix(of(records), start, at, step).String(), b.matrix(of(match), start, at, step).String(),
			"seed %d: %s from %s to %s by %s", seed, of(match), start, at, step)
	}
}

func sortedVector(v promql.Vector) map[string]float64 {
	out := map[string]float64{}
	for _, s := range v {
		out[s.Metric.String()] = s.F
	}
	return out
}

// TestSumsReadNoRecords: what a dashboard without filters asks of months needs no record, apart from those of the
// quarters of an hour at the ends: the first question after a start is as fast as the next.
func TestSumsReadNoRecords(t *testing.T) {
	b := newBench(t, nil)
	b.seed(rand.New(rand.NewPCG(1, 3)), 90, 3000)
	l := &countingLedger{Ledger: b.ledger}
	api, err := New(Options{Ledger: l, Now: b.api.o.Now})
	require.NoError(t, err)
	t.Cleanup(api.Close)
	b.api = api
	for _, expr := range []string{
		`sum(increase(tokenboard_calls_total{model=~".*",key=~".*"}[90d]))`, `sum by (model) (increase(tokenboard_cost_usd_total[80d]))`,
		`sum(tokenboard_calls_total)`, `tokenboard_tokens_total`, `sum by (key) (increase(tokenboard_calls_total[30d] offset 30d))`,
		`sum(rate(tokenboard_errors_total{status=~"5xx|4xx"}[60d])) / sum(rate(tokenboard_calls_total[60d]))`,
	} {
		require.NotEmpty(t, b.instant(expr, testNow), expr)
	}
	require.Less(t, l.records, 100)
	b.matrix(`sum by (model) (rate(tokenboard_tokens_total[2h]))`, testNow.Truncate(time.Hour).AddDate(0, 0, -80), testNow.Truncate(time.Hour), 2*time.Hour)
	require.Less(t, l.records, 100)
	b.instant(`sum by (model, key) (increase(tokenboard_tokens_total[90d]))`, testNow)
	require.Greater(t, l.records, 2000)
}
