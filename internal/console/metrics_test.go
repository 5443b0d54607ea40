package console

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/ledger"
	"github.com/tokenboard/tokenboard/internal/rollup/series"
	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/store/sqlite"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// scraped is the answer to a scrape, as Prometheus asks for it where it wants native histograms too.
type scraped map[string]*dto.MetricFamily

func (b *bench) scrape() scraped {
	b.t.Helper()
	const wanted = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited"
	w := b.do("GET", "/metrics", "", map[string]string{"Accept": wanted})
	require.Equal(b.t, 200, w.Code, w.Body.String())
	out := scraped{}
	d := expfmt.NewDecoder(w.Body, expfmt.ResponseFormat(w.Header()))
	for {
		f := &dto.MetricFamily{}
		err := d.Decode(f)
		if errors.Is(err, io.EOF) {
			return out
		}
		require.NoError(b.t, err)
		out[strings.TrimPrefix(f.GetName(), metricPrefix)] = f
	}
}

// labelled gives the metrics of a family that have labels, as name, value, ...
func (s scraped) labelled(name string, labels ...string) (some []*dto.Metric) {
	for _, m := range s[name].GetMetric() {
		all := map[string]string{}
		for _, l := range m.Label {
			all[l.GetName()] = l.GetValue()
		}
		match := true
		for i := 0; i < len(labels); i += 2 {
			v, there := all[labels[i]]
			match = match && there && v == labels[i+1]
		}
		if match {
			some = append(some, m)
		}
	}
	return some
}

// sum adds up the metrics that have labels.
func (s scraped) sum(name string, labels ...string) (total float64) {
	for _, m := range s.labelled(name, labels...) {
		total += m.GetCounter().GetValue() + m.GetGauge().GetValue()
	}
	return total
}

// metricCall is a call with everything that the metrics tell of.
func metricCall(n int, key string) usage.Call {
	c := usage.Call{
		Role: usage.RoleCall, Start: testNow.Add(-time.Hour), Model: "m", Provider: "openai", Service: "svc", KeyFingerprint: key,
		Duration: 3 * time.Second, TTFT: time.Second, Status: 200,
		Tokens: usage.Tokens{InputUncached: 10, CacheRead: 5, OutputText: 20, Fields: usage.HasInput | usage.HasOutput},
	}
	c.Trace, c.Span = usage.TraceID{7, byte(n >> 16), byte(n >> 8), byte(n)}, usage.SpanID{7, byte(n >> 16), byte(n >> 8), byte(n)}
	c.ID = usage.SpanRecordID(c.Trace, c.Span)
	return c
}

