package promapi

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/freeport"
	"github.com/tokenboard/tokenboard/internal/promapi/cube"
	callseries "github.com/tokenboard/tokenboard/internal/rollup/series"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// scrapes are the samples that a Prometheus has that scraped each quarter of an hour: they are counted here from the
// calls, by none of the code that is tested.
type scrapes struct {
	first, last time.Time
	series      map[string]map[string][]float64 // by metric and labels, by scrape
}

// scrapesOf counts calls. The first scrape is before all of them.
func scrapesOf(calls []usage.Call, last time.Time) *scrapes {
	s := &scrapes{first: calls[0].Start, last: last, series: map[string]map[string][]float64{}}
	for i := range calls {
		if calls[i].Start.Before(s.first) {
			s.first = calls[i].Start
		}
	}
	s.first = s.first.Truncate(cube.SlotLength).Add(-cube.SlotLength)
	for i := range calls {
		s.add(&calls[i])
	}
	return s
}

func (s *scrapes) add(c *usage.Call) {
	status := callseries.LabelsOf(c)[callseries.LabelStatus]
	of := labels.FromStrings("instance", "tokenboard", "job", "tokenboard", "provider", c.Provider, "model", c.Model, "service", c.Service, "status", status)
	if c.KeyFingerprint != "" {
		of = labels.NewBuilder(of).Set("key", "name of "+c.KeyFingerprint).Labels()
	}
	count := func(metric string, v float64, more ...string) {
		b := labels.NewBuilder(of)
		for i := 0; i < len(more); i += 2 {
			b.Set(more[i], more[i+1])
		}
		s.count(metric, b.Labels(), c.Start, v)
	}
	one := map[bool]float64{true: 1}
	count("tokenboard_calls_total", 1)
	count("tokenboard_errors_total", one[c.Failed])
	count("tokenboard_calls_without_usage_total", one[c.Tokens.Fields == 0])
	if c.HasReportedCost {
		count("tokenboard_cost_usd_total", float64(c.ReportedCost)/1e9)
	} else {
		count("tokenboard_cost_usd_total", 0)
	}
	for kind, n := range map[string]int64{
		"input_uncached": c.Tokens.InputUncached, "cache_read": c.Tokens.CacheRead, "output_text": c.Tokens.OutputText, "reasoning": c.Tokens.Reasoning,
	} {
		if n != 0 {
			count("tokenboard_tokens_total", float64(n), "kind", kind)
		}
	}
	of = labels.FromStrings("instance", "tokenboard", "job", "tokenboard", "provider", c.Provider, "model", c.Model)
	for _, le := range histogramMetrics[0].bounds() {
		bound := math.Inf(1)
		if le != "+Inf" {
			bound, _ = strconv.ParseFloat(le, 64)
		}
		count("tokenboard_call_duration_seconds_bucket", one[c.Duration.Seconds() <= bound], "le", le)
	}
	count("tokenboard_call_duration_seconds_count", 1)
}

// count adds to the scrapes after a time. A series has a zero in the scrape before its first call.
func (s *scrapes) count(metric string, l labels.Labels, at time.Time, v float64) {
	all := s.series[metric]
	if all == nil {
		all = map[string][]float64{}
		s.series[metric] = all
	}
	n := int(s.last.Sub(s.first)/cube.SlotLength) + 1
	values := all[l.String()]
	if values == nil {
		values = slices.Repeat([]float64{math.NaN()}, n)
		all[l.String()] = values
	}
	i := int(at.Sub(s.first)/cube.SlotLength) + 1 // the first scrape after the call's start
	if math.IsNaN(values[i-1]) {
		values[i-1] = 0
	}
	for ; i < n; i++ {
		if math.IsNaN(values[i]) {
			values[i] = 0
		}
		values[i] += v
	}
}

// write writes the samples in the form that promtool makes blocks of.
func (s *scrapes) write(t *testing.T, file string) {
	f, err := os.Create(file)
	require.NoError(t, err)
	w := bufio.NewWriter(f)
	for metric, all := range s.series {
		_, err := fmt.Fprintf(w, "# TYPE %s unknown\n", metric)
		require.NoError(t, err)
		for l, values := range all {
			for i, v := range values {
				if !math.IsNaN(v) {
					_, err = fmt.Fprintf(w, "%s%s %s %d\n", metric, strings.ReplaceAll(l, `", `, `",`), strconv.FormatFloat(v, 'g', -1, 64), s.first.Add(time.Duration(i)*cube.SlotLength).Unix())
					require.NoError(t, err)
				}
			}
		}
	}
	_, err = w.WriteString("# EOF\n")
	require.NoError(t, err)
	require.NoError(t, w.Flush())
	require.NoError(t, f.Close())
}

