package ledger

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/loadgen"
	"github.com/tokenboard/tokenboard/internal/pricing"
	"github.com/tokenboard/tokenboard/internal/store/sqlite"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// BenchmarkCommit commits batches of 4,000 calls of live traffic; the figure is per call.
func BenchmarkCommit(b *testing.B) {
	engine, err := sqlite.Open(context.Background(), sqlite.Options{Path: filepath.Join(b.TempDir(), "t.db")})
	require.NoError(b, err)
	book, err := pricing.Default()
	require.NoError(b, err)
	end := time.Now()
	l, err := Open(context.Background(), engine, Options{Prices: book})
	require.NoError(b, err)
	defer func() { require.NoError(b, l.Close()) }()
	g := loadgen.New(loadgen.Set{Calls: b.N, End: end, Ordered: true, Days: 1})
	b.ReportAllocs()
	b.ResetTimer()
	for done := 0; done < b.N; {
		var batch usage.Batch
		b.StopTimer()
		for len(batch.Calls) < 4000 {
			c, ok := g.Next()
			if !ok {
				break
			}
			batch.Calls = append(batch.Calls, c)
		}
		b.StartTimer()
		require.NoError(b, l.Commit(context.Background(), batch))
		done += len(batch.Calls)
	}
}
