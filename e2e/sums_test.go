package e2e

import (
	"bufio"
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"net/url"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/captured"
	"github.com/tokenboard/tokenboard/internal/jsonlines"
)

// sums are the figures that every reader must agree on.
type sums struct {
	Calls      int64 `json:"api_call_count"`
	Errors     int64 `json:"error_count"`
	NoUsage    int64 `json:"no_usage_count"`
	Input      int64 `json:"input_tokens"`
	Output     int64 `json:"output_tokens"`
	CacheRead  int64 `json:"cache_read_tokens"`
	CacheWrite int64 `json:"cache_write_tokens"`
	Reasoning  int64 `json:"reasoning_tokens"`
	Cost       nano  `json:"cost_usd"`
	Unpriced   int64 `json:"unpriced_count"`
}

// nano is money in 10^-9 USD, read from a decimal number of USD; null is nothing.
type nano int64

func (n *nano) UnmarshalJSON(b []byte) error {
	if string(b) == "null" {
		return nil
	}
	usd, err := strconv.ParseFloat(string(b), 64)
	*n = nano(math.Round(usd * 1e9))
	return err
}

func (s *sums) add(o sums) {
	s.Calls += o.Calls
	s.Errors += o.Errors
	s.NoUsage += o.NoUsage
	s.Input += o.Input
	s.Output += o.Output
	s.CacheRead += o.CacheRead
	s.CacheWrite += o.CacheWrite
	s.Reasoning += o.Reasoning
	s.Cost += o.Cost
	s.Unpriced += o.Unpriced
}

type modelSums struct {
	Model    string `json:"model"`
	Provider string `json:"provider"`
	sums
}

type stats struct {
	sums
	Used   int64       `json:"used_tokens"`
	Models []modelSums `json:"models"`
}

// item is what the sums of a log entry are made of.
type item struct {
	ID         string    `json:"id"`
	Time       time.Time `json:"time"`
	Failed     bool      `json:"failed"`
	Input      *int64    `json:"input_tokens"`
	Output     *int64    `json:"output_tokens"`
	CacheRead  *int64    `json:"cache_read_tokens"`
	CacheWrite *int64    `json:"cache_write_tokens"`
	Reasoning  *int64    `json:"reasoning_tokens"`
	Cost       *nano     `json:"cost_usd"`
	Counted    bool      `json:"counted"`
}

func (i item) sums() sums {
	value := func(n *int64) int64 {
		if n == nil {
			return 0
		}
		return *n
	}
	s := sums{
		Calls: 1, Input: value(i.Input), Output: value(i.Output), CacheRead: value(i.CacheRead),
		CacheWrite: value(i.CacheWrite), Reasoning: value(i.Reasoning),
	}
	if i.Failed {
		s.Errors = 1
	}
	if i.Input == nil && i.Output == nil {
		s.NoUsage = 1
	}
	switch {
	case i.Cost != nil:
		s.Cost = *i.Cost
	case s.NoUsage == 0:
		s.Unpriced = 1
	}
	return s
}

// billed are the sums of the calls that have usage.
func billed(s sums) captured.Sums {
	return captured.Sums{
		Calls: s.Calls - s.NoUsage, Input: s.Input, Output: s.Output, CacheRead: s.CacheRead, CacheWrite: s.CacheWrite, Reasoning: s.Reasoning,
	}
}

// keepAll keeps calls of any age: captures have the times of their recording.
var keepAll = []string{"--config", "../examples/quickstart/config.yaml", "--config", "yaml:extensions::tokenstore::retention::max_age: 0"}

