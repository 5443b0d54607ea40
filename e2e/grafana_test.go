package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/prometheus/promql/parser"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/tokenboard/tokenboard/internal/jsonlines"
)

// prometheusServer is a real Prometheus that scrapes a binary.
type prometheusServer struct {
	name string
	t    *testing.T
	url  string
	out  *buffer
}

// startPrometheus starts one that scrapes each second; with native, it takes native histograms in the
// place of classic ones.
func startPrometheus(t *testing.T, p *process, native bool) *prometheusServer {
	dir, address := t.TempDir(), freeAddress(t)
	rules, err := filepath.Abs("../dashboards/alerts/prometheus.yaml")
	require.NoError(t, err)
	config := fmt.Sprintf("global: {scrape_interval: 1s, evaluation_interval: 1s}\nrule_files: [%s]\n"+
		"scrape_configs: [{job_name: tokenboard, static_configs: [{targets: [%s]}]}]\n", rules, strings.TrimPrefix(p.console, "http://"))
	file := filepath.Join(dir, "prometheus.yml")
	require.NoError(t, os.WriteFile(file, []byte(config), 0o600))
	args := []string{"--config.file=" + file, "--storage.tsdb.path=" + filepath.Join(dir, "data"), "--web.listen-address=" + address}
	s := &prometheusServer{name: "classic", t: t, url: "http://" + address, out: &buffer{}}
	if native {
		s.name = "native"
		args = append(args, "--enable-feature=native-histograms")
	}
	cmd := exec.Command("prometheus", args...)
	cmd.Stdout, cmd.Stderr = s.out, s.out
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	return s
}

// answer is what Prometheus' API says.
type answer struct {
	Status, Error string
	Data          json.RawMessage
}

func (s *prometheusServer) get(path string, values url.Values, into any) error {
	res, err := http.Get(s.url + "/api/v1/" + path + "?" + values.Encode())
	if err != nil {
		return err
	}
	defer res.Body.Close()
	var a answer
	if err := json.NewDecoder(res.Body).Decode(&a); err != nil {
		return err
	}
	if a.Status != "success" {
		return fmt.Errorf("%s: %s", path, a.Error)
	}
	return json.Unmarshal(a.Data, into)
}

// series is one of an answer: an instant or a range, of numbers or of native histograms.
type series struct {
	Metric     map[string]string
	Value      [2]any
	Values     [][2]any
	Histogram  []any
	Histograms []any
}

// query runs a query, over a range or at once.
func (s *prometheusServer) query(expr string, overRange bool) ([]series, error) {
	now := time.Now()
	path, values := "query", url.Values{"query": {expr}}
	if overRange {
		path = "query_range"
		values.Set("start", strconv.FormatInt(now.Add(-time.Minute).Unix(), 10))
		values.Set("end", strconv.FormatInt(now.Unix(), 10))
		values.Set("step", "2")
	}
	var out struct{ Result []series }
	err := s.get(path, values, &out)
	return out.Result, err
}

// hasData reports whether there is a valid number, or a histogram.
func hasData(all []series) bool {
	finite := func(v [2]any) bool {
		text, ok := v[1].(string)
		if !ok {
			return false
		}
		f, err := strconv.ParseFloat(text, 64)
		return err == nil && !math.IsNaN(f) && !math.IsInf(f, 0)
	}
	return slices.ContainsFunc(all, func(s series) bool {
		return finite(s.Value) || slices.ContainsFunc(s.Values, finite) || len(s.Histogram) > 0 || len(s.Histograms) > 0
	})
}

// panel is a panel of a dashboard, or a row with panels.
type panel struct {
	Title   string
	Targets []struct {
		Expr  string
		Range bool
	}
	Panels []panel
}

type dashboard struct {
	Title      string
	Templating struct {
		List []struct {
			Name, Type string
			Query      json.RawMessage
		}
	}
	Panels      []panel
	Annotations struct {
		List []struct{ Name, Expr string }
	}
}

func readDashboards(t *testing.T, p *process) (all []dashboard) {
	for _, d := range get[[]struct{ JSON string }](p, "/dashboards") {
		var one dashboard
		require.NoError(t, json.Unmarshal([]byte(p.text(d.JSON)), &one))
		all = append(all, one)
	}
	require.NotEmpty(t, all)
	return all
}

