package stats_test

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"math"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/parquet-go/parquet-go"
	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/console/api"
	"github.com/tokenboard/tokenboard/internal/console/consoletest"
	"github.com/tokenboard/tokenboard/internal/console/stats"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// twoWeeks commits calls of 600 users in two weeks before the test's time: some only in the first, some only in the second, some without a price.
func twoWeeks(t *testing.T, b *consoletest.Bench) (week, before string) {
	t.Helper()
	begin := consoletest.TestNow.Add(-7 * 24 * time.Hour)
	var batch usage.Batch
	for i := range 1200 {
		c := usage.Call{
			Role: usage.RoleCall, Start: begin.Add(time.Duration(i%700-350) * 13 * time.Minute), Model: fmt.Sprint("m", i%13), Provider: "p", User: fmt.Sprint("u", i*7%600),
			Tokens:       usage.Tokens{InputUncached: int64(1000 + i*37%977), CacheRead: int64(i % 5 * 100), OutputText: int64(i % 91), Fields: usage.HasInput | usage.HasOutput | usage.HasCacheRead},
			ReportedCost: usage.NanoUSD(1 + i*7919%1_000_003), HasReportedCost: i%17 != 0, Duration: time.Duration(1+i%9) * time.Second, TTFT: time.Duration(1+i%4) * 100 * time.Millisecond,
			Failed: i%23 == 0, Session: fmt.Sprint("s", i%40), Environment: []string{"", "prod"}[i%2], Scope: fmt.Sprint("sdk", i%3),
		}
		if c.Failed {
			c.ErrorType, c.Status = "timeout", 504
		}
		c.Trace, c.Span = usage.TraceID{9, byte(i), byte(i >> 8)}, usage.SpanID{9, byte(i), byte(i >> 8)}
		c.ID = usage.SpanRecordID(c.Trace, c.Span)
		batch.Calls = append(batch.Calls, c)
	}
	require.NoError(t, b.Ledger.Commit(context.Background(), batch))
	at := func(t time.Time) string { return url.QueryEscape(t.Format(time.RFC3339)) }
	return "from=" + at(begin) + "&to=" + at(consoletest.TestNow), "from=" + at(begin.Add(-7*24*time.Hour)) + "&to=" + at(begin)
}

// TestCompareIsBothRanges: a compared row has exactly the figures that both ranges have by themselves, their exact difference, and no row of either
// is missing, with more groups than a page has.
func TestCompareIsBothRanges(t *testing.T) {
	b := consoletest.NewBench(t, nil)
	week, before := twoWeeks(t, b)
	for _, by := range []string{"user", "model", "user,model", "session", "error_type", "environment,emitter"} {
		now, then := rowsOf(b, "/breakdown?times=true&by="+by+"&"+week), rowsOf(b, "/breakdown?times=true&by="+by+"&"+before)
		got := listOf(b, "/breakdown?times=true&sort=change&measure=cost_usd&against=before&by="+by+"&"+week)
		seen, last := map[string]bool{}, math.Inf(1)
		for _, r := range got {
			k := nameOf(&r)
			seen[k] = true
			a, z := now[k].Sums, then[k].Sums
			require.Equal(t, a, r.Sums, k)
			require.Equal(t, z, r.Compared.Before.Sums, k)
			require.Equal(t, minus(a, z), r.Compared.Difference.Sums, k)
			require.Equal(t, now[k].Latency, orNil(r.Latency), k)
			change := math.Abs(float64(r.Compared.Difference.Cost))
			require.LessOrEqual(t, change, last, "sorted by the size of the change")
			last = change
			if z.Cost == 0 {
				require.Nil(t, r.Compared.ChangeShare)
			} else {
				require.InDelta(t, float64(a.Cost-z.Cost)/float64(z.Cost), *r.Compared.ChangeShare, 1e-12)
			}
		}
		for k := range now {
			require.True(t, seen[k], k)
		}
		for k := range then {
			require.True(t, seen[k], k)
		}
	}
	whole := consoletest.Data[stats.Breakdown](b, "GET", "/breakdown?by=user&limit=1&top=5&rank_by=cost_usd&measure=cost_usd&against=before&"+week, "", 200)
	require.Greater(t, whole.Count, 500)
	sums := consoletest.Data[stats.Stats](b, "GET", "/stats?"+before, "", 200)
	require.Equal(t, sums.Cost, whole.Compared.Before.Cost)
	require.Equal(t, sums.Used, whole.Compared.Before.Total)
	require.Equal(t, sums.Unpriced, whole.Compared.Before.Unpriced)
	require.InDelta(t, 1, *whole.Compared.Contribution, 1e-12)
	for _, v := range whole.Ranking.Values {
		of := consoletest.Data[stats.Stats](b, "GET", "/stats?user="+*v.User+"&"+before, "", 200)
		require.Equal(t, of.Cost, v.Compared.Before.Cost)
	}
}

