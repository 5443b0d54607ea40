package metrics_test

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/console"
	"github.com/tokenboard/tokenboard/internal/console/consoletest"
	"github.com/tokenboard/tokenboard/internal/console/keyindex"
	"github.com/tokenboard/tokenboard/internal/console/keys"
	"github.com/tokenboard/tokenboard/internal/console/metrics"
	"github.com/tokenboard/tokenboard/internal/console/stats"
	"github.com/tokenboard/tokenboard/internal/ledger"
	"github.com/tokenboard/tokenboard/internal/racetest"
	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/store/sqlite"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// metricCall is a call with everything that the metrics show.
func metricCall(n int, key string) usage.Call {
	c := usage.Call{
		Role: usage.RoleCall, Start: consoletest.TestNow.Add(-time.Hour), Model: "m", Provider: "openai", Service: "svc", KeyFingerprint: key,
		Duration: 3 * time.Second, TTFT: time.Second, Status: 200,
		Tokens: usage.Tokens{InputUncached: 10, CacheRead: 5, OutputText: 20, Fields: usage.HasInput | usage.HasOutput},
	}
	c.Trace, c.Span = usage.TraceID{7, byte(n >> 16), byte(n >> 8), byte(n)}, usage.SpanID{7, byte(n >> 16), byte(n >> 8), byte(n)}
	c.ID = usage.SpanRecordID(c.Trace, c.Span)
	return c
}

func TestMetrics(t *testing.T) {
	b := consoletest.NewBench(t, func(o *console.Options) { o.Quota = stats.Quota{Tokens: 1_000, Period: store.Daily} })
	made := consoletest.Data[keys.NewKey](b, "POST", "/keys", `{"name":"build farm","limits":{"tokens":{"day":100},"usd":{"total":2.5}}}`, 201)
	rotated := consoletest.Data[keys.NewKey](b, "POST", "/keys/"+made.ID+"/rotate", `{}`, 201)
	stranger := usage.Fingerprint("sk-somebody-elses")
	failed := metricCall(3, stranger)
	failed.Failed, failed.Status, failed.Tokens, failed.TTFT = true, 503, usage.Tokens{}, 0
	b.Commit(usage.Batch{Calls: []usage.Call{metricCall(1, usage.Fingerprint(made.Secret)), metricCall(2, usage.Fingerprint(rotated.Secret)), failed}})
	b.Commit(usage.Batch{Calls: []usage.Call{metricCall(2, usage.Fingerprint(rotated.Secret))}})
	s := b.Scrape()

	farm := []string{"key", "build farm"}
	require.EqualValues(t, 2, s.Sum("calls_total", farm...), "calls of one key under two fingerprints are one series")
	require.Len(t, s.Labelled("calls_total", farm...), 1)
	require.EqualValues(t, 40, s.Sum("tokens_total", "key", "build farm", "kind", "output_text"))
	require.Empty(t, s.Labelled("tokens_total", "kind", "reasoning"), "a kind that never was has no series")
	require.EqualValues(t, 1, s.Sum("errors_total", "status", "5xx", "service", "svc", "provider", "openai", "model", "m"))
	require.EqualValues(t, 1, s.Sum("calls_without_usage_total"))
	require.EqualValues(t, 2, s.Sum("unpriced_calls_total"))
	require.Len(t, s.Labelled("calls_total", "key", keyindex.ExternalName(b.Ledger.KeyedFingerprint(stranger))), 1)
	require.EqualValues(t, 1, s.Sum("duplicate_records_total"))
	require.EqualValues(t, 3, s.Sum("store_records"))

	require.EqualValues(t, 100, s.Sum("budget_limit_tokens", "scope", "key", "key", "build farm", "period", "day"))
	require.EqualValues(t, 70, s.Sum("budget_used_tokens", farm...))
	require.InDelta(t, 2.5, s.Sum("budget_limit_usd", "key", "build farm", "period", "total"), 1e-9)
	require.EqualValues(t, time.Date(2026, 11, 4, 0, 0, 0, 0, time.UTC).Unix(), s.Sum("budget_reset_timestamp_seconds", farm...))
	require.EqualValues(t, 1_000, s.Sum("budget_limit_tokens", "scope", "console"))
	require.EqualValues(t, 70, s.Sum("budget_used_tokens", "scope", "console", "period", "day"))
	require.EqualValues(t, 1, s.Sum("keys", "status", "active"))
	require.Len(t, s.Labelled("keys"), 4)

	h := s.Labelled("call_duration_seconds", "provider", "openai", "model", "m")[0].GetHistogram()
	require.EqualValues(t, 3, h.GetSampleCount())
	require.InDelta(t, 9, h.GetSampleSum(), 1e-9)
	require.EqualValues(t, 3, h.GetSchema())
	require.NotEmpty(t, h.GetPositiveSpan())
	require.EqualValues(t, 2, s.Labelled("time_to_first_token_seconds")[0].GetHistogram().GetSampleCount())
	require.InDelta(t, 20, s.Labelled("output_tokens_per_second")[0].GetHistogram().GetSampleSum(), 1e-9)
	text := b.Do("GET", "/metrics", "", nil).Body.String()
	require.Contains(t, text, `tokenboard_call_duration_seconds_bucket{model="m",provider="openai",le="4"} 3`)
	require.NotContains(t, text, stranger, "a whole fingerprint is shown")

	consoletest.Data[keys.Revoked](b, "DELETE", "/keys/"+made.ID, "", 200)
	s = b.Scrape()
	require.EqualValues(t, 1, s.Sum("keys", "status", "revoked"))
	require.Empty(t, s.Labelled("budget_limit_tokens", "scope", "key"))
	require.EqualValues(t, 2, s.Sum("calls_total", farm...))
}