// filled puts values in the place of variables, as Grafana does; a variable without a value is all.
func filled(expr string, values map[string][]string) string {
	expr = strings.NewReplacer("$__rate_interval", "5m", "$__range", "10m", "$__interval", "15s").Replace(expr)
	return regexp.MustCompile(`"\$(\w+)"`).ReplaceAllStringFunc(expr, func(v string) string {
		chosen := values[strings.Trim(v, `"$`)]
		if len(chosen) == 0 {
			return `".*"`
		}
		quoted := make([]string, len(chosen))
		for i, c := range chosen {
			quoted[i] = regexp.QuoteMeta(c)
		}
		return strconv.Quote("(" + strings.Join(quoted, "|") + ")")
	})
}

// selectorsIn returns the selectors of series in a query.
func selectorsIn(t *testing.T, expr string) (all []*parser.VectorSelector) {
	t.Helper()
	e, err := parser.NewParser(parser.Options{}).ParseExpr(expr)
	require.NoError(t, err, expr)
	parser.Inspect(e, func(n parser.Node, _ []parser.Node) error {
		if v, ok := n.(*parser.VectorSelector); ok {
			all = append(all, v)
		}
		return nil
	})
	return all
}

// queries runs queries.
type queries struct {
	servers []*prometheusServer
	emitted map[string]bool // names of metrics
}

// selects requires that each selector of a query finds series, which an "or vector(0)" would hide. The
// form of a histogram that one server does not take is found in the other.
func (g *queries) selects(t *testing.T, what, expr string) {
	t.Helper()
	for _, v := range selectorsIn(t, expr) {
		require.True(t, g.emitted[v.Name], "%s: there is no metric %s", what, v.Name)
		alone := &parser.VectorSelector{Name: v.Name, LabelMatchers: v.LabelMatchers}
		found := slices.ContainsFunc(g.servers, func(s *prometheusServer) bool {
			all, err := s.query(alone.String(), false)
			require.NoError(t, err)
			return len(all) > 0
		})
		require.True(t, found, "%s: nothing is %s", what, alone)
	}
}

// needsHistory reports whether a query has no value until Prometheus has watched for long: a change against
// the range before, and a rule that compares with the day before. promtool tests them over made series
// (dashboards/queries, dashboards/alerts/prometheus_test.yaml).
func needsHistory(expr string) bool {
	return strings.Contains(expr, "last_over_time(") || strings.Contains(expr, "offset 23h")
}

// runs requires that a query has data in each server.
func (g *queries) runs(t *testing.T, what, expr string, overRange bool) {
	t.Helper()
	for _, s := range g.servers {
		deadline := time.Now().Add(30 * time.Second)
		for {
			all, err := s.query(expr, overRange)
			require.NoError(t, err, "%s: %s", what, expr)
			if needsHistory(expr) {
				require.Empty(t, all, what)
				break
			}
			if hasData(all) {
				break
			}
			require.True(t, time.Now().Before(deadline), "%s (%s histograms) has no data: %s", what, s.name, expr)
			time.Sleep(200 * time.Millisecond)
		}
	}
}

var labelValues = regexp.MustCompile(`^label_values\((\w+(?:\{.*\})?), (\w+)\)$`)

// ours is a span of one streamed call with everything that metrics cover. Few of the calls fail.
func ours(trace, id int, key string) []byte {
	attributes := fmt.Sprintf(`{"key":"gen_ai.provider.name","value":{"stringValue":"openai"}},{"key":"gen_ai.request.api_key","value":{"stringValue":%q}},
{"key":"gen_ai.usage.input_tokens","value":{"intValue":"400000"}},{"key":"gen_ai.usage.cache_read.input_tokens","value":{"intValue":"1000"}},
{"key":"gen_ai.usage.output_tokens","value":{"intValue":"500"}},{"key":"gen_ai.usage.reasoning.output_tokens","value":{"intValue":"100"}},
{"key":"gen_ai.response.time_to_first_chunk","value":{"doubleValue":0.25}},{"key":"http.response.status_code","value":{"intValue":"200"}}`, key)
	if id%5 == 0 {
		attributes = fmt.Sprintf(`{"key":"gen_ai.provider.name","value":{"stringValue":"openai"}},{"key":"gen_ai.request.api_key","value":{"stringValue":%q}},
{"key":"error.type","value":{"stringValue":"overloaded"}},{"key":"http.response.status_code","value":{"intValue":"503"}}`, key)
	}
	body := span(trace, id, time.Now().Add(-2*time.Second).UnixNano(), attributes)
	return bytes.ReplaceAll(body, []byte(`{"stringValue":"m"}`), []byte(`{"stringValue":"gpt-4o"}`))
}