// rowsOf returns all rows of a breakdown by their names, page by page.
func rowsOf(b *consoletest.Bench, target string) map[string]stats.BreakdownRow {
	out := map[string]stats.BreakdownRow{}
	for _, r := range listOf(b, target) {
		out[nameOf(&r)] = r
	}
	return out
}

func listOf(b *consoletest.Bench, target string) (out []stats.BreakdownRow) {
	for cursor := ""; ; {
		page := consoletest.Data[stats.Breakdown](b, "GET", target+"&limit=397&cursor="+cursor, "", 200)
		out = append(out, page.Rows...)
		if cursor = page.NextCursor; cursor == "" {
			return out
		}
	}
}

func nameOf(r *stats.BreakdownRow) string {
	var out []string
	for _, v := range []*string{r.Model, r.User, r.Session, r.ErrorType, r.Environment, r.Emitter} {
		if v != nil {
			out = append(out, *v)
		}
	}
	return strings.Join(out, "|")
}

// TestSortedByAnyMeasure: pages follow the order of the measure, and rows of which it is not known come last both ways.
func TestSortedByAnyMeasure(t *testing.T) {
	b := consoletest.NewBench(t, nil)
	week, _ := twoWeeks(t, b)
	for name, of := range map[string]func(*stats.BreakdownRow) *float64{
		"error_rate": func(r *stats.BreakdownRow) *float64 { return r.ErrorRate }, "cache_share": func(r *stats.BreakdownRow) *float64 { return r.CacheShare },
		"latency_p95_ms": func(r *stats.BreakdownRow) *float64 { return r.Latency.P95 }, "tokens_per_second": func(r *stats.BreakdownRow) *float64 { return r.TokensPerSecond },
		"cost_per_call_usd": func(r *stats.BreakdownRow) *float64 { return money(r.CostPerCall) }, "cost_per_million_usd": func(r *stats.BreakdownRow) *float64 { return money(r.CostPerMillion) },
		"change_share": func(r *stats.BreakdownRow) *float64 { return r.Compared.ChangeShare },
	} {
		for _, order := range []string{"desc", "asc"} {
			rows := listOf(b, "/breakdown?by=user,model&times=true&against=before&measure=api_call_count&sort="+name+"&order="+order+"&"+week)
			require.Greater(t, len(rows), 500)
			ended := false
			for i := range rows {
				v := of(&rows[i])
				if v == nil {
					ended = true
					continue
				}
				require.False(t, ended, "%s %s: what is not known comes last", name, order)
				if i > 0 && order == "desc" {
					require.LessOrEqual(t, *v, *of(&rows[i-1]), name)
				} else if i > 0 {
					require.GreaterOrEqual(t, *v, *of(&rows[i-1]), name)
				}
			}
		}
	}
}

func money(m *api.Money) *float64 {
	if m == nil {
		return nil
	}
	v := float64(*m)
	return &v
}

// orNil makes a row without calls equal to one that is not there.
func orNil(q *stats.Quantiles) *stats.Quantiles {
	if q != nil && q.P50 == nil {
		return nil
	}
	return q
}

// TestCompareRanges: before, a year ago and a range of one's own are what they say.
func TestCompareRanges(t *testing.T) {
	b := consoletest.NewBench(t, nil)
	for against, want := range map[string][2]string{
		"before":                      {"2026-02-01T00:00:00Z", "2026-02-15T00:00:00Z"},
		"year":                        {"2025-02-15T00:00:00Z", "2025-03-01T00:00:00Z"},
		"2026-01-01T08:00:00%2B08:00": {"2026-01-01T00:00:00Z", "2026-01-15T00:00:00Z"},
		"1767225600&against_to=2026-01-01T12:00:00Z": {"2026-01-01T00:00:00Z", "2026-01-01T12:00:00Z"},
	} {
		got := consoletest.Data[stats.Breakdown](b, "GET", "/breakdown?by=model&from=2026-02-15T00:00:00Z&to=2026-03-01T00:00:00Z&against="+against, "", 200)
		require.Equal(t, want, [2]string{got.Against.From.Format(time.RFC3339), got.Against.To.Format(time.RFC3339)}, against)
	}
	for _, bad := range []string{
		"against=before", "against=never&from=1", "from=1&against_to=5", "sort=change", "against=5&against_to=3&from=1", "measure=mood", "quality=shiny",
	} {
		consoletest.RequireProblem(t, b.Do("GET", api.Base+"/breakdown?by=model&"+bad, "", nil), 400)
	}
}

