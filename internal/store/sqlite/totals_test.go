package sqlite

import (
	"context"
	"encoding/binary"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// manyCalls writes n records over some days, of 40 models and 500 keys.
func manyCalls(t testing.TB, e *Engine, n, days int) {
	const batch = 5000
	from := time.Date(2026, 9, 1, 0, 0, 0, 0, time.UTC)
	step := time.Duration(days) * 24 * time.Hour / time.Duration(n)
	for i := 0; i < n; {
		w := store.Write{At: from}
		for ; i < n && len(w.Put) < batch; i++ {
			c := usage.Call{
				Role: usage.RoleCall, Start: from.Add(time.Duration(i) * step), Model: fmt.Sprint("model-", i*7%40), Provider: "openai",
				KeyFingerprint: fmt.Sprint("key-", i*31%500), User: fmt.Sprint("user-", i%200), Service: "s", Operation: "chat", Status: 200,
				Duration: time.Second, TTFT: time.Millisecond,
				Tokens: usage.Tokens{InputUncached: 100, OutputText: 20, Fields: usage.HasInput | usage.HasOutput},
			}
			binary.BigEndian.PutUint64(c.Trace[:], uint64(i)*0x9e3779b97f4a7c15)
			binary.BigEndian.PutUint64(c.Span[:], uint64(i))
			c.ID = usage.SpanRecordID(c.Trace, c.Span)
			w.Put = append(w.Put, store.Record{Call: c, Counted: true, StoredAt: from})
		}
		require.NoError(t, e.Commit(context.Background(), w))
	}
}

func BenchmarkTotals(b *testing.B) {
	e, err := Open(context.Background(), Options{Path: filepath.Join(b.TempDir(), "t.db")})
	require.NoError(b, err)
	defer func() { require.NoError(b, e.Close()) }()
	const n = 200_000
	manyCalls(b, e, n, 2)
	for name, by := range map[string][]store.Field{
		"model and key": {store.FieldModel, store.FieldKey}, "user": {store.FieldUser}, "operation": {store.FieldOperation},
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				_, err := e.Totals(context.Background(), store.Filter{}, by, 1_000_000)
				require.NoError(b, err)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/record")
		})
	}
}
