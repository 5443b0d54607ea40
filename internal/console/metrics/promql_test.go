package metrics_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http/httptest"
	"net/url"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/tokenboard/tokenboard/dashboards"
	"github.com/tokenboard/tokenboard/internal/access"
	"github.com/tokenboard/tokenboard/internal/console"
	"github.com/tokenboard/tokenboard/internal/console/api"
	"github.com/tokenboard/tokenboard/internal/console/consoletest"
	"github.com/tokenboard/tokenboard/internal/console/keys"
	"github.com/tokenboard/tokenboard/internal/console/stats"
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
func prom(b *consoletest.Bench, path string, header map[string]string, kv ...string) promReply {
	b.T.Helper()
	v := url.Values{}
	for i := 0; i < len(kv); i += 2 {
		v.Add(kv[i], kv[i+1])
	}
	w := b.Do("GET", promapi.Base+path+"?"+v.Encode(), "", header)
	var out promReply
	require.NoError(b.T, json.Unmarshal(w.Body.Bytes(), &out), w.Body)
	require.Equal(b.T, "success", out.Status, "%s: %s", kv, out.Error)
	return out
}

func (r promReply) series(t testing.TB) []promSeries {
	t.Helper()
	var out struct{ Result []promSeries }
	require.NoError(t, json.Unmarshal(r.Data, &out), string(r.Data))
	return out.Result
}

// value is the one number of an instant query.
func value(b *consoletest.Bench, expr string, header map[string]string) string {
	b.T.Helper()
	all := prom(b, "/query", header, "query", expr, "time", consoletest.TestNow.Format(time.RFC3339)).series(b.T)
	require.Len(b.T, all, 1, expr)
	return all[0].Value[1].(string)
}

