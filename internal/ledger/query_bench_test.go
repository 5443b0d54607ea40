package ledger

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/loadgen"
	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/store/sqlite"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// BenchmarkQuery asks what the console asks, with 200,000 calls over 90 days stored.
func BenchmarkQuery(b *testing.B) {
	const stored, days = 200_000, 90
	ctx := context.Background()
	engine, err := sqlite.Open(ctx, sqlite.Options{Path: filepath.Join(b.TempDir(), "t.db")})
	require.NoError(b, err)
	end := time.Now().UTC().Truncate(24 * time.Hour)
	l, err := Open(ctx, engine, Options{})
	require.NoError(b, err)
	b.Cleanup(func() { require.NoError(b, l.Close()) })
	g := loadgen.New(loadgen.Set{Calls: stored, End: end, Ordered: true, Days: days})
	for more := true; more; {
		var batch usage.Batch
		for len(batch.Calls) < 4000 {
			c, ok := g.Next()
			if more = ok; !ok {
				break
			}
			batch.Calls = append(batch.Calls, c)
		}
		require.NoError(b, l.Commit(ctx, batch))
	}
	var edges []time.Time
	for i := range days + 1 {
		edges = append(edges, end.AddDate(0, 0, i-days))
	}
	day := store.Filter{From: end.Add(-24*time.Hour - 7*time.Minute)} // not at the start of a quarter of an hour
	key := store.Filter{Keys: []string{usage.Fingerprint(loadgen.KeyOf(3))}}
	for _, q := range []struct {
		name string
		q    Query
	}{
		{"stats", Query{By: ByModel, Overall: true}},
		{"stats 24h", Query{Filter: day, By: ByModel, Overall: true}},
		{"stats of a key", Query{Filter: key, By: ByModel, Overall: true}},
		{"trend", Query{Edges: edges, Overall: true}},
		{"trend by model", Query{Edges: edges, By: ByModel, Overall: true}},
		{"trend by key", Query{Edges: edges, By: ByKey, Overall: true}},
		{"trend by user", Query{Edges: edges, By: ByUser, Overall: true}},
		{"keys", Query{By: ByKey, CountsOnly: true}},
	} {
		b.Run(q.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_, err := l.Query(ctx, q.q)
				require.NoError(b, err)
			}
		})
	}
	for _, q := range []struct {
		name string
		q    BreakdownQuery
	}{
		{"breakdown by user", BreakdownQuery{By: []GroupBy{ByUser}}},
		{"breakdown by model and key 24h", BreakdownQuery{Filter: day, By: []GroupBy{ByModel, ByKey}}},
		{"breakdown by model and key", BreakdownQuery{By: []GroupBy{ByModel, ByKey}}},
	} {
		b.Run(q.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_, err := l.Breakdown(ctx, q.q)
				require.NoError(b, err)
			}
		})
	}
}
