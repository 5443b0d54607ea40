package sqlite

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/loadgen"
	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/usage"
)

const applied = 4_000 // records in a write

// nextWrite makes a write of a generator's calls, without those that come again.
func nextWrite(g *loadgen.Generator, n int) store.Write {
	w := store.Write{At: time.Now()}
	for len(w.Put) < n {
		c, ok := g.NextFresh()
		if !ok {
			break
		}
		w.Put = append(w.Put, store.Record{Call: c, Counted: true, StoredAt: w.At})
	}
	return w
}

func benchEngine(b *testing.B) *Engine {
	e, err := Open(context.Background(), Options{Path: filepath.Join(b.TempDir(), "t.db")})
	require.NoError(b, err)
	b.Cleanup(func() { require.NoError(b, e.Close()) })
	return e
}

// BenchmarkApply commits writes of 4,000 records of live traffic; the figure is per record.
func BenchmarkApply(b *testing.B) {
	e := benchEngine(b)
	g := loadgen.New(loadgen.Set{Calls: b.N, Ordered: true, Days: 1})
	b.ReportAllocs()
	b.ResetTimer()
	for done := 0; done < b.N; {
		b.StopTimer()
		w := nextWrite(g, applied)
		b.StartTimer()
		require.NoError(b, e.Commit(context.Background(), w))
		done += len(w.Put)
	}
}

// BenchmarkPage lists pages of a log of 200,000 records over ten days.
func BenchmarkPage(b *testing.B) {
	const stored, limit = 200_000, 100
	e, end := benchEngine(b), time.Date(2026, 9, 10, 0, 0, 0, 0, time.UTC)
	g := loadgen.New(loadgen.Set{Calls: stored, Ordered: true, Days: 10, End: end})
	for done := 0; done < stored; done += applied {
		require.NoError(b, e.Commit(context.Background(), nextWrite(g, applied)))
	}
	key := usage.Fingerprint(loadgen.KeyOf(100))
	for _, q := range []struct {
		name string
		f    store.Filter
	}{
		{"first", store.Filter{}},
		{"key", store.Filter{Keys: []string{key}}},
		{"rare user", store.Filter{Users: []string{"user-1900"}}},
		{"key model error", store.Filter{Keys: []string{key}, Models: []string{"gpt-4o"}, Statuses: []string{"error"}}},
		{"text 24h word", store.Filter{From: end.AddDate(0, 0, -1), Text: []store.Term{{Value: "user-0042"}}}},
		{"text 24h nothing", store.Filter{From: end.AddDate(0, 0, -1), Text: []store.Term{{Value: "zzzz"}}}},
	} {
		b.Run(q.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_, _, err := e.List(context.Background(), store.Page{Filter: q.f, Limit: limit})
				require.NoError(b, err)
			}
		})
	}
	b.Run("scan 24h", func(b *testing.B) {
		n := 0
		for b.Loop() {
			n = 0
			require.NoError(b, e.Scan(context.Background(), store.Filter{From: end.AddDate(0, 0, -1)}, func(*store.Record) error {
				n++
				return nil
			}))
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/record")
	})
	b.Run("get", func(b *testing.B) {
		page, _, err := e.List(context.Background(), store.Page{Limit: limit, Filter: store.Filter{To: end.AddDate(0, 0, -5)}})
		require.NoError(b, err)
		i := 0
		for b.Loop() {
			r := &page[i%len(page)]
			i++
			_, found, err := find(e, r.ID, r.Start)
			require.NoError(b, err)
			require.True(b, found, fmt.Sprint(r.ID))
		}
	})
}