func TestMetrics(t *testing.T) {
	b := newBench(t, func(o *Options) { o.Quota = Quota{Tokens: 1_000, Period: store.Daily} })
	made := data[NewKey](b, "POST", "/keys", `{"name":"build farm","limits":{"tokens":{"day":100},"usd":{"total":2.5}}}`, 201)
	rotated := data[NewKey](b, "POST", "/keys/"+made.ID+"/rotate", `{}`, 201)
	stranger := usage.Fingerprint("sk-somebody-elses")
	failed := metricCall(3, stranger)
	failed.Failed, failed.Status, failed.Tokens, failed.TTFT = true, 503, usage.Tokens{}, 0
	b.commit(usage.Batch{Calls: []usage.Call{metricCall(1, usage.Fingerprint(made.Secret)), metricCall(2, usage.Fingerprint(rotated.Secret)), failed}})
	b.commit(usage.Batch{Calls: []usage.Call{metricCall(2, usage.Fingerprint(rotated.Secret))}})
	s := b.scrape()

	farm := []string{"key", "build farm"}
	require.EqualValues(t, 2, s.sum("calls_total", farm...), "calls of one key under two fingerprints are one series")
	require.Len(t, s.labelled("calls_total", farm...), 1)
	require.EqualValues(t, 40, s.sum("tokens_total", "key", "build farm", "kind", "output_text"))
	require.Empty(t, s.labelled("tokens_total", "kind", "reasoning"), "a kind that never was has no series")
	require.EqualValues(t, 1, s.sum("errors_total", "status", "5xx", "service", "svc", "provider", "openai", "model", "m"))
	require.EqualValues(t, 1, s.sum("calls_without_usage_total"))
	require.EqualValues(t, 2, s.sum("unpriced_calls_total"))
	require.Len(t, s.labelled("calls_total", "key", strangerName(b.ledger.KeyedFingerprint(stranger))), 1)
	require.EqualValues(t, 1, s.sum("duplicate_records_total"))
	require.EqualValues(t, 3, s.sum("store_records"))

	require.EqualValues(t, 100, s.sum("budget_limit_tokens", "scope", "key", "key", "build farm", "period", "day"))
	require.EqualValues(t, 70, s.sum("budget_used_tokens", farm...))
	require.InDelta(t, 2.5, s.sum("budget_limit_usd", "key", "build farm", "period", "total"), 1e-9)
	require.EqualValues(t, time.Date(2026, 11, 4, 0, 0, 0, 0, time.UTC).Unix(), s.sum("budget_reset_timestamp_seconds", farm...))
	require.EqualValues(t, 1_000, s.sum("budget_limit_tokens", "scope", "console"))
	require.EqualValues(t, 70, s.sum("budget_used_tokens", "scope", "console", "period", "day"))
	require.EqualValues(t, 1, s.sum("keys", "status", "active"))
	require.Len(t, s.labelled("keys"), 4)

	h := s.labelled("call_duration_seconds", "provider", "openai", "model", "m")[0].GetHistogram()
	require.EqualValues(t, 3, h.GetSampleCount())
	require.InDelta(t, 9, h.GetSampleSum(), 1e-9)
	require.EqualValues(t, 3, h.GetSchema())
	require.NotEmpty(t, h.GetPositiveSpan())
	require.EqualValues(t, 2, s.labelled("time_to_first_token_seconds")[0].GetHistogram().GetSampleCount())
	require.InDelta(t, 20, s.labelled("output_tokens_per_second")[0].GetHistogram().GetSampleSum(), 1e-9)
	text := b.do("GET", "/metrics", "", nil).Body.String()
	require.Contains(t, text, `tokenboard_call_duration_seconds_bucket{model="m",provider="openai",le="4"} 3`)
	require.NotContains(t, text, stranger, "a whole fingerprint is shown")

	data[Revoked](b, "DELETE", "/keys/"+made.ID, "", 200)
	s = b.scrape()
	require.EqualValues(t, 1, s.sum("keys", "status", "revoked"))
	require.Empty(t, s.labelled("budget_limit_tokens", "scope", "key"))
	require.EqualValues(t, 2, s.sum("calls_total", farm...))
}

// TestMetricsNeverFall has a call counted, scraped, and then superseded by its own child span.
func TestMetricsNeverFall(t *testing.T) {
	b := newBench(t, nil)
	parent := metricCall(1, "")
	b.commit(usage.Batch{Calls: []usage.Call{parent}})
	require.EqualValues(t, 1, b.scrape().sum("calls_total"))
	child := metricCall(2, "")
	child.Trace, child.Parent, child.Model = parent.Trace, parent.Span, "m-2026"
	child.ID = usage.SpanRecordID(child.Trace, child.Span)
	b.commit(usage.Batch{Calls: []usage.Call{child}})
	s := b.scrape()
	require.EqualValues(t, 1, s.sum("superseded_records_total"))
	require.EqualValues(t, 1, s.sum("calls_total", "model", "m"), "a counter went down")
	require.EqualValues(t, 1, s.sum("calls_total", "model", "m-2026"))
	require.EqualValues(t, 1, data[Stats](b, "GET", "/stats", "", 200).Calls)
}

// TestMetricsCreated has series begin while Prometheus looks: they were nothing at the scrape before.
func TestMetricsCreated(t *testing.T) {
	now := testNow
	b := newBench(t, func(o *Options) { o.Now = func() time.Time { return now } })
	created := func(model string) time.Time {
		c := b.scrape().labelled("calls_total", "model", model)[0].GetCounter()
		if c.CreatedTimestamp == nil {
			return time.Time{}
		}
		return c.GetCreatedTimestamp().AsTime()
	}
	b.commit(usage.Batch{Calls: []usage.Call{metricCall(1, "")}})
	require.Zero(t, created("m"), "it may be from before the process")
	now = now.Add(15 * time.Second)
	other := metricCall(2, "")
	other.Model = "n"
	b.commit(usage.Batch{Calls: []usage.Call{other}})
	require.Equal(t, testNow, created("n"))
	now = now.Add(15 * time.Second)
	require.Equal(t, testNow, created("n"))
	require.Zero(t, created("m"))
}