// TestMetricsNeverFall has a call counted, scraped, and then superseded by its own child span.
func TestMetricsNeverFall(t *testing.T) {
	b := consoletest.NewBench(t, nil)
	parent := metricCall(1, "")
	b.Commit(usage.Batch{Calls: []usage.Call{parent}})
	require.EqualValues(t, 1, b.Scrape().Sum("calls_total"))
	child := metricCall(2, "")
	child.Trace, child.Parent, child.Model = parent.Trace, parent.Span, "m-2026"
	child.ID = usage.SpanRecordID(child.Trace, child.Span)
	b.Commit(usage.Batch{Calls: []usage.Call{child}})
	s := b.Scrape()
	require.EqualValues(t, 1, s.Sum("superseded_records_total"))
	require.EqualValues(t, 1, s.Sum("calls_total", "model", "m"), "a counter went down")
	require.EqualValues(t, 1, s.Sum("calls_total", "model", "m-2026"))
	require.EqualValues(t, 1, consoletest.Data[stats.Stats](b, "GET", "/stats", "", 200).Calls)
}

// TestMetricsCreated has series begin while Prometheus looks: they were nothing at the scrape before.
func TestMetricsCreated(t *testing.T) {
	now := consoletest.TestNow
	b := consoletest.NewBench(t, func(o *console.Options) { o.Now = func() time.Time { return now } })
	created := func(model string) time.Time {
		c := b.Scrape().Labelled("calls_total", "model", model)[0].GetCounter()
		if c.CreatedTimestamp == nil {
			return time.Time{}
		}
		return c.GetCreatedTimestamp().AsTime()
	}
	b.Commit(usage.Batch{Calls: []usage.Call{metricCall(1, "")}})
	require.Zero(t, created("m"), "it may be from before the process")
	now = now.Add(15 * time.Second)
	other := metricCall(2, "")
	other.Model = "n"
	b.Commit(usage.Batch{Calls: []usage.Call{other}})
	require.Equal(t, consoletest.TestNow, created("n"))
	now = now.Add(15 * time.Second)
	require.Equal(t, consoletest.TestNow, created("n"))
	require.Zero(t, created("m"))
}

// TestRenamedKey moves what a key had to its new name, which did not come since the scrape before.
func TestRenamedKey(t *testing.T) {
	b := consoletest.NewBench(t, nil)
	b.Scrape()
	k := consoletest.Data[keys.NewKey](b, "POST", "/keys", `{"name":"before"}`, 201)
	b.Commit(usage.Batch{Calls: []usage.Call{metricCall(1, usage.Fingerprint(k.Secret))}})
	require.NotNil(t, b.Scrape().Labelled("calls_total", "key", "before")[0].GetCounter().CreatedTimestamp)
	consoletest.Data[keys.Key](b, "PATCH", "/keys/"+k.ID, `{"name":"after"}`, 200)
	s := b.Scrape()
	require.Empty(t, s.Labelled("calls_total", "key", "before"))
	require.Nil(t, s.Labelled("calls_total", "key", "after")[0].GetCounter().CreatedTimestamp)
}

