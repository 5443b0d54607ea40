package console

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/dashboards"
	"github.com/tokenboard/tokenboard/internal/access"
	"github.com/tokenboard/tokenboard/internal/promapi"
	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// requirePrometheus checks that an answer is a failure in Prometheus' form, and returns its type.
func requirePrometheus(t testing.TB, w *httptest.ResponseRecorder, status int) string {
	t.Helper()
	require.Equal(t, status, w.Code, w.Body)
	var e struct{ Status, ErrorType, Error string }
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &e), w.Body)
	require.Equal(t, "error", e.Status, w.Body)
	require.NotEmpty(t, e.Error)
	return e.ErrorType
}

// promSeries is a series of an answer.
type promSeries struct {
	Metric     map[string]string
	Value      []any
	Values     [][]any
	Histograms []any
}

type promReply struct {
	Status, Error string
	Infos         []string
	Data          json.RawMessage
}

// prom asks for something in Prometheus' form.
func (b *bench) prom(path string, header map[string]string, kv ...string) promReply {
	b.t.Helper()
	v := url.Values{}
	for i := 0; i < len(kv); i += 2 {
		v.Add(kv[i], kv[i+1])
	}
	w := b.do("GET", promapi.Base+path+"?"+v.Encode(), "", header)
	var out promReply
	require.NoError(b.t, json.Unmarshal(w.Body.Bytes(), &out), w.Body)
	require.Equal(b.t, "success", out.Status, "%s: %s", kv, out.Error)
	return out
}

func (r promReply) series(t testing.TB) []promSeries {
	t.Helper()
	var out struct{ Result []promSeries }
	require.NoError(t, json.Unmarshal(r.Data, &out), string(r.Data))
	return out.Result
}

// value is the one number of an instant query.
func (b *bench) value(expr string, header map[string]string) string {
	b.t.Helper()
	all := b.prom("/query", header, "query", expr, "time", testNow.Format(time.RFC3339)).series(b.t)
	require.Len(b.t, all, 1, expr)
	return all[0].Value[1].(string)
}

// seedMonth commits calls of 20 days.
func (b *bench) seedMonth(fingerprints ...string) {
	b.t.Helper()
	r := rand.New(rand.NewPCG(5, 6))
	var batch usage.Batch
	for n := range 4000 {
		c := metricCall(n, fingerprints[n%len(fingerprints)])
		c.Start = testNow.Add(-time.Duration(r.Int64N(int64(20 * 24 * time.Hour))))
		c.Model, c.Provider, c.Service = fmt.Sprintf("m%d", r.IntN(4)), []string{"openai", "anthropic"}[r.IntN(2)], []string{"web", "batch"}[r.IntN(2)]
		c.Duration, c.TTFT = time.Duration(1+r.IntN(20_000))*time.Millisecond, time.Duration(r.IntN(500))*time.Millisecond
		c.Tokens.Reasoning = r.Int64N(50)
		c.ReportedCost, c.HasReportedCost = usage.NanoUSD(r.Int64N(1e9)), n%50 != 0
		if n%9 == 0 {
			c.Failed, c.Status = true, 500
		}
		if n%60 == 0 {
			c.Tokens = usage.Tokens{}
		}
		batch.Calls = append(batch.Calls, c)
	}
	b.commit(batch)
}

// expressions returns the expressions of a dashboard's panels and annotations, with their titles.
func expressions(t testing.TB, dashboard []byte) map[string]string {
	t.Helper()
	out := map[string]string{}
	var walk func(v any, title string)
	walk = func(v any, title string) {
		switch v := v.(type) {
		case map[string]any:
			if s, is := v["title"].(string); is && s != "" {
				title = s
			}
			if e, is := v["expr"].(string); is && e != "" {
				out[e] = title
			}
			for _, one := range v {
				walk(one, title)
			}
		case []any:
			for _, one := range v {
				walk(one, title)
			}
		}
	}
	var all any
	require.NoError(t, json.Unmarshal(dashboard, &all))
	walk(all, "")
	return out
}

// pastless are what the ledger has no past of: counters of the process, and what only a Prometheus has.
var pastless = []string{
	"tokenboard_commits_total", "tokenboard_duplicate_records_total", "tokenboard_fuller_records_total", "tokenboard_superseded_records_total",
	"tokenboard_refused_records_total", "tokenboard_dropped_records_total", "tokenboard_forgotten_spans_total", "tokenboard_folded_calls_total",
	"scrape_duration_seconds", "price_book_info",
}

