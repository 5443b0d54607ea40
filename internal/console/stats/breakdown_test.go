package stats_test

import (
	"context"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/console/api"
	"github.com/tokenboard/tokenboard/internal/console/consoletest"
	"github.com/tokenboard/tokenboard/internal/console/keys"
	"github.com/tokenboard/tokenboard/internal/console/stats"
	"github.com/tokenboard/tokenboard/internal/usage"
)

func TestBreakdown(t *testing.T) {
	b := consoletest.NewBench(t, nil)
	b.Mixed(120, consoletest.TestNow)
	sums := consoletest.Data[stats.Stats](b, "GET", "/stats", "", 200)
	for _, by := range []string{"model", "provider", "key", "user", "service", "project", "status", "operation", "service_tier", "service_tier,model", "model,key", "key,user", "model,provider", "operation,status", "account", "environment", "error_type", "emitter", "quality", "session", "session,model", "error_type,account"} {
		for _, filter := range []string{"", "&user=u1", "&model=m1&provider=p1", "&service_tier=batch&service_tier=flex", "&service_tier=batch&model=m1", "&from=" + url.QueryEscape(consoletest.TestNow.Add(-50*time.Hour).Format(time.RFC3339))} {
			all := consoletest.Data[stats.Breakdown](b, "GET", "/breakdown?limit=1000&by="+by+filter, "", 200)
			require.Equal(t, strings.Split(by, ","), all.By)
			require.Len(t, all.Rows, all.Count)
			var sum stats.Sums
			for _, r := range all.Rows {
				sum.Calls += r.Calls
				sum.Total += r.Total
				sum.Errors += r.Errors
			}
			want := consoletest.Data[stats.Stats](b, "GET", "/stats?"+strings.TrimPrefix(filter, "&"), "", 200)
			require.Equal(t, want.Calls, sum.Calls, by+filter)
			require.Equal(t, want.Used, all.Total.Total)
			require.Equal(t, want.Used, sum.Total)
			require.Equal(t, want.Errors, sum.Errors)

			var paged []stats.BreakdownRow
			for cursor := ""; ; {
				page := consoletest.Data[stats.Breakdown](b, "GET", "/breakdown?limit=3&sort=api_call_count&order=asc&by="+by+filter+"&cursor="+cursor, "", 200)
				require.Equal(t, all.Total, page.Total)
				require.Equal(t, all.Count, page.Count)
				paged = append(paged, page.Rows...)
				if cursor = page.NextCursor; cursor == "" {
					break
				}
			}
			require.ElementsMatch(t, all.Rows, paged, "every row on one page")
			for i := 1; i < len(paged); i++ {
				require.LessOrEqual(t, paged[i-1].Calls, paged[i].Calls)
				require.GreaterOrEqual(t, all.Rows[i-1].Total, all.Rows[i].Total)
			}
		}
	}
	require.EqualValues(t, 120, sums.Calls)

	made := consoletest.Data[keys.NewKey](b, "POST", "/keys", `{"name":"alice"}`, 201)
	c := usage.Call{
		ID: usage.ID{1}, Signal: usage.SignalLog, Role: usage.RoleCall, Start: consoletest.TestNow.Add(-time.Minute), Model: "m1",
		KeyFingerprint: usage.Fingerprint(made.Secret), KeyDisplay: made.Display,
	}
	require.NoError(t, b.Ledger.Commit(context.Background(), usage.Batch{Calls: []usage.Call{c}}))
	for _, r := range consoletest.Data[stats.Breakdown](b, "GET", "/breakdown?by=key,model", "", 200).Rows {
		require.Nil(t, r.User)
		require.EqualValues(t, r.Calls, consoletest.Data[stats.Stats](b, "GET", "/stats?key="+*r.Key+"&model="+*r.Model, "", 200).Calls, "the value is a filter")
		if *r.KeyName == "alice" {
			require.Equal(t, made.ID, *r.Key)
		}
	}
}

func TestBreakdownRefuses(t *testing.T) {
	b := consoletest.NewBench(t, nil)
	for query, says := range map[string]string{
		"": "by", "by=": "by", "by=mood": "by", "by=model,key,user": "by", "by=model,model": "by", "by=model,": "by",
		"by=model&sort=name": "sort", "by=model&order=up": "order", "by=model&limit=0": "limit", "by=model&cursor=zz": "cursor",
		"by=model&cursor=" + stats.RowCursor(1, []string{"a", "b"}): "cursor",
	} {
		p := consoletest.RequireProblem(t, b.Do("GET", api.Base+"/breakdown?"+query, "", nil), 400)
		require.Contains(t, p.Message, says, query)
	}
	consoletest.RequireProblem(t, b.Do("GET", api.Base+"/dimensions/mood", "", nil), 400)
}

func TestDimensions(t *testing.T) {
	b := consoletest.NewBench(t, nil)
	b.Mixed(100, consoletest.TestNow)
	users := consoletest.Data[stats.DimensionValues](b, "GET", "/dimensions/user?limit=2", "", 200)
	require.Len(t, users.Values, 2)
	require.True(t, users.More)
	require.Equal(t, stats.DimensionValue{Value: "u0", Label: "u0", Calls: 20}, users.Values[0])
	require.Len(t, consoletest.Data[stats.DimensionValues](b, "GET", "/dimensions/user?q=U3", "", 200).Values, 1)
	for _, pattern := range []string{"%25", "_", "u%25", ".*", "u[0-9]"} {
		require.Empty(t, consoletest.Data[stats.DimensionValues](b, "GET", "/dimensions/user?q="+pattern, "", 200).Values, "a literal, not a pattern: "+pattern)
	}
	for _, name := range []string{"model", "provider", "key", "user", "service", "project", "status"} {
		for _, v := range consoletest.Data[stats.DimensionValues](b, "GET", "/dimensions/"+name, "", 200).Values {
			if v.Value != "" {
				require.Equal(t, v.Calls, consoletest.Data[stats.Stats](b, "GET", "/stats?"+name+"="+url.QueryEscape(v.Value), "", 200).Calls, name)
			}
		}
	}
	require.Len(t, consoletest.Data[stats.DimensionValues](b, "GET", "/dimensions/operation", "", 200).Values, 2)
	from := url.QueryEscape(consoletest.TestNow.Add(-90 * time.Minute).Format(time.RFC3339))
	require.Len(t, consoletest.Data[stats.DimensionValues](b, "GET", "/dimensions/user?from="+from, "", 200).Values, 2)
}

func TestHeatmap(t *testing.T) {
	b := consoletest.NewBench(t, nil)
	tuesday := time.Date(2026, 10, 20, 0, 40, 0, 0, time.UTC) // 06:10 in Kolkata
	b.Calls(tuesday, tuesday.Add(10*time.Minute), tuesday.Add(25*time.Minute), tuesday.Add(7*24*time.Hour))
	for zone, want := range map[string]map[[2]int]int64{
		"UTC":              {{2, 0}: 3, {2, 1}: 1},
		"Asia/Kolkata":     {{2, 6}: 4},
		"America/New_York": {{1, 20}: 3, {1, 21}: 1},
	} {
		h := consoletest.Data[stats.Heatmap](b, "GET", "/breakdown/heatmap?timezone="+zone, "", 200)
		require.Len(t, h.Cells, 168)
		got := map[[2]int]int64{}
		for i, cell := range h.Cells {
			require.Equal(t, i, (cell.Weekday-1)*24+cell.Hour)
			if cell.Calls > 0 {
				got[[2]int{cell.Weekday, cell.Hour}] = cell.Calls
			}
		}
		require.Equal(t, want, got, zone)
	}
}
