package stats_test

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/console/api"
	"github.com/tokenboard/tokenboard/internal/console/consoletest"
	"github.com/tokenboard/tokenboard/internal/console/stats"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// TestRankingIsOverAllRows: what the largest values are follows from all rows, not from those of the page.
func TestRankingIsOverAllRows(t *testing.T) {
	b := consoletest.NewBench(t, nil)
	b.ManyGroups()
	for _, rankBy := range []string{"total_tokens", "cost_usd", "api_call_count"} {
		for _, by := range []string{"model,user", "user,model", "model", "user"} {
			got := consoletest.Data[stats.Breakdown](b, "GET", "/breakdown?limit=5&top=7&top_parts=4&rank_by="+rankBy+"&by="+by, "", 200)
			require.Len(t, got.Rows, 5)
			names := strings.Split(by, ",")
			single := consoletest.Data[stats.Breakdown](b, "GET", "/breakdown?limit=1000&sort="+rankBy+"&by="+names[0], "", 200)
			r := got.Ranking
			require.NotNil(t, r)
			require.Equal(t, single.Count, r.Count)
			require.Len(t, r.Values, 7)
			left := got.Total.Sums
			for i, v := range r.Values {
				require.Equal(t, single.Rows[i], v.BreakdownRow, "%s by %s: value %d", by, rankBy, i)
				left = minus(left, v.Sums)
			}
			require.Equal(t, left, r.Other.Sums, "what is beyond the largest is the rest")
			if len(names) == 1 {
				require.Empty(t, r.Parts)
				continue
			}
			seconds := consoletest.Data[stats.Breakdown](b, "GET", "/breakdown?limit=1000&sort="+rankBy+"&by="+names[1], "", 200)
			require.Equal(t, seconds.Rows[:4], r.Parts)
			for _, v := range r.Values {
				rest := v.Sums
				for _, p := range v.Parts {
					rest = minus(rest, p.Sums)
				}
				if v.Other == nil {
					require.Equal(t, stats.Sums{}, rest)
				} else {
					require.Equal(t, rest, v.Other.Sums)
				}
			}
		}
	}
	first := consoletest.Data[stats.Breakdown](b, "GET", "/breakdown?limit=500&top=1&by=model,user", "", 200)
	require.Equal(t, "spread", *first.Ranking.Values[0].Model)
	require.NotContains(t, fmt.Sprint(texts(first.Rows)), "spread", "none of its rows is among the first 500")
	require.Nil(t, consoletest.Data[stats.Breakdown](b, "GET", "/breakdown?by=model", "", 200).Ranking)
}

func texts(rows []stats.BreakdownRow) (out []string) {
	for _, r := range rows {
		out = append(out, *r.Model)
	}
	return out
}

// minus takes sums away.
func minus(a, b stats.Sums) stats.Sums {
	return stats.Sums{
		Calls: a.Calls - b.Calls, Errors: a.Errors - b.Errors, Input: a.Input - b.Input, Output: a.Output - b.Output, CacheRead: a.CacheRead - b.CacheRead,
		CacheWrite: a.CacheWrite - b.CacheWrite, Reasoning: a.Reasoning - b.Reasoning, Total: a.Total - b.Total, Cost: a.Cost - b.Cost,
		NoUsage: a.NoUsage - b.NoUsage, Unpriced: a.Unpriced - b.Unpriced,
	}
}

// TestBreakdownByName: pages that are sorted by a value's name fit together.
func TestBreakdownByName(t *testing.T) {
	b := consoletest.NewBench(t, nil)
	b.ManyGroups()
	for _, sort := range []string{"first", "second"} {
		for _, order := range []string{"asc", "desc"} {
			var names []string
			for cursor := ""; ; {
				page := consoletest.Data[stats.Breakdown](b, "GET", "/breakdown?limit=200&by=model,user&sort="+sort+"&order="+order+"&cursor="+cursor, "", 200)
				for _, r := range page.Rows {
					names = append(names, map[string]string{"first": *r.Model, "second": *r.User}[sort])
				}
				if cursor = page.NextCursor; cursor == "" {
					require.Len(t, names, page.Count)
					break
				}
			}
			for i := 1; i < len(names); i++ {
				if order == "asc" {
					require.LessOrEqual(t, names[i-1], names[i])
				} else {
					require.GreaterOrEqual(t, names[i-1], names[i])
				}
			}
		}
	}
	consoletest.RequireProblem(t, b.Do("GET", api.Base+"/breakdown?by=model&sort=second", "", nil), 400)
}