// TestGrafana replays captures, has a real Prometheus scrape the binary, once with classic and once with
// native histograms, and runs every query of every panel, variable and alert rule: each parses, names
// only metrics that there are, and returns data; and the overview's totals are those of /stats.
func TestGrafana(t *testing.T) {
	for _, tool := range []string{"prometheus", "promtool"} {
		if _, err := exec.LookPath(tool); err != nil && os.Getenv("TOKENBOARD_GRAFANA") == "" {
			t.Skipf("%s is missing; sh tools/install-test-packages.sh installs it", tool)
		}
	}
	data := t.TempDir()
	settings := append(slices.Clone(keepAll), "--config", "yaml:extensions::tokenconsole::quota::tokens: 100000000")
	p := run(t, data, settings...)
	key := createKey(t, p, `{"name":"build farm","limits":{"tokens":{"day":5000000,"total":1000000000},"usd":{"month":1000}}}`)

	// Nothing scrapes meanwhile: what is superseded was never shown.
	captures, err := os.ReadDir("../testdata/captures")
	require.NoError(t, err)
	for _, c := range captures {
		for _, signal := range []string{"traces", "logs"} {
			for _, line := range jsonlines.Read(t, filepath.Join("..", "testdata", "captures", c.Name(), signal+".jsonl")) {
				require.True(t, p.send(context.Background(), signal, line), c.Name())
			}
		}
	}
	send := func(trace int) {
		for i := range 30 {
			require.True(t, p.send(context.Background(), "traces", ours(trace, i+1, key)))
		}
	}
	send(1)
	servers := []*prometheusServer{startPrometheus(t, p, false), startPrometheus(t, p, true)}
	sameAsStats := func() {
		t.Helper()
		want := get[stats](p, "/stats").sums
		for _, s := range servers {
			p.waitFor(func() bool {
				all, err := s.query("sum(tokenboard_calls_total)", false)
				return err == nil && len(all) == 1 && all[0].Value[1] == strconv.FormatInt(want.Calls, 10)
			})
		}
	}
	sameAsStats()
	servers[0].requireSameCounters(p)
	send(2) // every counter of these series goes up between two scrapes
	sameAsStats()

	g := &queries{servers: servers, emitted: map[string]bool{}}
	for _, s := range servers {
		var names []string
		require.NoError(t, s.get("label/__name__/values", nil, &names))
		for _, n := range names {
			g.emitted[n] = true
		}
	}
	for _, d := range readDashboards(t, p) {
		t.Run(d.Title, func(t *testing.T) {
			chosen := map[string][]string{}
			for _, v := range d.Templating.List {
				if v.Type != "query" {
					continue
				}
				var q struct{ Query string }
				require.NoError(t, json.Unmarshal(v.Query, &q))
				m := labelValues.FindStringSubmatch(filled(q.Query, chosen))
				require.NotNil(t, m, q.Query)
				require.True(t, g.emitted[selectorsIn(t, m[1])[0].Name])
				for _, s := range servers {
					var values []string
					require.NoError(t, s.get("label/"+m[2]+"/values", url.Values{"match[]": {m[1]}}, &values))
					require.NotEmpty(t, values, "%s of %s", v.Name, s.name)
					chosen[v.Name] = values
				}
			}
			for name, v := range map[string]string{"provider": "openai", "model": "gpt-4o", "service": "e2e", "key": "build farm"} {
				if len(chosen[name]) > 0 {
					require.Contains(t, chosen[name], v)
					chosen[name] = []string{v}
				}
			}
			require.Len(t, d.Annotations.List, 2)
			for _, a := range d.Annotations.List {
				g.selects(t, a.Name, filled(a.Expr, nil))
				for _, s := range servers {
					_, err := s.query(filled(a.Expr, chosen), true)
					require.NoError(t, err, a.Name)
				}
			}
			for _, row := range d.Panels {
				for _, panel := range append(row.Panels, row) {
					for _, target := range panel.Targets {
						g.selects(t, panel.Title, filled(target.Expr, nil))
						g.runs(t, panel.Title, filled(target.Expr, nil), target.Range)
						g.runs(t, panel.Title+", chosen", filled(target.Expr, chosen), target.Range)
					}
				}
			}
		})
	}
	t.Run("alerts", func(t *testing.T) { requireAlerts(t, g) })
	t.Run("totals", func(t *testing.T) { requireTotals(t, p, servers) })
	t.Run("promtool", func(t *testing.T) {
		check := exec.Command("promtool", "check", "metrics")
		check.Stdin = strings.NewReader(p.text("/metrics"))
		out, err := check.CombinedOutput()
		require.NoError(t, err, string(out))
		require.Empty(t, string(out))
		for dir, args := range map[string][]string{
			"../dashboards":       {"test", "rules", "alerts/prometheus_test.yaml"},
			"../examples/grafana": {"check", "config", "prometheus.yml"},
		} {
			tool := exec.Command("promtool", args...)
			tool.Dir = dir
			out, err = tool.CombinedOutput()
			require.NoError(t, err, string(out))
		}
	})
	t.Run("restart", func(t *testing.T) {
		want := metricSums(t, p)
		p.stop(syscall.SIGTERM)
		again := run(t, data, settings...)
		require.Equal(t, want, metricSums(t, again), "counters do not go on where they were")
		again.stop(syscall.SIGTERM)
	})
}