// seedMonth commits calls of 20 days.
func seedMonth(b *consoletest.Bench, fingerprints ...string) {
	b.T.Helper()
	r := rand.New(rand.NewPCG(5, 6))
	var batch usage.Batch
	for n := range 4000 {
		c := metricCall(n, fingerprints[n%len(fingerprints)])
		c.Start = consoletest.TestNow.Add(-time.Duration(r.Int64N(int64(20 * 24 * time.Hour))))
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
	b.Commit(batch)
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
	b := consoletest.NewBench(t, func(o *console.Options) { o.Quota = stats.Quota{Tokens: 1_000_000, Period: store.Monthly} })
	made := consoletest.Data[keys.NewKey](b, "POST", "/keys", `{"name":"build farm","limits":{"tokens":{"day":100000},"usd":{"month":250}}}`, 201)
	seedMonth(b, usage.Fingerprint(made.Secret), "")
	vars := strings.NewReplacer(
		"$__range", "7d", "$__rate_interval", "1h", "$__interval", "1h",
		"$instance", ".*", "$provider", ".*", "$model", ".*", "$service", ".*", "$key", ".*",
	)
	count := 0
	for _, d := range dashboards.All() {
		for expr, title := range expressions(t, d.JSON) {
			count++
			expr = vars.Replace(expr)
			instant := prom(b, "/query", nil, "query", expr, "time", consoletest.TestNow.Format(time.RFC3339)).series(t)
			over := prom(b, "/query_range", nil, "query", expr, "start", consoletest.TestNow.Add(-7*24*time.Hour).Format(time.RFC3339), "end", consoletest.TestNow.Format(time.RFC3339), "step", "3600")
			if containsAny(expr, pastless) {
				continue
			}
			require.NotEmpty(t, instant, "%s, %s: %s", d.Name, title, expr)
			require.NotEmpty(t, over.series(t), "%s, %s: %s", d.Name, title, expr)
		}
	}
	require.Greater(t, count, 80)
	var models []string
	require.NoError(t, json.Unmarshal(prom(b, "/label/model/values", nil, "match[]", `tokenboard_calls_total{instance=~".*",provider=~"openai"}`).Data, &models))
	require.Equal(t, []string{"m0", "m1", "m2", "m3"}, models)
	require.Empty(t, prom(b, "/query", nil, "query", "sum(rate(tokenboard_commits_total[1h]))").series(t))
	for _, d := range []string{"/rules", "/alerts"} {
		require.NotContains(t, string(prom(b, d, nil).Data), `"health":"err"`)
	}
}

// TestVariablesOverPromQL: the values of every variable of every dashboard are found, as Grafana asks for them.
func TestVariablesOverPromQL(t *testing.T) {
	b := consoletest.NewBench(t, nil)
	seedMonth(b, usage.Fingerprint("a"), usage.Fingerprint("b"))
	all := regexp.MustCompile(`^label_values\((.*), *(\w+)\)$`)
	every := strings.NewReplacer("$instance", ".*", "$provider", ".*", "$model", ".*", "$service", ".*", "$key", ".*")
	asked := 0
	for _, d := range dashboards.All() {
		var file struct {
			Templating struct {
				List []struct {
					Name, Type string
					Query      any
				}
			}
		}
		require.NoError(t, json.Unmarshal(d.JSON, &file))
		for _, v := range file.Templating.List {
			if v.Type != "query" {
				continue
			}
			query := v.Query.(map[string]any)["query"].(string)
			m := all.FindStringSubmatch(query)
			require.NotNil(t, m, query)
			from := consoletest.TestNow.AddDate(0, 0, -90)
			var values []string
			require.NoError(t, json.Unmarshal(prom(b, "/label/"+m[2]+"/values", nil, "match[]", every.Replace(m[1]), "start", fmt.Sprint(from.Unix()), "end", fmt.Sprint(consoletest.TestNow.Unix())).Data, &values))
			require.NotEmpty(t, values, "%s: %s", d.Name, query)
			asked++
		}
	}
	require.Greater(t, asked, 15)
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
	b := consoletest.NewBench(t, func(o *console.Options) { o.Quota = stats.Quota{Tokens: 1_000_000, Period: store.Monthly} })
	made := consoletest.Data[keys.NewKey](b, "POST", "/keys", `{"name":"build farm","limits":{"tokens":{"day":100000,"total":500000},"usd":{"month":250}}}`, 201)
	seedMonth(b, usage.Fingerprint(made.Secret), "")
	s := consoletest.Data[stats.Stats](b, "GET", "/stats", "", 200)
	require.Equal(t, fmt.Sprint(s.Calls), value(b, "sum(tokenboard_calls_total)", nil))
	require.Equal(t, fmt.Sprint(s.Used), value(b, "sum(tokenboard_tokens_total)", nil))
	require.Equal(t, fmt.Sprint(s.Errors), value(b, "sum(tokenboard_errors_total)", nil))
	require.Equal(t, fmt.Sprint(s.Unpriced), value(b, "sum(tokenboard_unpriced_calls_total)", nil))
	require.Equal(t, fmt.Sprint(s.NoUsage), value(b, "sum(tokenboard_calls_without_usage_total)", nil))
	from := consoletest.TestNow.Add(-7 * 24 * time.Hour)
	s = consoletest.Data[stats.Stats](b, "GET", "/stats?from="+from.Format(time.RFC3339)+"&to="+consoletest.TestNow.Format(time.RFC3339)+"&model=m1", "", 200)
	require.Equal(t, fmt.Sprint(s.Used), value(b, `sum(increase(tokenboard_tokens_total{model="m1"}[7d]))`, nil))
	require.Equal(t, fmt.Sprint(s.Calls), value(b, `sum(increase(tokenboard_call_duration_seconds_count{model="m1"}[7d]))`, nil))

	scraped := b.Scrape()
	for _, name := range []string{"calls_total", "tokens_total", "store_records", "keys", "series", "budget_used_tokens", "budget_limit_usd", "budget_used_usd"} {
		require.Equal(t, fmt.Sprint(scraped.Sum(name)), fmt.Sprint(parsed(t, value(b, "sum(tokenboard_"+name+")", nil))), name)
	}
	// what the month's budget had used at an earlier time of the month, and at the end of the month before
	then := time.Date(2026, 11, 2, 12, 0, 0, 0, time.UTC)
	s = consoletest.Data[stats.Stats](b, "GET", "/stats?from=2026-11-01T00:00:00Z&to="+then.Format(time.RFC3339), "", 200)
	used := `tokenboard_budget_used_tokens{scope="console"} @ ` + fmt.Sprint(then.Unix())
	require.Equal(t, fmt.Sprint(s.Used), value(b, used, nil))
	require.Equal(t, "0", value(b, `tokenboard_budget_used_tokens{scope="console"} @ `+fmt.Sprint(time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC).Unix()), nil))
	require.Empty(t, prom(b, "/query", nil, "query", `tokenboard_budget_used_tokens{scope="key"} @ 1793000000`).series(t), "the key was not there yet")
}

func parsed(t testing.TB, s string) (v float64) {
	t.Helper()
	_, err := fmt.Sscan(s, &v)
	require.NoError(t, err)
	return v
}

