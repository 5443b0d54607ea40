package ledger

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// TestStatsOfOneUserWhileWriting: of a question by two dimensions the figures come from the records and
// the histograms from the sums in memory. Whatever is committed meanwhile, both are of the same calls,
// and of each batch all calls or none.
func TestStatsOfOneUserWhileWriting(t *testing.T) {
	l, _ := open(t, t.TempDir(), Options{})
	ctx, cancel := context.WithCancel(context.Background())
	var work sync.WaitGroup
	work.Add(1)
	go func() {
		defer work.Done()
		for i := 0; ctx.Err() == nil; i++ {
			var b usage.Batch
			for k := range 3 {
				name := fmt.Sprint(i, "/", k)
				c := testRecord{name: name, trace: name, out: 1, at: -time.Duration(i*k) * time.Minute, attribution: usage.Attribution{User: fmt.Sprint("u", k/2)}}.call()
				c.Model, c.Duration = fmt.Sprint("m", k), time.Second
				b.Calls = append(b.Calls, c)
			}
			if err := l.Commit(context.Background(), b); err != nil {
				t.Error(err)
				return
			}
		}
	}()
	last := int64(0)
	for last < 30 {
		a, err := l.Query(ctx, Query{Filter: store.Filter{Users: []string{"u0"}}, By: ByModel, Overall: true})
		require.NoError(t, err)
		sums := map[string]int64{}
		for _, g := range a.Groups {
			sums[g.Value] = g.Points[0].Calls
		}
		require.Equal(t, sums["m0"], sums["m1"])
		require.Zero(t, sums["m2"])
		require.Equal(t, sums["m0"]+sums["m1"], a.Overall[0].Duration.Count())
		require.GreaterOrEqual(t, sums["m0"], last)
		last = sums["m0"]
	}
	cancel()
	work.Wait()
	require.NoError(t, l.Close())
}
