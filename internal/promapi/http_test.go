package promapi

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/ledger"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// reply is an answer in Prometheus' envelope.
type reply struct {
	bytes            int
	code             int
	Status           string
	ErrorType, Error string
	Warnings, Infos  []string
	Data             json.RawMessage
}

func (b *bench) mux() http.Handler {
	mux := http.NewServeMux()
	for _, r := range b.api.Routes() {
		mux.Handle(r.Method+" "+r.Path, r.Handler)
	}
	return mux
}

func (b *bench) ask(method, path string, v url.Values) reply {
	b.Helper()
	target, body := Base+path, ""
	if method == http.MethodPost {
		body = v.Encode()
	} else {
		target += "?" + v.Encode()
	}
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	if body != "" {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	w := httptest.NewRecorder()
	b.mux().ServeHTTP(w, r)
	out := reply{code: w.Code, bytes: w.Body.Len()}
	require.NoError(b, json.Unmarshal(w.Body.Bytes(), &out), "%s %s: %s", method, target, w.Body)
	require.Equal(b, "no-store", w.Header().Get("Cache-Control"))
	return out
}

func (b *bench) get(path string, kv ...string) reply {
	b.Helper()
	v := url.Values{}
	for i := 0; i < len(kv); i += 2 {
		v.Add(kv[i], kv[i+1])
	}
	return b.ask(http.MethodGet, path, v)
}

// read reads the data of a success.
func read[T any](b *bench, r reply) (out T) {
	b.Helper()
	require.Equal(b, 200, r.code, "%s %s", r.ErrorType, r.Error)
	require.Equal(b, "success", r.Status)
	require.NoError(b, json.Unmarshal(r.Data, &out))
	return out
}

type result struct {
	ResultType string
	Result     []struct {
		Metric     map[string]string
		Value      [2]any
		Values     [][2]any
		Histograms []any
	}
}

func seconds(t time.Time) string { return fmt.Sprintf("%d.%03d", t.Unix(), t.Nanosecond()/1e6) }

func TestQueryRoutes(t *testing.T) {
	b := newBench(t, nil)
	b.commit(b.call(testNow.Add(-time.Hour), nil), b.call(testNow.Add(-time.Minute), func(c *usage.Call) { c.Model = models[3] }))
	for _, method := range []string{http.MethodGet, http.MethodPost} {
		r := read[result](b, b.ask(method, "/query", url.Values{"query": {"sum by (model) (increase(tokenboard_calls_total[2h]))"}, "time": {seconds(testNow)}}))
		require.Equal(t, "vector", r.ResultType)
		require.Len(t, r.Result, 2)
		require.Equal(t, models[3], r.Result[0].Metric["model"])
		require.Equal(t, [2]any{float64(testNow.UnixMilli()) / 1000, "1"}, r.Result[0].Value)

		v := url.Values{"query": {"tokenboard_calls_total"}, "start": {seconds(testNow.Add(-2 * time.Hour))}, "end": {seconds(testNow)}, "step": {"15m"}}
		r = read[result](b, b.ask(method, "/query_range", v))
		require.Equal(t, "matrix", r.ResultType)
		require.Equal(t, map[string]string{
			"__name__": "tokenboard_calls_total", "instance": "tokenboard", "job": "tokenboard", "provider": "p", "model": "m", "service": "s", "status": "2xx",
		}, r.Result[len(r.Result)-1].Metric)
		require.NotEmpty(t, r.Result[0].Values)
	}
	r := read[struct {
		ResultType string
		Result     [2]any
	}](b, b.get("/query", "query", "1/0", "time", "12.5"))
	require.Equal(t, "scalar", r.ResultType)
	require.Equal(t, [2]any{12.5, "+Inf"}, r.Result)
	r = read[struct {
		ResultType string
		Result     [2]any
	}](b, b.get("/query", "query", `"<a\"\n>"`))
	require.Equal(t, "<a\"\n>", r.Result[1])
}

func TestErrors(t *testing.T) {
	b := newBench(t, func(_ *ledger.Options, o *Options) { o.MaxSamples = 50 })
	b.seed(rand.New(rand.NewPCG(1, 2)), 3, 300)
	for _, one := range []struct {
		path, kind, contains string
		code                 int
		kv                   []string
	}{
		{"/query", "bad_data", `invalid parameter "query": 1:5: parse error`, 400, []string{"query", "sum("}},
		{"/query", "bad_data", "unknown position", 400, []string{"query", ""}},
		{"/query", "bad_data", `invalid parameter "time": cannot parse "x" to a valid timestamp`, 400, []string{"query", "1", "time", "x"}},
		{"/query", "bad_data", "longer than", 400, []string{"query", strings.Repeat("1+", maxExpr) + "1"}},
		{"/query", "bad_data", `invalid parameter "timeout"`, 400, []string{"query", "1", "timeout", "x"}},
		{"/query", "timeout", "query timed out", 503, []string{"query", "tokenboard_calls_total", "timeout", "0.000001"}},
		{"/query", "execution", "query processing would load too many samples into memory in query execution", 422, []string{"query", "tokenboard_calls_total"}},
		{
			"/query", "execution", "query processing would load too many samples into memory in query execution", 422,
			[]string{"query", "abs(resets(x[30d:1ms]))"},
		},
		{"/query_range", "bad_data", `invalid parameter "end": end timestamp must not be before start time`, 400, []string{"query", "1", "start", "2", "end", "1", "step", "1"}},
		{"/query_range", "bad_data", "zero or negative query resolution step widths are not accepted", 400, []string{"query", "1", "start", "1", "end", "2", "step", "0"}},
		{"/query_range", "bad_data", "exceeded maximum resolution of 11,000 points per timeseries", 400, []string{"query", "1", "start", "1", "end", "20000", "step", "1"}},
		{"/query_range", "bad_data", "invalid expression type", 400, []string{"query", "tokenboard_calls_total[1m]", "start", "1", "end", "2", "step", "1"}},
		{"/series", "bad_data", "no match[] parameter provided", 400, nil},
		{"/series", "bad_data", "match[] must contain at least one non-empty matcher", 400, []string{"match[]", `{model=~".*"}`}},
		{"/series", "bad_data", `invalid parameter "match[]"`, 400, []string{"match[]", `{`}},
		{"/labels", "bad_data", `invalid parameter "limit"`, 400, []string{"limit", "-1"}},
		{"/rules", "bad_data", "not supported value", 400, []string{"type", "x"}},
	} {
		r := b.get(one.path, one.kv...)
		require.Equal(t, one.code, r.code, "%s %v: %s", one.path, one.kv, r.Error)
		require.Equal(t, "error", r.Status)
		require.Equal(t, one.kind, r.ErrorType, r.Error)
		require.Contains(t, r.Error, one.contains)
	}
}

func TestLabelRoutes(t *testing.T) {
	b := newBench(t, nil)
	b.commit(
		b.call(testNow.Add(-time.Hour), func(c *usage.Call) { c.KeyFingerprint = "k1" }),
		b.call(testNow.Add(-10*24*time.Hour), func(c *usage.Call) { c.Model, c.Provider = models[3], "openai" }),
		b.call(testNow.Add(-time.Hour), func(c *usage.Call) { c.Service = "bad \xff" }),
	)
	require.Equal(t, []string{models[3], "m"}, (read[[]string](b, b.get("/label/model/values"))))
	require.Equal(t, []string{"m"}, read[[]string](b, b.get("/label/model/values", "match[]", `tokenboard_calls_total{provider="p"}`)))
	require.Equal(t, []string{models[3]}, read[[]string](b, b.get("/label/model/values", "end", seconds(testNow.Add(-48*time.Hour)))))
	require.Equal(t, []string{"bad \uFFFD", "s"}, read[[]string](b, b.get("/label/service/values")))
	require.Equal(t, []string{"name of k1"}, read[[]string](b, b.get("/label/key/values")))
	require.Equal(t, []string{"tokenboard"}, read[[]string](b, b.get("/label/instance/values", "match[]", "tokenboard_calls_total")))
	require.Contains(t, read[[]string](b, b.get("/label/__name__/values")), "tokenboard_call_duration_seconds_bucket")
	require.Equal(t, []string{"__name__", "instance", "job", "key", "kind", "le", "model", "provider", "service", "status"}, read[[]string](b, b.get("/labels")))
	series := read[[]map[string]string](b, b.get("/series", "match[]", `tokenboard_tokens_total{key!=""}`, "match[]", `tokenboard_errors_total{key!=""}`))
	require.Len(t, series, 3)
	r := b.get("/label/__name__/values", "limit", "2")
	require.Len(t, read[[]string](b, r), 2)
	require.Len(t, r.Warnings, 1)
	require.Contains(t, r.Warnings[0], "truncated")
	require.Equal(t, 400, b.get("/label/%ff/values").code)
	require.Equal(t, "3.16.0", read[map[string]string](b, b.get("/status/buildinfo"))["version"])
	require.Empty(t, read[[]string](b, b.get("/query_exemplars", "query", "x")))
}

// gauges returns a Gather with one gauge each.
func gauges(values map[string]float64) func() ([]*dto.MetricFamily, error) {
	return func() (out []*dto.MetricFamily, _ error) {
		for name, v := range values {
			out = append(out, &dto.MetricFamily{Name: new(name), Type: dto.MetricType_GAUGE.Enum(), Metric: []*dto.Metric{{Gauge: &dto.Gauge{Value: new(v)}}}})
		}
		return out, nil
	}
}

func TestMetadataAndNow(t *testing.T) {
	b := newBench(t, func(_ *ledger.Options, o *Options) {
		o.Metrics = []Metric{{"tokenboard_calls_total", "counter", "Calls."}, {"tokenboard_store_size_bytes", "gauge", "Bytes."}}
	})
	committed := testNow.Add(-2 * time.Hour)
	b.commit(b.call(testNow.Add(-3*time.Hour), nil))
	require.Len(t, read[map[string]any](b, b.get("/metadata")), 1, "without the permission to read metrics only those of calls")
	b.view.Gather = gauges(map[string]float64{
		"tokenboard_store_size_bytes": 77, "tokenboard_store_records": 5, "tokenboard_calls_total": 99,
		"tokenboard_store_last_commit_timestamp_seconds": float64(committed.UnixMilli()) / 1000,
	})
	require.Len(t, read[map[string]any](b, b.get("/metadata")), 2)
	require.Len(t, read[map[string]any](b, b.get("/metadata", "metric", "tokenboard_calls_total")), 1)
	require.InDelta(t, 77, b.instant("tokenboard_store_size_bytes", testNow)[0].F, 0)
	require.Empty(t, b.instant("tokenboard_store_size_bytes", testNow.Add(-time.Hour)))
	require.InDelta(t, 5, b.instant("tokenboard_store_records", testNow)[0].F, 0)
	require.InDelta(t, 1, b.instant("tokenboard_store_records", testNow.Add(-time.Hour))[0].F, 0)
	require.Empty(t, b.instant("tokenboard_store_records", testNow.Add(-4*time.Hour)))
	require.InDelta(t, 1, b.instant("tokenboard_calls_total", testNow)[0].F, 0, "counters of calls are the ledger's")
	require.InDelta(t, 7200, b.instant("time() - tokenboard_store_last_commit_timestamp_seconds", testNow)[0].F, 1e-3)
	require.InDelta(t, 3600, b.instant("time() - tokenboard_store_last_commit_timestamp_seconds", testNow.Add(-time.Hour))[0].F, 1e-3)
	require.Empty(t, b.instant("tokenboard_store_last_commit_timestamp_seconds", testNow.Add(-150*time.Minute)))
	v := url.Values{"query": {"rate(tokenboard_store_size_bytes[1h])"}, "start": {seconds(testNow.Add(-time.Hour))}, "end": {seconds(testNow)}, "step": {"60"}}
	r := b.ask(http.MethodGet, "/query_range", v)
	require.Empty(t, read[result](b, r).Result)
	require.Contains(t, strings.Join(r.Infos, ""), "has no past here")
}

func TestRules(t *testing.T) {
	rules := `
groups:
- name: g
  rules:
  - {alert: Firing, expr: 'sum by (model) (increase(tokenboard_calls_total[1h])) > 2', for: 10m, labels: {severity: warning}, annotations: {summary: 'model {{ .Labels.model }}'}}
  - {alert: Pending, expr: 'sum(increase(tokenboard_calls_total[1h])) > 3', for: 10m}
  - {alert: Inactive, expr: 'sum(increase(tokenboard_calls_total[1h])) > 4', for: 10m}
  - {alert: AtOnce, expr: 'sum(tokenboard_calls_total) > 0'}
`
	b := newBench(t, func(_ *ledger.Options, o *Options) { o.Rules = []byte(rules) })
	for _, before := range []int{30, 25, 20, 5} {
		b.commit(b.call(testNow.Add(-time.Duration(before)*time.Minute), nil))
	}
	got := read[struct {
		Groups []struct {
			Name  string
			Rules []struct {
				Name, State, Health string
				Alerts              []struct{ Labels, Annotations map[string]string }
			}
		}
	}](b, b.get("/rules"))
	require.Len(t, got.Groups, 1)
	states := map[string]string{}
	for _, r := range got.Groups[0].Rules {
		require.Equal(t, "ok", r.Health)
		states[r.Name] = r.State
	}
	require.Equal(t, map[string]string{"Firing": "firing", "Pending": "pending", "Inactive": "inactive", "AtOnce": "firing"}, states)
	firing := got.Groups[0].Rules[0].Alerts[0]
	require.Equal(t, map[string]string{"model": "m", "alertname": "Firing", "severity": "warning"}, firing.Labels)
	require.Equal(t, "model m", firing.Annotations["summary"])
	alerts := read[struct {
		Alerts []struct {
			State    string
			ActiveAt time.Time
		}
	}](b, b.get("/alerts"))
	require.Len(t, alerts.Alerts, 3)
	require.Empty(t, read[struct{ Groups []any }](b, b.get("/rules", "type", "record")).Groups)

	_, err := New(Options{Ledger: b.ledger, Rules: []byte("groups: [{rules: [{alert: x, expr: '('}]}]")})
	require.ErrorContains(t, err, "alert rule x")
}