// TestMetricsSize bounds what is scraped of 500 keys with 40 models each, several times more than the limit of
// series: with TOKENBOARD_FULL=1, which make test sets for a run without the race detector; else with 10 models.
func TestMetricsSize(t *testing.T) {
	racetest.Single(t)
	const keys = 500
	models := 10
	if os.Getenv("TOKENBOARD_FULL") != "" {
		models = 40
	}
	b := consoletest.NewBench(t, nil)
	engine, err := sqlite.Open(t.Context(), sqlite.Options{Path: filepath.Join(t.TempDir(), "t.db")})
	require.NoError(t, err)
	l, err := ledger.Open(t.Context(), engine, ledger.Options{Now: func() time.Time { return consoletest.TestNow }})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, l.Close()) })
	b.Ledger = l
	c := console.New(console.Options{Ledger: l, Directory: engine.Directory(), Version: "test", Open: true, Now: func() time.Time { return consoletest.TestNow }})
	t.Cleanup(c.Close)
	b.Handler = c.Handler()
	var all []store.Key
	for k := range keys {
		all = append(all, store.Key{
			ID: fmt.Sprintf("key_%016x", k), Name: fmt.Sprintf("team %d, continuous integration", k), Fingerprint: usage.Fingerprint(fmt.Sprint(k)),
			Display: "tb-…", CreatedAt: consoletest.TestNow, Limits: store.Limits{Tokens: store.Budget{1e6, 0, 1e9}, Cost: store.Budget{0, 0, 1e12}},
		})
	}
	require.NoError(t, engine.Directory().AddKeys(t.Context(), keys, all, store.AuditEntry{Action: "key.import", Time: consoletest.TestNow}))
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
		b.Commit(usage.Batch{Calls: calls})
	}
	began := time.Now()
	w := b.Do("GET", "/metrics", "", nil)
	took := time.Since(began)
	require.Equal(t, 200, w.Code)
	size := w.Body.Len()
	t.Logf("%d bytes in %v", size, took)
	require.Less(t, size, 5_000_000)
	s := b.Scrape()
	require.EqualValues(t, keys*models, s.Sum("calls_total"), "what is beyond the limit is lost")
	other := s.Sum("calls_total", "provider", "other", "model", "other", "service", "other", "key", "other", "status", "other")
	require.EqualValues(t, keys*models-2_000, other)
	require.LessOrEqual(t, len(s.Labelled("calls_total")), 2_001)
}

// TestHostileLabels has names that labels cannot have, and that are one when they are made to fit.
func TestHostileLabels(t *testing.T) {
	b := consoletest.NewBench(t, nil)
	for i, name := range []string{"\xff", "\xfe", "a\"b\\c\nd", strings.Repeat("長", 50)} {
		c := metricCall(i, usage.Fingerprint(name))
		c.Model, c.Provider, c.Service = name, name, name
		b.Commit(usage.Batch{Calls: []usage.Call{c}})
	}
	s := b.Scrape()
	require.EqualValues(t, 4, s.Sum("calls_total"))
	require.EqualValues(t, 2, s.Labelled("call_duration_seconds", "model", "\uFFFD")[0].GetHistogram().GetSampleCount())
	require.Len(t, s.Labelled("call_duration_seconds"), 3)
	require.Len(t, s.Labelled("calls_total", "model", "a\"b\\c\nd"), 1)
	w := b.Do("GET", "/metrics", "", nil)
	_, err := promlint.New(bytes.NewReader(w.Body.Bytes())).Lint()
	require.NoError(t, err)
}

func TestMetricNames(t *testing.T) {
	b := consoletest.NewBench(t, nil)
	k := consoletest.Data[keys.NewKey](b, "POST", "/keys", `{"name":"k","limits":{"tokens":{"day":100},"usd":{"total":2.5}}}`, 201)
	b.Commit(usage.Batch{Calls: []usage.Call{metricCall(1, usage.Fingerprint(k.Secret))}})
	w := b.Do("GET", "/metrics", "", nil)
	problems, err := promlint.New(bytes.NewReader(w.Body.Bytes())).Lint()
	require.NoError(t, err)
	require.Empty(t, problems)
	s := b.Scrape()
	for _, d := range metrics.Defs {
		require.Contains(t, s, d.Name)
	}
	require.Len(t, s, len(metrics.Defs))
}

var update = flag.Bool("update", false, "write the table of docs/metrics.md again")

// TestMetricsDocument keeps the table in docs/metrics.md as the code is.
func TestMetricsDocument(t *testing.T) {
	const path, begin, end = "../../../docs/metrics.md", "<!-- metrics -->\n", "<!-- /metrics -->\n"
	var table strings.Builder
	table.WriteString("| metric | type | labels | meaning |\n|---|---|---|---|\n")
	for _, d := range metrics.Defs {
		kind := "gauge"
		if d.Kind == metrics.Counter {
			kind = "counter"
		}
		if d.Histogram {
			kind = "histogram"
		}
		labels := "`" + strings.Join(d.AllLabels(metrics.LabelNames[:]), "` `") + "`"
		if len(d.AllLabels(metrics.LabelNames[:])) == 0 {
			labels = ""
		}
		fmt.Fprintf(&table, "| `%s%s` | %s | %s | %s |\n", metrics.MetricPrefix, d.Name, kind, labels, d.Help)
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
	require.Equal(t, want, string(document), "write it again with -update")
}
