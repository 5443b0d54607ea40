package console_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/console/api"
	"github.com/tokenboard/tokenboard/internal/console/consoletest"
	"github.com/tokenboard/tokenboard/internal/console/quality"
	"github.com/tokenboard/tokenboard/internal/console/stats"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// TestListsAreBounded: with ever new names, answers have the largest values and what the rest comes to,
// and pages have all.
func TestListsAreBounded(t *testing.T) {
	b := consoletest.NewBench(t, nil)
	const n = 1500
	var batch usage.Batch
	for i := range n {
		batch.Calls = append(batch.Calls, consoletest.CallOf(i, func(c *usage.Call) {
			c.Model, c.User, c.Start = fmt.Sprintf("model-%04d", i), fmt.Sprint("user-", i), consoletest.TestNow.Add(-time.Duration(i+1)*time.Second)
			if c.Tokens.InputUncached += 10; i%2 == 0 {
				c.Tokens = usage.Tokens{}
			}
		}).Calls...)
	}
	require.NoError(t, b.Ledger.Commit(context.Background(), batch))
	for query, top := range map[string]int{"": 200, "?top=7": 7, "?top=1000": 1000} {
		s := consoletest.Data[stats.Stats](b, "GET", "/stats"+query, "", 200)
		require.Len(t, s.Models, top)
		require.Equal(t, n, s.ModelCount)
		require.Equal(t, "model-1499", s.Models[0].Model)
		calls, used := s.OtherModels.Calls, s.OtherModels.Total
		for _, m := range s.Models {
			calls, used = calls+m.Calls, used+m.Total
		}
		require.Equal(t, s.Calls, calls)
		require.Equal(t, s.Used, used)
		q := consoletest.Data[quality.Quality](b, "GET", "/quality"+query, "", 200)
		require.Len(t, q.NoUsageModels, min(top, n/2))
		require.Equal(t, n/2, q.NoUsageCount)
		require.Len(t, q.Models, min(top, q.ModelCount))
	}
	consoletest.RequireProblem(t, b.Do("GET", api.Base+"/stats?top=1001", "", nil), 400)
	one := consoletest.Data[stats.Stats](b, "GET", "/stats?model=model-0001", "", 200)
	require.Nil(t, one.OtherModels)
	require.Equal(t, 1, one.ModelCount)

	seen, cursor := map[string]bool{}, ""
	for {
		page := consoletest.Data[stats.Breakdown](b, "GET", "/breakdown?by=model,provider&sort=no_usage_count&limit=400&cursor="+cursor, "", 200)
		for _, r := range page.Rows {
			seen[*r.Model] = true
		}
		require.Equal(t, n, page.Count)
		if cursor = page.NextCursor; cursor == "" {
			break
		}
	}
	require.Len(t, seen, n, "the pages have all")
	require.Less(t, b.Do("GET", "/metrics", "", nil).Body.Len(), 8<<20)
}