// TestDashboardsOverPromQL: every expression of every dashboard is answered from the ledger, with data wherever it
// asks for something that the ledger has a past of.
func TestDashboardsOverPromQL(t *testing.T) {
	b := newBench(t, func(o *Options) { o.Quota = Quota{Tokens: 1_000_000, Period: store.Monthly} })
	made := data[NewKey](b, "POST", "/keys", `{"name":"build farm","limits":{"tokens":{"day":100000},"usd":{"month":250}}}`, 201)
	b.seedMonth(usage.Fingerprint(made.Secret), "")
	vars := strings.NewReplacer(
		"$__range", "7d", "$__rate_interval", "1h", "$__interval", "1h",
		"$instance", ".*", "$provider", ".*", "$model", ".*", "$service", ".*", "$key", ".*",
	)
	count := 0
	for _, d := range dashboards.All() {
		for expr, title := range expressions(t, d.JSON) {
			count++
			expr = vars.Replace(expr)
			instant := b.prom("/query", nil, "query", expr, "time", testNow.Format(time.RFC3339)).series(t)
			over := b.prom("/query_range", nil, "query", expr, "start", testNow.Add(-7*24*time.Hour).Format(time.RFC3339), "end", testNow.Format(time.RFC3339), "step", "3600")
			if containsAny(expr, pastless) {
				continue
			}
			require.NotEmpty(t, instant, "%s, %s: %s", d.Name, title, expr)
			require.NotEmpty(t, over.series(t), "%s, %s: %s", d.Name, title, expr)
		}
	}
	require.Greater(t, count, 80)
	var models []string
	require.NoError(t, json.Unmarshal(b.prom("/label/model/values", nil, "match[]", `tokenboard_calls_total{instance=~".*",provider=~"openai"}`).Data, &models))
	require.Equal(t, []string{"m0", "m1", "m2", "m3"}, models)
	require.Empty(t, b.prom("/query", nil, "query", "sum(rate(tokenboard_commits_total[1h]))").series(t))
	for _, d := range []string{"/rules", "/alerts"} {
		require.NotContains(t, string(b.prom(d, nil).Data), `"health":"err"`)
	}
}

func containsAny(s string, all []string) bool {
	for _, one := range all {
		if strings.Contains(s, one) {
			return true
		}
	}
	return false
}

// TestPromQLEqualsTheAPI: the two answer the same, also of budgets and of what a scrape has now.
func TestPromQLEqualsTheAPI(t *testing.T) {
	b := newBench(t, func(o *Options) { o.Quota = Quota{Tokens: 1_000_000, Period: store.Monthly} })
	made := data[NewKey](b, "POST", "/keys", `{"name":"build farm","limits":{"tokens":{"day":100000,"total":500000},"usd":{"month":250}}}`, 201)
	b.seedMonth(usage.Fingerprint(made.Secret), "")
	s := data[Stats](b, "GET", "/stats", "", 200)
	require.Equal(t, fmt.Sprint(s.Calls), b.value("sum(tokenboard_calls_total)", nil))
	require.Equal(t, fmt.Sprint(s.Used), b.value("sum(tokenboard_tokens_total)", nil))
	require.Equal(t, fmt.Sprint(s.Errors), b.value("sum(tokenboard_errors_total)", nil))
	require.Equal(t, fmt.Sprint(s.Unpriced), b.value("sum(tokenboard_unpriced_calls_total)", nil))
	require.Equal(t, fmt.Sprint(s.NoUsage), b.value("sum(tokenboard_calls_without_usage_total)", nil))
	from := testNow.Add(-7 * 24 * time.Hour)
	s = data[Stats](b, "GET", "/stats?from="+from.Format(time.RFC3339)+"&to="+testNow.Format(time.RFC3339)+"&model=m1", "", 200)
	require.Equal(t, fmt.Sprint(s.Used), b.value(`sum(increase(tokenboard_tokens_total{model="m1"}[7d]))`, nil))
	require.Equal(t, fmt.Sprint(s.Calls), b.value(`sum(increase(tokenboard_call_duration_seconds_count{model="m1"}[7d]))`, nil))

	scraped := b.scrape()
	for _, name := range []string{"calls_total", "tokens_total", "store_records", "keys", "series", "budget_used_tokens", "budget_limit_usd", "budget_used_usd"} {
		require.Equal(t, fmt.Sprint(scraped.sum(name)), fmt.Sprint(parsed(t, b.value("sum(tokenboard_"+name+")", nil))), name)
	}
	// what the month's budget had used at an earlier time of the month, and at the end of the month before
	then := time.Date(2026, 11, 2, 12, 0, 0, 0, time.UTC)
	s = data[Stats](b, "GET", "/stats?from=2026-11-01T00:00:00Z&to="+then.Format(time.RFC3339), "", 200)
	used := `tokenboard_budget_used_tokens{scope="console"} @ ` + fmt.Sprint(then.Unix())
	require.Equal(t, fmt.Sprint(s.Used), b.value(used, nil))
	require.Equal(t, "0", b.value(`tokenboard_budget_used_tokens{scope="console"} @ `+fmt.Sprint(time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC).Unix()), nil))
	require.Empty(t, b.prom("/query", nil, "query", `tokenboard_budget_used_tokens{scope="key"} @ 1793000000`).series(t), "the key was not there yet")
}