// startPrometheus starts a Prometheus that has the samples. It returns its address.
func (s *scrapes) startPrometheus(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	s.write(t, filepath.Join(dir, "samples"))
	out, err := exec.CommandContext(t.Context(), "promtool", "tsdb", "create-blocks-from", "openmetrics", filepath.Join(dir, "samples"), filepath.Join(dir, "data")).CombinedOutput()
	require.NoError(t, err, string(out))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "prometheus.yml"), nil, 0o600))
	address := freeport.Address(t)
	ctx, stop := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, "prometheus", "--config.file="+filepath.Join(dir, "prometheus.yml"), "--storage.tsdb.path="+filepath.Join(dir, "data"),
		"--storage.tsdb.retention.time=100y", "--web.listen-address="+address)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		stop()
		_ = cmd.Wait() // it was killed
		http.DefaultClient.CloseIdleConnections()
	})
	require.Eventually(t, func() bool {
		r, err := http.Get("http://" + address + "/-/ready")
		return err == nil && r.Body.Close() == nil && r.StatusCode == http.StatusOK
	}, time.Minute, 50*time.Millisecond)
	return "http://" + address + "/api/v1"
}

// askPrometheus asks a real Prometheus. The answer is values by series and time.
func askPrometheus(t *testing.T, address, path string, v url.Values) map[string]float64 {
	t.Helper()
	r, err := http.PostForm(address+path, v)
	require.NoError(t, err)
	defer func() { _ = r.Body.Close() }()
	var a struct {
		Status, Error string
		Data          struct {
			ResultType string
			Result     json.RawMessage
		}
	}
	require.NoError(t, json.NewDecoder(r.Body).Decode(&a))
	require.Equal(t, "success", a.Status, "%s %s", v, a.Error)
	out := map[string]float64{}
	var all []struct {
		Metric map[string]string
		Value  [2]any
		Values [][2]any
	}
	require.NoError(t, json.Unmarshal(a.Data.Result, &all))
	for _, s := range all {
		values := s.Values
		if values == nil {
			values = [][2]any{s.Value}
		}
		for _, one := range values {
			f, err := strconv.ParseFloat(one[1].(string), 64)
			require.NoError(t, err)
			out[fmt.Sprint(labels.FromMap(s.Metric), int64(one[0].(float64)))] = f
		}
	}
	return out
}

// oneLine replaces line ends: before Prometheus 3 a "." matches none.
var oneLine = strings.NewReplacer("\n", " ")

const maxOffset = 24 * time.Hour

// randomQuestion is a question whose windows are whole quarters of an hour, so that a Prometheus that scraped at their
// edges extrapolates nothing.
func randomQuestion(r *rand.Rand) string {
	one := func(all ...string) string { return all[r.IntN(len(all))] }
	window := func() string { return fmt.Sprintf("%dm", 15*(1+r.IntN(120))) }
	match := func() string {
		return "{" + one("", "", matcher("model", oneLine.Replace(models[r.IntN(len(models))])), matcher("provider", "openai"), `key=~"name of .*"`, `key=""`,
			`status=~"4xx|5xx"`, `status!="2xx",service!~"w.b"`, `service=~".+",model=~"g.*|c.*"`, `instance=~".*",provider=~".*",model=~".*",service=~".*",key=~".*"`) + "}"
	}
	metric := func() string {
		return "tokenboard_" + one("calls_total", "errors_total", "tokens_total", "cost_usd_total", "calls_without_usage_total")
	}
	offset := func() string {
		return one("", "", fmt.Sprintf(" offset %dm", 15*(1+r.IntN(int(maxOffset/cube.SlotLength)))))
	}
	vector := func() string {
		switch r.IntN(3) {
		case 0:
			return metric() + match() + offset()
		case 1:
			return "rate(" + metric() + match() + "[" + window() + "]" + offset() + ")"
		default:
			return "increase(" + metric() + match() + "[" + window() + "]" + offset() + ")"
		}
	}
	by := func() string {
		return one("", " by (model)", " by (provider, model)", " by (key)", " by (service)", " by (status)", " by (kind)", " by (model, key)", " without (key, kind)")
	}
	switch r.IntN(8) {
	case 0:
		return vector()
	case 1:
		return "histogram_quantile(0." + one("5", "9", "99") + ", sum by (le" + one("", ", model") + ") (increase(tokenboard_call_duration_seconds_bucket[" + window() + "])))"
	case 2:
		b := by()
		return "sum" + b + "(" + vector() + ") / sum" + b + "(increase(tokenboard_calls_total[" + window() + "]))"
	case 3:
		return one("max", "min", "avg", "count", "stddev") + by() + "(" + vector() + ")"
	case 4:
		return "sum" + by() + "(increase(tokenboard_call_duration_seconds_count[" + window() + "]))"
	default:
		return "sum" + by() + "(" + vector() + ")"
	}
}

