package metrics_test

import (
	"fmt"
	"math/rand/v2"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/console/consoletest"
	"github.com/tokenboard/tokenboard/internal/console/stats"
	"github.com/tokenboard/tokenboard/internal/racetest"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// TestRandomQuestionsEqualTheAPI: the increase over a range is the figure that the console shows for it, to the last
// digit, whatever the range and the filter.
func TestRandomQuestionsEqualTheAPI(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	r := rand.New(rand.NewPCG(seed, 1))
	b := consoletest.NewBench(t, nil)
	seedMonth(b, usage.Fingerprint("a"), "")
	found, questions := 0, 500
	if racetest.Enabled { // one goroutine asks; make test-unit asks all without the detector
		questions = 100
	}
	for range questions {
		to := consoletest.TestNow.Add(-time.Duration(r.Int64N(int64(15 * 24 * time.Hour))))
		width := 15 * time.Minute * time.Duration(1+r.IntN(900))
		if r.IntN(2) == 0 {
			to = to.Truncate(15 * time.Minute)
		} else {
			to = consoletest.TestNow.Add(-time.Duration(r.Int64N(int64(24 * time.Hour)))).Truncate(time.Millisecond)
			width = time.Duration(1+r.Int64N(int64(24*time.Hour/time.Millisecond))) * time.Millisecond
		}
		v := url.Values{"from": {to.Add(-width).Format(time.RFC3339Nano)}, "to": {to.Format(time.RFC3339Nano)}}
		var match []string
		for _, values := range [][]string{{"model", "m0", "m1", "m2"}, {"provider", "openai", "anthropic"}, {"service", "web", "batch"}} { // in an order that the seed repeats
			if r.IntN(3) == 0 {
				label, one := values[0], values[1+r.IntN(len(values)-1)]
				v.Set(label, one)
				match = append(match, fmt.Sprintf("%s=%q", label, one))
			}
		}
		s := consoletest.Data[stats.Stats](b, "GET", "/stats?"+v.Encode(), "", 200)
		want := map[string]int64{"calls_total": s.Calls, "tokens_total": s.Used, "errors_total": s.Errors, "calls_without_usage_total": s.NoUsage, "unpriced_calls_total": s.Unpriced}
		for metric, n := range want {
			expr := fmt.Sprintf("sum(increase(tokenboard_%s{%s}[%dms])) or vector(0)", metric, strings.Join(match, ","), width.Milliseconds())
			got := prom(b, "/query", nil, "query", expr, "time", to.Format(time.RFC3339Nano)).series(t)
			require.Len(t, got, 1)
			require.Equal(t, strconv.FormatInt(n, 10), got[0].Value[1], "seed %d: %s at %s", seed, expr, to)
			if n > 0 {
				found++
			}
		}
	}
	t.Logf("%d figures of %d questions are above 0", found, questions)
	require.Greater(t, found, questions/2)
}