func parsed(t testing.TB, s string) (v float64) {
	t.Helper()
	_, err := fmt.Sscan(s, &v)
	require.NoError(t, err)
	return v
}

// TestPromQLOfAMember: a member's questions are answered from own keys' calls only, whatever the question.
func TestPromQLOfAMember(t *testing.T) {
	o := newTown(t, nil)
	root, alice := o.newPerson("root", access.Admin), o.newPerson("alice", access.Member)
	own := read[NewKey](t, root.do("POST", "/keys", `{"name":"alices","owner":"alice","limits":{"tokens":{"day":1000}}}`), 201)
	other := read[NewKey](t, root.do("POST", "/keys", `{"name":"secret project","owner":"bob","limits":{"tokens":{"day":77}}}`), 201)
	o.seedMonth(usage.Fingerprint(own.Secret), usage.Fingerprint(other.Secret), "")
	mine := read[Stats](t, alice.do("GET", "/stats", ""), 200)
	require.Positive(t, mine.Calls)
	require.Equal(t, fmt.Sprint(mine.Calls), o.value("sum(tokenboard_calls_total)", alice.header))
	require.Equal(t, fmt.Sprint(mine.Used), o.value("sum(increase(tokenboard_tokens_total[30d]))", alice.header))
	require.Equal(t, fmt.Sprint(mine.Calls), o.value("sum(increase(tokenboard_call_duration_seconds_count[30d]))", alice.header))
	require.NotEqual(t, fmt.Sprint(mine.Calls), o.value("sum(tokenboard_calls_total)", root.header))
	everything := []string{
		string(o.prom("/query", alice.header, "query", `{__name__=~".+"}`, "time", testNow.Format(time.RFC3339)).Data),
		string(o.prom("/query_range", alice.header, "query", `{__name__=~".+",key!="alices"}`, "start", "1793000000", "end", "1793730000", "step", "86400").Data),
		string(o.prom("/series", alice.header, "match[]", `{__name__=~".+"}`).Data),
		string(o.prom("/label/key/values", alice.header).Data), string(o.prom("/labels", alice.header).Data),
		string(o.prom("/label/__name__/values", alice.header).Data), string(o.prom("/alerts", alice.header).Data), string(o.prom("/metadata", alice.header).Data),
	}
	require.Contains(t, everything[0], "alices")
	for _, text := range everything {
		require.NotContains(t, text, "secret project")
		require.NotContains(t, text, "ext_")
		require.NotContains(t, text, "tokenboard_store_", "how the server fares is not a member's to know")
	}
	nobodys := o.newPerson("carol", access.Member)
	require.Empty(t, o.prom("/query", nobodys.header, "query", `{__name__=~".+"}`).series(t))
}

// TestPromQLForm: Grafana sends long expressions in a form; pages from elsewhere may not.
func TestPromQLForm(t *testing.T) {
	b := newBench(t, nil)
	form := map[string]string{"Content-Type": "application/x-www-form-urlencoded"}
	require.Equal(t, 200, b.do("POST", promapi.Base+"/query", "query=1", form).Code)
	require.Equal(t, 415, b.do("POST", base+"/keys", "name=x", form).Code)
	form["Origin"] = "https://elsewhere.example"
	require.Equal(t, "forbidden", requirePrometheus(t, b.do("POST", promapi.Base+"/query", "query=1", form), 403))
	require.Equal(t, "not_found", requirePrometheus(t, b.do("GET", promapi.Base+"/nothing", "", nil), 404))
	require.Equal(t, "bad_data", requirePrometheus(t, b.do("PUT", promapi.Base+"/query", "", nil), 405))
	require.Equal(t, "bad_data", requirePrometheus(t, b.do("GET", promapi.Base+"/query?query=(", "", nil), 400))
}
