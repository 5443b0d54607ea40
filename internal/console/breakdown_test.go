package console

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/usage"
)

// mixed commits calls of several models, keys and users, one an hour back from a time.
func (b *bench) mixed(n int, until time.Time) {
	b.t.Helper()
	var batch usage.Batch
	for i := range n {
		c := usage.Call{
			Role: usage.RoleCall, Start: until.Add(-time.Duration(i) * time.Hour), Model: fmt.Sprint("m", i%3), Provider: fmt.Sprint("p", i%2),
			KeyFingerprint: usage.Fingerprint(fmt.Sprint("key", i%4)), KeyDisplay: fmt.Sprint("k…", i%4), User: fmt.Sprint("u", i%5),
			Service: "svc", Operation: []string{"chat", "embeddings"}[i%2], Status: []int{200, 429}[i%7/6], Failed: i%7 == 6, Tier: usage.Tier(i % 4),
			Tokens: usage.Tokens{InputUncached: int64(i), OutputText: 2, Fields: usage.HasInput | usage.HasOutput},
		}
		c.Trace, c.Span = usage.TraceID{3, byte(i >> 8), byte(i)}, usage.SpanID{4, byte(i >> 8), byte(i)}
		c.ID = usage.SpanRecordID(c.Trace, c.Span)
		batch.Calls = append(batch.Calls, c)
	}
	require.NoError(b.t, b.ledger.Commit(context.Background(), batch))
}

func TestBreakdown(t *testing.T) {
	b := newBench(t, nil)
	b.mixed(120, testNow)
	sums := data[Stats](b, "GET", "/stats", "", 200)
	for _, by := range []string{"model", "provider", "key", "user", "service", "project", "status", "operation", "service_tier", "service_tier,model", "model,key", "key,user", "model,provider", "operation,status"} {
		for _, filter := range []string{"", "&user=u1", "&model=m1&provider=p1", "&service_tier=batch&service_tier=flex", "&service_tier=batch&model=m1", "&from=" + url.QueryEscape(testNow.Add(-50*time.Hour).Format(time.RFC3339))} {
			all := data[Breakdown](b, "GET", "/breakdown?limit=1000&by="+by+filter, "", 200)
			require.Equal(t, strings.Split(by, ","), all.By)
			require.Len(t, all.Rows, all.Count)
			var sum Sums
			for _, r := range all.Rows {
				sum.Calls += r.Calls
				sum.Total += r.Total
				sum.Errors += r.Errors
			}
			want := data[Stats](b, "GET", "/stats?"+strings.TrimPrefix(filter, "&"), "", 200)
			require.Equal(t, want.Calls, sum.Calls, by+filter)
			require.Equal(t, want.Used, all.Total.Total)
			require.Equal(t, want.Used, sum.Total)
			require.Equal(t, want.Errors, sum.Errors)

			var paged []BreakdownRow
			for cursor := ""; ; {
				page := data[Breakdown](b, "GET", "/breakdown?limit=3&sort=api_call_count&order=asc&by="+by+filter+"&cursor="+cursor, "", 200)
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

	made := data[NewKey](b, "POST", "/keys", `{"name":"alice"}`, 201)
	c := usage.Call{
		ID: usage.ID{1}, Signal: usage.SignalLog, Role: usage.RoleCall, Start: testNow.Add(-time.Minute), Model: "m1",
		KeyFingerprint: usage.Fingerprint(made.Secret), KeyDisplay: made.Display,
	}
	require.NoError(t, b.ledger.Commit(context.Background(), usage.Batch{Calls: []usage.Call{c}}))
	for _, r := range data[Breakdown](b, "GET", "/breakdown?by=key,model", "", 200).Rows {
		require.Nil(t, r.User)
		require.EqualValues(t, r.Calls, data[Stats](b, "GET", "/stats?key="+*r.Key+"&model="+*r.Model, "", 200).Calls, "the value is a filter")
		if *r.KeyName == "alice" {
			require.Equal(t, made.ID, *r.Key)
		}
	}
}

func TestBreakdownRefuses(t *testing.T) {
	b := newBench(t, nil)
	for query, says := range map[string]string{
		"": "by", "by=": "by", "by=mood": "by", "by=model,key,user": "by", "by=model,model": "by", "by=model,": "by",
		"by=model&sort=name": "sort", "by=model&order=up": "order", "by=model&limit=0": "limit", "by=model&cursor=zz": "cursor",
		"by=model&cursor=" + rowCursor(1, []string{"a", "b"}): "cursor",
	} {
		p := requireProblem(t, b.do("GET", base+"/breakdown?"+query, "", nil), 400)
		require.Contains(t, p.Message, says, query)
	}
	requireProblem(t, b.do("GET", base+"/dimensions/mood", "", nil), 400)
}

func TestDimensions(t *testing.T) {
	b := newBench(t, nil)
	b.mixed(100, testNow)
	users := data[DimensionValues](b, "GET", "/dimensions/user?limit=2", "", 200)
	require.Len(t, users.Values, 2)
	require.True(t, users.More)
	require.Equal(t, DimensionValue{Value: "u0", Label: "u0", Calls: 20}, users.Values[0])
	require.Len(t, data[DimensionValues](b, "GET", "/dimensions/user?q=U3", "", 200).Values, 1)
	for _, pattern := range []string{"%25", "_", "u%25", ".*", "u[0-9]"} {
		require.Empty(t, data[DimensionValues](b, "GET", "/dimensions/user?q="+pattern, "", 200).Values, "a literal, not a pattern: "+pattern)
	}
	for _, name := range []string{"model", "provider", "key", "user", "service", "project", "status"} {
		for _, v := range data[DimensionValues](b, "GET", "/dimensions/"+name, "", 200).Values {
			if v.Value != "" {
				require.Equal(t, v.Calls, data[Stats](b, "GET", "/stats?"+name+"="+url.QueryEscape(v.Value), "", 200).Calls, name)
			}
		}
	}
	require.Len(t, data[DimensionValues](b, "GET", "/dimensions/operation", "", 200).Values, 2)
	from := url.QueryEscape(testNow.Add(-90 * time.Minute).Format(time.RFC3339))
	require.Len(t, data[DimensionValues](b, "GET", "/dimensions/user?from="+from, "", 200).Values, 2)
}

func TestHeatmap(t *testing.T) {
	b := newBench(t, nil)
	tuesday := time.Date(2026, 10, 20, 0, 40, 0, 0, time.UTC) // 06:10 in Kolkata
	b.calls(tuesday, tuesday.Add(10*time.Minute), tuesday.Add(25*time.Minute), tuesday.Add(7*24*time.Hour))
	for zone, want := range map[string]map[[2]int]int64{
		"UTC":              {{2, 0}: 3, {2, 1}: 1},
		"Asia/Kolkata":     {{2, 6}: 4},
		"America/New_York": {{1, 20}: 3, {1, 21}: 1},
	} {
		h := data[Heatmap](b, "GET", "/breakdown/heatmap?timezone="+zone, "", 200)
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