// TestBreakdownExport: the file has every row and their total, and its name says the range.
func TestBreakdownExport(t *testing.T) {
	b := consoletest.NewBench(t, nil)
	b.ManyGroups()
	all := consoletest.Data[stats.Breakdown](b, "GET", "/breakdown?by=model,user&limit=1&from=1762100000&model=m7&model=spread", "", 200)
	query := "?by=model,user&sort=cost_usd&from=1762100000&model=m7&model=spread&timezone=Asia/Shanghai"
	w := b.Do("GET", api.Base+"/breakdown/export"+query+"&format=csv", "", nil)
	require.Equal(t, 200, w.Code, w.Body.String())
	require.Equal(t, `attachment; filename="tokenboard-breakdown-model-user-2025-11-03T0013_2026-11-04T0220.csv"`, w.Header().Get("Content-Disposition"))
	text, marked := strings.CutPrefix(w.Body.String(), "\uFEFF")
	require.True(t, marked, "spreadsheets need the byte order mark")
	rows, err := csv.NewReader(strings.NewReader(text)).ReadAll()
	require.NoError(t, err)
	require.Len(t, rows, all.Count+2)
	at := map[string]int{}
	for i, name := range rows[0] {
		at[name] = i
	}
	var tokens, unpriced int
	for _, r := range rows[1 : len(rows)-1] {
		require.Equal(t, "group", r[0])
		n, _ := strconv.Atoi(r[at["total_tokens"]])
		u, _ := strconv.Atoi(r[at["unpriced_count"]])
		tokens, unpriced = tokens+n, unpriced+u
	}
	total := rows[len(rows)-1]
	require.Equal(t, []string{"total", "", ""}, total[:3])
	require.Equal(t, strconv.Itoa(tokens), total[at["total_tokens"]])
	require.Equal(t, strconv.Itoa(unpriced), total[at["unpriced_count"]])
	require.Equal(t, 30, unpriced)
	require.EqualValues(t, all.Total.Total, tokens)

	var file stats.BreakdownFile
	require.NoError(t, json.Unmarshal(b.Do("GET", api.Base+"/breakdown/export"+query+"&format=json", "", nil).Body.Bytes(), &file))
	require.Equal(t, all.Count, file.Count)
	require.Len(t, file.Rows, all.Count)
	require.Equal(t, all.Total, file.Total)
	require.Equal(t, map[string]any{"model": []any{"m7", "spread"}}, file.Filters)
	require.NoError(t, json.Unmarshal(b.Do("GET", api.Base+"/breakdown/export?by=user&model=nothing&format=json", "", nil).Body.Bytes(), &file))
	require.Empty(t, file.Rows)
}

// TestTrendSort: the top groups are those with most of the sum that is asked for, on every way that the
// ledger finds them.
func TestTrendSort(t *testing.T) {
	b := consoletest.NewBench(t, nil)
	var batch usage.Batch
	for i := range 60 {
		c := usage.Call{
			Role: usage.RoleCall, Start: consoletest.TestNow.Add(-time.Duration(i) * time.Hour), Model: fmt.Sprint("m", i%6), Provider: "p", User: "u",
			Tokens: usage.Tokens{InputUncached: int64(1000 - i%6*100), Fields: usage.HasInput | usage.HasOutput}, ReportedCost: usage.NanoUSD(1 + i%6*1_000_000), HasReportedCost: true,
		}
		c.Trace, c.Span = usage.TraceID{5, byte(i)}, usage.SpanID{6, byte(i)}
		c.ID = usage.SpanRecordID(c.Trace, c.Span)
		batch.Calls = append(batch.Calls, c)
	}
	require.NoError(t, b.Ledger.Commit(context.Background(), batch))
	for _, filter := range []string{"", "&provider=p", "&user=u", "&from=" + strconv.FormatInt(consoletest.TestNow.Add(-70*time.Hour-time.Minute).Unix(), 10)} {
		for sort, want := range map[string][]string{"": {"m0", "m1"}, "&sort=total_tokens": {"m0", "m1"}, "&sort=cost_usd": {"m5", "m4"}} {
			got := consoletest.Data[stats.Trend](b, "GET", "/usage-trend?group_by=model&top=2"+sort+filter, "", 200)
			require.Len(t, got.Series, 3)
			require.Equal(t, want, []string{got.Series[0].Group, got.Series[1].Group}, sort+filter)
			require.True(t, got.Series[2].Other)
		}
	}
}

// TestOldestCall: stats say since when there is anything to compare with.
func TestOldestCall(t *testing.T) {
	b := consoletest.NewBench(t, nil)
	require.Nil(t, consoletest.Data[stats.Stats](b, "GET", "/stats", "", 200).Oldest)
	b.Calls(consoletest.TestNow.Add(-50*time.Hour), consoletest.TestNow)
	got := consoletest.Data[stats.Stats](b, "GET", "/stats?model=none&from="+strconv.FormatInt(consoletest.TestNow.Add(-time.Hour).Unix(), 10), "", 200).Oldest
	require.NotNil(t, got)
	require.True(t, got.Equal(consoletest.TestNow.Add(-50*time.Hour)), got)
}