// TestCaptures replays real telemetry into the binary, all signals, shuffled, every request twice:
// every reader shows what a perfect accountant can know from it, before a restart and after.
func TestCaptures(t *testing.T) {
	for seed, name := range []string{"vercel-ai", "openllmetry", "openinference", "claude-code", "gemini-cli",
		"codex", "genkit", "langfuse", "langsmith", "openai-agents", "openlit", "qwen-code", "vercel-ai-7"} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join("..", "testdata", "captures", name)
			truth, err := captured.Read(dir)
			require.NoError(t, err)

			data := t.TempDir()
			p := run(t, data, keepAll...)
			type request struct {
				signal string
				body   []byte
			}
			var requests []request
			for _, signal := range []string{"traces", "logs", "metrics"} {
				for _, line := range jsonlines.Read(t, filepath.Join(dir, signal+".jsonl")) {
					requests = append(requests, request{signal, line}, request{signal, line})
				}
			}
			require.NotEmpty(t, requests)
			rng := rand.New(rand.NewPCG(uint64(seed), 3))
			rng.Shuffle(len(requests), func(i, j int) { requests[i], requests[j] = requests[j], requests[i] })
			for _, r := range requests {
				require.True(t, p.send(context.Background(), r.signal, r.body), r.signal)
			}

			s := get[stats](p, "/stats")
			require.Equal(t, truth.Countable.Sums, billed(s.sums))
			byModel := map[string]captured.Sums{}
			for _, m := range s.Models {
				if f := billed(m.sums); f.Calls > 0 {
					require.NotContains(t, byModel, m.Model)
					byModel[m.Model] = f
				}
			}
			if name != "langsmith" { // its truth goes by the requested model, we by the one that answered
				require.Equal(t, truth.Countable.ByModel, byModel)
			}
			requireSameSums(t, p, s)

			p.stop(syscall.SIGTERM)
			again := run(t, data, keepAll...)
			require.Equal(t, s, get[stats](again, "/stats"))
			again.stop(syscall.SIGTERM)
		})
	}
}

// requireSameSums compares all readers with the stats.
func requireSameSums(t *testing.T, p *process, want stats) {
	t.Helper()
	require.Equal(t, want.Input+want.Output, want.Used)
	var logged sums
	seen := map[string]bool{}
	var first, last time.Time
	limit := "7"
	if want.Calls > 10_000 {
		limit = "200"
	}
	for cursor := ""; ; {
		page := get[struct {
			Items      []item
			NextCursor string `json:"next_cursor"`
		}](p, "/logs?limit="+limit+"&cursor="+cursor)
		for _, i := range page.Items {
			require.False(t, seen[i.ID], "one entry on two pages")
			seen[i.ID] = true
			require.True(t, i.Counted)
			logged.add(i.sums())
			if last.IsZero() {
				last = i.Time
			}
			first = i.Time
		}
		if cursor = page.NextCursor; cursor == "" {
			break
		}
	}
	require.Equal(t, want.sums, logged)

	for _, by := range []string{"model", "key", "model,key", "user,status", "operation,service"} {
		b := get[struct {
			Rows  []sums
			Total sums
		}](p, "/breakdown?limit=1000&by="+by)
		var rows sums
		for _, r := range b.Rows {
			rows.add(r)
		}
		require.Equal(t, want.sums, rows, by)
		require.Equal(t, want.sums, b.Total, by)
	}

	// captures have the times of their recording: the last 90 days may not hold them
	from, to := first.Add(-36*time.Hour).Format(time.RFC3339), last.Add(36*time.Hour).Format(time.RFC3339)

	type series struct {
		Group  string
		Points []sums
	}
	for _, zone := range []string{"UTC", "Asia/Kolkata", "America/New_York"} {
		for _, interval := range []string{"day", "hour"} {
			q := url.Values{"from": {from}, "to": {to}, "timezone": {zone}, "interval": {interval}, "group_by": {"model"}, "top": {"2"}}
			trend := get[struct {
				Points []sums
				Series []series
			}](p, "/usage-trend?"+q.Encode())
			var points, grouped sums
			for _, pt := range trend.Points {
				points.add(pt)
			}
			for _, g := range trend.Series {
				for _, pt := range g.Points {
					grouped.add(pt)
				}
			}
			require.Equal(t, want.sums, points, "%s %s", zone, interval)
			require.Equal(t, want.sums, grouped, "%s %s", zone, interval)
		}
	}

	var doc struct {
		Stats stats
		Trend struct{ Points []sums }
		Logs  []item
	}
	require.NoError(t, json.Unmarshal([]byte(p.text("/api/console/export?from="+from+"&to="+to)), &doc))
	var exported, trend sums
	for _, i := range doc.Logs {
		exported.add(i.sums())
	}
	for _, pt := range doc.Trend.Points {
		trend.add(pt)
	}
	require.Equal(t, want.sums, exported)
	require.Equal(t, want.sums, trend)
	require.Equal(t, want.sums, doc.Stats.sums)
	require.Equal(t, want.sums, ndjsonSums(t, p))
	require.Equal(t, want.sums, csvSums(t, p))
	require.Equal(t, want.sums, metricSums(t, p))
}