// TestPromQLOfAMember: a member's questions are answered from own keys' calls only, whatever the question.
func TestPromQLOfAMember(t *testing.T) {
	o := consoletest.NewSecured(t, nil)
	root, alice := o.NewPerson("root", access.Admin), o.NewPerson("alice", access.Member)
	own := consoletest.Read[keys.NewKey](t, root.Do("POST", "/keys", `{"name":"alices","owner":"alice","limits":{"tokens":{"day":1000}}}`), 201)
	other := consoletest.Read[keys.NewKey](t, root.Do("POST", "/keys", `{"name":"secret project","owner":"bob","limits":{"tokens":{"day":77}}}`), 201)
	seedMonth(o.Bench, usage.Fingerprint(own.Secret), usage.Fingerprint(other.Secret), "")
	mine := consoletest.Read[stats.Stats](t, alice.Do("GET", "/stats", ""), 200)
	require.Positive(t, mine.Calls)
	require.Equal(t, fmt.Sprint(mine.Calls), value(o.Bench, "sum(tokenboard_calls_total)", alice.Header))
	require.Equal(t, fmt.Sprint(mine.Used), value(o.Bench, "sum(increase(tokenboard_tokens_total[30d]))", alice.Header))
	require.Equal(t, fmt.Sprint(mine.Calls), value(o.Bench, "sum(increase(tokenboard_call_duration_seconds_count[30d]))", alice.Header))
	require.NotEqual(t, fmt.Sprint(mine.Calls), value(o.Bench, "sum(tokenboard_calls_total)", root.Header))
	everything := []string{
		string(prom(o.Bench, "/query", alice.Header, "query", `{__name__=~".+"}`, "time", consoletest.TestNow.Format(time.RFC3339)).Data),
		string(prom(o.Bench, "/query_range", alice.Header, "query", `{__name__=~".+",key!="alices"}`, "start", "1793000000", "end", "1793730000", "step", "86400").Data),
		string(prom(o.Bench, "/series", alice.Header, "match[]", `{__name__=~".+"}`).Data),
		string(prom(o.Bench, "/label/key/values", alice.Header).Data), string(prom(o.Bench, "/labels", alice.Header).Data),
		string(prom(o.Bench, "/label/__name__/values", alice.Header).Data), string(prom(o.Bench, "/alerts", alice.Header).Data), string(prom(o.Bench, "/metadata", alice.Header).Data),
	}
	require.Contains(t, everything[0], "alices")
	for _, text := range everything {
		require.NotContains(t, text, "secret project")
		require.NotContains(t, text, "ext_")
		require.NotContains(t, text, "tokenboard_store_", "how the server fares is not a member's to know")
	}
	nobodys := o.NewPerson("carol", access.Member)
	require.Empty(t, prom(o.Bench, "/query", nobodys.Header, "query", `{__name__=~".+"}`).series(t))
}

// TestPromQLForm: Grafana sends long expressions in a form; pages from elsewhere may not.
func TestPromQLForm(t *testing.T) {
	b := consoletest.NewBench(t, nil)
	form := map[string]string{"Content-Type": "application/x-www-form-urlencoded"}
	require.Equal(t, 200, b.Do("POST", promapi.Base+"/query", "query=1", form).Code)
	require.Equal(t, 415, b.Do("POST", api.Base+"/keys", "name=x", form).Code)
	form["Origin"] = "https://elsewhere.example"
	require.Equal(t, "forbidden", requirePrometheus(t, b.Do("POST", promapi.Base+"/query", "query=1", form), 403))
	require.Equal(t, "not_found", requirePrometheus(t, b.Do("GET", promapi.Base+"/nothing", "", nil), 404))
	require.Equal(t, "bad_data", requirePrometheus(t, b.Do("PUT", promapi.Base+"/query", "", nil), 405))
	require.Equal(t, "bad_data", requirePrometheus(t, b.Do("GET", promapi.Base+"/query?query=(", "", nil), 400))
}

// TestExampleDataSource: Grafana is provisioned with an address at which the API is, and the resolution of sums.
func TestExampleDataSource(t *testing.T) {
	text, err := os.ReadFile("../../../examples/grafana/ledger/datasources/tokenboard.yaml")
	require.NoError(t, err)
	var file struct {
		Datasources []struct {
			Type, URL, UID string
			Settings       map[string]any    `yaml:"jsonData"`
			Secure         map[string]string `yaml:"secureJsonData"`
		}
	}
	require.NoError(t, yaml.Unmarshal(text, &file))
	require.Len(t, file.Datasources, 1)
	d := file.Datasources[0]
	require.Equal(t, "prometheus", d.Type)
	require.Equal(t, "15m", d.Settings["timeInterval"])
	require.Equal(t, "Authorization", d.Settings["httpHeaderName1"])
	require.Equal(t, "Bearer ${TOKENBOARD_TOKEN}", d.Secure["httpHeaderValue1"])
	at, err := url.Parse(d.URL)
	require.NoError(t, err)
	o := consoletest.NewSecured(t, nil)
	token := o.NewPerson("root", access.Admin).Token(access.Viewer)
	w := o.Do("GET", at.Path+"/api/v1/status/buildinfo", "", token.Header)
	require.Equal(t, 200, w.Code, w.Body)
	require.Equal(t, "unauthorized", requirePrometheus(t, o.Do("GET", at.Path+"/api/v1/status/buildinfo", "", nil), 401))
	// an open console ignores the header of a token that is not set
	open := consoletest.NewBench(t, nil)
	require.Equal(t, 200, open.Do("GET", at.Path+"/api/v1/labels", "", map[string]string{"Authorization": "Bearer "}).Code)
}