// TestCompareExports: the three formats have all rows with what they were.
func TestCompareExports(t *testing.T) {
	b := consoletest.NewBench(t, nil)
	week, _ := twoWeeks(t, b)
	query := "by=user&measure=cost_usd&sort=change&times=true&against=before&" + week
	all := listOf(b, "/breakdown?"+query)
	get := func(format string) []byte {
		w := b.Do("GET", api.Base+"/breakdown/export?"+query+"&format="+format, "", nil)
		require.Equal(t, 200, w.Code, w.Body)
		return w.Body.Bytes()
	}
	lines, err := csv.NewReader(strings.NewReader(strings.TrimPrefix(string(get("csv")), "\uFEFF"))).ReadAll()
	require.NoError(t, err)
	require.Len(t, lines, len(all)+2)
	at := map[string]int{}
	for i, name := range lines[0] {
		at[name] = i
	}
	var file stats.BreakdownFile
	require.NoError(t, json.Unmarshal(get("json"), &file))
	require.Equal(t, all, file.Rows)
	raw := get("parquet")
	type parquetRow struct {
		Row        string  `parquet:"row"`
		User       *string `parquet:"user,optional"`
		Cost       int64   `parquet:"cost_usd"`
		Difference *struct {
			Cost int64 `parquet:"cost_usd"`
		} `parquet:"difference,optional"`
	}
	read, err := parquet.Read[parquetRow](bytes.NewReader(raw), int64(len(raw)))
	require.NoError(t, err)
	require.Len(t, read, len(all)+1)
	for i, r := range all {
		line := lines[i+1]
		require.Equal(t, *r.User, line[at["user"]])
		require.Equal(t, r.Compared.Difference.Cost, moneyOf(t, line[at["difference_cost_usd"]]))
		require.Equal(t, r.Compared.Before.Cost, moneyOf(t, line[at["before_cost_usd"]]))
		require.Equal(t, strconv.FormatInt(r.Compared.Difference.Calls, 10), line[at["difference_api_call_count"]])
		require.Equal(t, *r.User, *read[i].User)
		require.Equal(t, int64(r.Cost), read[i].Cost)
		require.Equal(t, int64(r.Compared.Difference.Cost), read[i].Difference.Cost)
	}
}

func moneyOf(t *testing.T, s string) (m api.Money) {
	t.Helper()
	require.NoError(t, json.Unmarshal([]byte(s), &m))
	return m
}

// TestTrendByAnyDimension: the series of every dimension add up to the points, and so do weeks and months.
func TestTrendByAnyDimension(t *testing.T) {
	b := consoletest.NewBench(t, nil)
	week, _ := twoWeeks(t, b)
	want := consoletest.Data[stats.Stats](b, "GET", "/stats?"+week, "", 200)
	for _, by := range []string{"", "operation", "service_tier", "account", "environment", "error_type", "emitter", "quality"} {
		for i, interval := range []string{"hour", "day", "week", "month"} {
			for _, filter := range []string{"", "&status=error", "&session=s1", "&environment=prod"}[:4-i] {
				got := consoletest.Data[stats.Trend](b, "GET", "/usage-trend?top=2&interval="+interval+"&group_by="+by+"&"+week+filter, "", 200)
				var points, series int64
				for _, p := range got.Points {
					points += p.Total
				}
				for _, s := range got.Series {
					for _, p := range s.Points {
						series += p.Total
					}
				}
				if by != "" {
					require.Equal(t, points, series, by+interval)
				}
				if filter == "" {
					require.Equal(t, want.Used, points)
				}
			}
		}
	}
	got := consoletest.Data[stats.Trend](b, "GET", "/usage-trend?interval=week&timezone=Asia/Shanghai&from=2026-10-07T00:00:00Z&to=2026-10-20T00:00:00Z", "", 200)
	var begins []string
	for _, p := range got.Points {
		begins = append(begins, p.Time.Format("Mon 2006-01-02T15:04"))
	}
	require.Equal(t, []string{"Wed 2026-10-07T08:00", "Mon 2026-10-12T00:00", "Mon 2026-10-19T00:00"}, begins)
}