func ndjsonSums(t *testing.T, p *process) (out sums) {
	sc := bufio.NewScanner(strings.NewReader(p.text("/api/console/export?format=ndjson")))
	sc.Buffer(nil, 1<<20)
	for sc.Scan() {
		var i item
		require.NoError(t, json.Unmarshal(sc.Bytes(), &i))
		out.add(i.sums())
	}
	return out
}

func csvSums(t *testing.T, p *process) (out sums) {
	rows, err := csv.NewReader(strings.NewReader(strings.TrimPrefix(p.text("/api/console/export?format=csv"), "\uFEFF"))).ReadAll()
	require.NoError(t, err)
	column := map[string]int{}
	for i, name := range rows[0] {
		column[name] = i
	}
	for _, row := range rows[1:] {
		n := func(name string) *int64 {
			if row[column[name]] == "" {
				return nil
			}
			v, err := strconv.ParseInt(row[column[name]], 10, 64)
			require.NoError(t, err)
			return &v
		}
		i := item{
			Failed: row[column["failed"]] == "true", Input: n("input_tokens"), Output: n("output_tokens"),
			CacheRead: n("cache_read_tokens"), CacheWrite: n("cache_write_tokens"), Reasoning: n("reasoning_tokens"),
		}
		if text := row[column["cost_usd"]]; text != "" {
			i.Cost = new(nano)
			require.NoError(t, i.Cost.UnmarshalJSON([]byte(text)))
		}
		out.add(i.sums())
	}
	return out
}

func metricSums(t *testing.T, p *process) sums {
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(p.text("/metrics")))
	require.NoError(t, err)
	total := func(name, kind string) (n int64) {
		f := families["tokenboard_"+name]
		require.NotNil(t, f, name)
		for _, m := range f.Metric {
			match := kind == ""
			for _, l := range m.Label {
				match = match || (l.GetName() == "kind" && l.GetValue() == kind)
			}
			if match {
				v := m.Counter.GetValue()
				if name == "cost_usd_total" {
					v *= 1e9
				}
				n += int64(math.Round(v))
			}
		}
		return n
	}
	s := sums{
		Calls: total("calls_total", ""), Errors: total("errors_total", ""), NoUsage: total("calls_without_usage_total", ""),
		CacheRead: total("tokens_total", "cache_read"), CacheWrite: total("tokens_total", "cache_write"), Reasoning: total("tokens_total", "reasoning"),
		Cost: nano(total("cost_usd_total", "")), Unpriced: total("unpriced_calls_total", ""),
	}
	s.Input = total("tokens_total", "input_uncached") + s.CacheRead + s.CacheWrite
	s.Output = total("tokens_total", "output_text") + s.Reasoning
	return s
}

// span is an OTLP/JSON request with one call.
func span(trace, id int, startNano int64, attributes string) []byte {
	return []byte(fmt.Sprintf(`{"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"e2e"}}]},
"scopeSpans":[{"scope":{"name":"e2e"},"spans":[{"traceId":"%032x","spanId":"%016x","name":"chat m","kind":3,
"startTimeUnixNano":"%d","endTimeUnixNano":"%d","attributes":[{"key":"gen_ai.operation.name","value":{"stringValue":"chat"}},
{"key":"gen_ai.response.model","value":{"stringValue":"m"}},%s]}]}]}]}`, trace, id, startNano, startNano+1_000_000_000, attributes))
}