func createKey(t *testing.T, p *process, body string) string {
	res, err := http.Post(p.console+"/api/console/keys", "application/json", strings.NewReader(body))
	require.NoError(t, err)
	defer res.Body.Close()
	require.Equal(t, http.StatusCreated, res.StatusCode)
	var made struct{ Data struct{ Key string } }
	require.NoError(t, json.NewDecoder(res.Body).Decode(&made))
	require.NotEmpty(t, made.Data.Key)
	return made.Data.Key
}

// requireAlerts runs what Grafana's rules compare, and looks at Prometheus' own evaluation of its rules.
func requireAlerts(t *testing.T, g *queries) {
	raw, err := os.ReadFile("../dashboards/alerts/grafana.yaml")
	require.NoError(t, err)
	var provisioned struct {
		Groups []struct {
			Rules []struct {
				Title string
				Data  []struct {
					DatasourceUID string `yaml:"datasourceUid"`
					Model         struct{ Expr string }
				}
			}
		}
	}
	require.NoError(t, yaml.Unmarshal(raw, &provisioned))
	n := 0
	for _, rule := range provisioned.Groups[0].Rules {
		for _, d := range rule.Data {
			if d.DatasourceUID != "__expr__" {
				g.selects(t, rule.Title, d.Model.Expr)
				g.runs(t, rule.Title, d.Model.Expr, false)
				n++
			}
		}
	}
	require.Equal(t, 6, n)
	for _, s := range g.servers {
		var out struct {
			Groups []struct {
				Rules []struct{ Name, State, Health, LastError string }
			}
		}
		require.Eventually(t, func() bool {
			require.NoError(t, s.get("rules", nil, &out))
			healthy := 0
			states := map[string]string{}
			for _, r := range out.Groups[0].Rules {
				if r.Health == "ok" {
					healthy++
				}
				states[r.Name] = r.State
			}
			// the day's budget of tokens is used up; some calls fail
			return healthy == 6 && states["TokenboardBudgetNearlyUsed"] == "firing" && states["TokenboardBudgetUsedUp"] == "firing" && states["TokenboardErrorRatio"] != "inactive"
		}, 30*time.Second, 200*time.Millisecond, "%v", out)
	}
}

// requireTotals compares the overview's totals of all calls with the stats.
func requireTotals(t *testing.T, p *process, servers []*prometheusServer) {
	want := get[stats](p, "/stats")
	all := map[string]float64{
		"Calls, all time": float64(want.Calls), "Tokens, all time": float64(want.Used),
		"Cost, all time": float64(want.Cost) / 1e9, "Errors, all time": float64(want.Errors),
	}
	for _, d := range readDashboards(t, p) {
		for _, panel := range d.Panels {
			figure, total := all[panel.Title]
			if !total {
				continue
			}
			delete(all, panel.Title)
			for _, s := range servers {
				got, err := s.query(filled(panel.Targets[0].Expr, nil), false)
				require.NoError(t, err)
				require.Len(t, got, 1)
				v, err := strconv.ParseFloat(got[0].Value[1].(string), 64)
				require.NoError(t, err)
				require.InEpsilon(t, figure, v, 1e-12, panel.Title)
			}
		}
	}
	require.Empty(t, all, "the overview has no such panels")
}