// TestRenamedKey moves what a key had to its new name, which did not come since the scrape before.
func TestRenamedKey(t *testing.T) {
	b := newBench(t, nil)
	b.scrape()
	k := data[NewKey](b, "POST", "/keys", `{"name":"before"}`, 201)
	b.commit(usage.Batch{Calls: []usage.Call{metricCall(1, usage.Fingerprint(k.Secret))}})
	require.NotNil(t, b.scrape().labelled("calls_total", "key", "before")[0].GetCounter().CreatedTimestamp)
	data[Key](b, "PATCH", "/keys/"+k.ID, `{"name":"after"}`, 200)
	s := b.scrape()
	require.Empty(t, s.labelled("calls_total", "key", "before"))
	require.Nil(t, s.labelled("calls_total", "key", "after")[0].GetCounter().CreatedTimestamp)
}

// TestNativeHistogram compares with what the Prometheus library makes of the same values.
func TestNativeHistogram(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	var theirBounds []float64
	for e := durationBounds.from; e <= durationBounds.to; e++ {
		theirBounds = append(theirBounds, math.Ldexp(1, e))
	}
	for _, n := range []int{1, 2, 10, 1_000} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			theirs := prometheus.NewHistogram(prometheus.HistogramOpts{Name: "h", Buckets: theirBounds, NativeHistogramBucketFactor: 1.1})
			set := series.New(series.Options{Max: 10})
			for i := range n {
				c := usage.Call{Model: "m", Duration: time.Duration(math.Exp(random.NormFloat64()*3) * float64(time.Second))}
				if i%3 == 1 { // on a bound
					c.Duration = time.Duration(math.Ldexp(1, random.IntN(16)-6) * float64(time.Second))
				}
				require.NoError(t, set.Apply(set.Journal([]usage.Change{{Call: &c, N: 1}})))
				theirs.Observe(c.Duration.Seconds())
			}
			_, timings := set.Expose()
			native := timings[series.Model{Model: "m"}].Duration
			var want, got dto.Metric
			require.NoError(t, theirs.Write(&want))
			ours := prometheus.MustNewConstMetric(prometheus.NewDesc("h", "", nil, nil), prometheus.UntypedValue, 0)
			require.NoError(t, histogram{ours, &native, durationBounds}.Write(&got))
			want.Histogram.CreatedTimestamp = nil
			want.Histogram.SampleSum, got.Histogram.SampleSum = nil, nil // added up in another order
			require.Equal(t, want.Histogram.String(), got.Histogram.String())
		})
	}
}

// TestMetricsSize bounds what is scraped of 500 keys with 40 models each, several times more than the limit of
// series: with TOKENBOARD_FULL=1, which make test sets for a run without the race detector; else with 10 models.
func TestMetricsSize(t *testing.T) {
	const keys = 500
	models := 10
	if os.Getenv("TOKENBOARD_FULL") != "" {
		models = 40
	}
	b := newBench(t, nil)
	engine, err := sqlite.Open(t.Context(), sqlite.Options{Path: filepath.Join(t.TempDir(), "t.db")})
	require.NoError(t, err)
	l, err := ledger.Open(t.Context(), engine, ledger.Options{Now: func() time.Time { return testNow }})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, l.Close()) })
	b.ledger = l
	c := New(Options{Ledger: l, Directory: engine.Directory(), Version: "test", Open: true, Now: func() time.Time { return testNow }})
	t.Cleanup(c.Close)
	b.handler = c.Handler()
	var all []store.Key
	for k := range keys {
		all = append(all, store.Key{
			ID: fmt.Sprintf("key_%016x", k), Name: fmt.Sprintf("team %d, continuous integration", k), Fingerprint: usage.Fingerprint(fmt.Sprint(k)),
			Display: "tb-…", CreatedAt: testNow, Limits: store.Limits{Tokens: store.Budget{1e6, 0, 1e9}, Cost: store.Budget{0, 0, 1e12}},
		})
	}
	require.NoError(t, engine.Directory().AddKeys(t.Context(), keys, all, store.AuditEntry{Action: "key.import", Time: testNow}))
	for m := range models {
		var calls []usage.Call
		for k := range keys {
			call := metricCall(m*keys+k, all[k].Fingerprint)
			call.Provider, call.Service = fmt.Sprintf("provider-%d", m%5), "gateway.example.com"
			call.Model = fmt.Sprintf("a-rather-long-model-name-%d-2026-01-31", m)
			call.Duration = time.Duration(1+(m*keys+k)%4000) * 50 * time.Millisecond
			call.TTFT = call.Duration / time.Duration(2+k%20)
			call.Tokens = usage.Tokens{InputUncached: 123_456, CacheRead: 12_345, CacheWrite: 1_234, OutputText: 4_321, Reasoning: 999, Fields: usage.HasInput | usage.HasOutput}
			calls = append(calls, call)
		}
		b.commit(usage.Batch{Calls: calls})
	}
	began := time.Now()
	w := b.do("GET", "/metrics", "", nil)
	took := time.Since(began)
	require.Equal(t, 200, w.Code)
	size := w.Body.Len()
	t.Logf("%d bytes in %v", size, took)
	require.Less(t, size, 5_000_000)
	s := b.scrape()
	require.EqualValues(t, keys*models, s.sum("calls_total"), "what is beyond the limit is lost")
	other := s.sum("calls_total", "provider", "other", "model", "other", "service", "other", "key", "other", "status", "other")
	require.EqualValues(t, keys*models-2_000, other)
	require.LessOrEqual(t, len(s.labelled("calls_total")), 2_001)
}