// TestAsPrometheus: random questions have the answers of a real Prometheus that has scraped at each quarter of an hour.
func TestAsPrometheus(t *testing.T) {
	for _, tool := range []string{"prometheus", "promtool"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skip(tool + " is not installed")
		}
	}
	seed := drawSeed(t)
	r := rand.New(rand.NewPCG(seed, 2))
	b := newBench(t, nil)
	// Each series has a call in the first hour: the zero that it has before lies at the edge of a window here, and in
	// the scrape before the call there.
	last := testNow.Truncate(cube.SlotLength)
	begin := last.Add(-70 * time.Hour)
	var calls []usage.Call
	for i := range 600 {
		at := begin.Add(time.Duration(r.Int64N(int64(last.Sub(begin)))))
		call := b.call(at, func(c *usage.Call) { randomCall(r, c) })
		call.Model = oneLine.Replace(call.Model)
		if i < 40 {
			call.Start = begin.Add(time.Duration(r.Int64N(int64(time.Hour))))
			call.Tokens = usage.Tokens{InputUncached: 1, OutputText: 1, CacheRead: 1, Reasoning: 1, Fields: usage.HasInput | usage.HasOutput | usage.HasReasoning}
		} else {
			like := &calls[r.IntN(40)]
			call.Model, call.Provider, call.Service, call.KeyFingerprint = like.Model, like.Provider, like.Service, like.KeyFingerprint
			call.Status, call.Failed = like.Status, like.Failed
		}
		calls = append(calls, call)
	}
	b.commit(calls...)
	s := scrapesOf(calls, last)
	real := s.startPrometheus(t)
	earliest := begin.Add(2*time.Hour + maxOffset)
	slots := int(last.Sub(earliest) / cube.SlotLength)
	found := 0
	for range 500 {
		expr := randomQuestion(r)
		n := r.IntN(slots + 1)
		end := earliest.Add(time.Duration(n) * cube.SlotLength)
		var got, want map[string]float64
		if r.IntN(2) == 0 {
			want = askPrometheus(t, real, "/query", url.Values{"query": {expr}, "time": {strconv.FormatInt(end.Unix(), 10)}})
			got = pointsOf(b.instant(expr, end))
		} else {
			step := cube.SlotLength * time.Duration(1+r.IntN(8))
			start := end.Add(-time.Duration(r.IntN(1+n/int(step/cube.SlotLength))) * step)
			want = askPrometheus(t, real, "/query_range", url.Values{
				"query": {expr}, "start": {strconv.FormatInt(start.Unix(), 10)}, "end": {strconv.FormatInt(end.Unix(), 10)}, "step": {strconv.Itoa(int(step.Seconds()))},
			})
			got = pointsOf(b.matrix(expr, start, end, step))
		}
		requireSame(t, want, got, "PROMQL_SEED=%d: %s at %s", seed, expr, end)
		if len(want) > 0 {
			found++
		}
	}
	require.Greater(t, found, 300)
}

// requireSame compares values that were computed in another order.
func requireSame(t *testing.T, want, got map[string]float64, format string, args ...any) {
	t.Helper()
	what := fmt.Sprintf(format, args...)
	for at, v := range want {
		g, some := got[at]
		require.True(t, some, "%s: %s is missing (%v)", what, at, v)
		same := math.IsNaN(v) && math.IsNaN(g) || v == g || math.Abs(v-g) <= 1e-9*max(math.Abs(v), math.Abs(g)) || math.Abs(v-g) < 1e-9
		require.True(t, same, "%s: %s is %v, not %v", what, at, g, v)
	}
	for at, v := range got {
		_, some := want[at]
		require.True(t, some, "%s: %s is %v, and not in Prometheus", what, at, v)
	}
}

// pointsOf returns values by series and time.
func pointsOf(v any) map[string]float64 {
	out := map[string]float64{}
	switch v := v.(type) {
	case promql.Vector:
		for _, s := range v {
			out[fmt.Sprint(s.Metric, s.T/1000)] = s.F
		}
	case promql.Matrix:
		for _, s := range v {
			for _, p := range s.Floats {
				out[fmt.Sprint(s.Metric, p.T/1000)] = p.F
			}
		}
	}
	return out
}