// TestHostileLabels has names that labels cannot have, and that are one when they are made to fit.
func TestHostileLabels(t *testing.T) {
	b := newBench(t, nil)
	for i, name := range []string{"\xff", "\xfe", "a\"b\\c\nd", strings.Repeat("長", 50)} {
		c := metricCall(i, usage.Fingerprint(name))
		c.Model, c.Provider, c.Service = name, name, name
		b.commit(usage.Batch{Calls: []usage.Call{c}})
	}
	s := b.scrape()
	require.EqualValues(t, 4, s.sum("calls_total"))
	require.EqualValues(t, 2, s.labelled("call_duration_seconds", "model", "\uFFFD")[0].GetHistogram().GetSampleCount())
	require.Len(t, s.labelled("call_duration_seconds"), 3)
	require.Len(t, s.labelled("calls_total", "model", "a\"b\\c\nd"), 1)
	w := b.do("GET", "/metrics", "", nil)
	_, err := promlint.New(bytes.NewReader(w.Body.Bytes())).Lint()
	require.NoError(t, err)
}

func TestMetricNames(t *testing.T) {
	b := newBench(t, nil)
	k := data[NewKey](b, "POST", "/keys", `{"name":"k","limits":{"tokens":{"day":100},"usd":{"total":2.5}}}`, 201)
	b.commit(usage.Batch{Calls: []usage.Call{metricCall(1, usage.Fingerprint(k.Secret))}})
	w := b.do("GET", "/metrics", "", nil)
	problems, err := promlint.New(bytes.NewReader(w.Body.Bytes())).Lint()
	require.NoError(t, err)
	require.Empty(t, problems)
	s := b.scrape()
	for _, d := range metricDefs {
		require.Contains(t, s, d.name)
	}
	require.Len(t, s, len(metricDefs))
}

// TestMetricsDocument keeps the table in docs/metrics.md as the code is.
func TestMetricsDocument(t *testing.T) {
	const path, begin, end = "../../docs/metrics.md", "<!-- metrics -->\n", "<!-- /metrics -->\n"
	var table strings.Builder
	table.WriteString("| metric | type | labels | meaning |\n|---|---|---|---|\n")
	for _, d := range metricDefs {
		kind := "gauge"
		if d.kind == counter {
			kind = "counter"
		}
		if d.hist {
			kind = "histogram"
		}
		labels := "`" + strings.Join(d.allLabels(labelNames[:]), "` `") + "`"
		if len(d.allLabels(labelNames[:])) == 0 {
			labels = ""
		}
		fmt.Fprintf(&table, "| `%s%s` | %s | %s | %s |\n", metricPrefix, d.name, kind, labels, d.help)
	}
	document, err := os.ReadFile(path)
	require.NoError(t, err)
	before, rest, found := strings.Cut(string(document), begin)
	require.True(t, found)
	_, after, found := strings.Cut(rest, end)
	require.True(t, found)
	want := before + begin + table.String() + end + after
	if *update {
		require.NoError(t, os.WriteFile(path, []byte(want), 0o600))
		return
	}
	require.Equal(t, want, string(document), "write it anew with -update")
}
