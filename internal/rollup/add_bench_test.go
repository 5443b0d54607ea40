package rollup

import (
	"testing"
	"time"

	"github.com/tokenboard/tokenboard/internal/loadgen"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// BenchmarkAdd adds live traffic, a million calls a day; the figure is per call.
func BenchmarkAdd(b *testing.B) {
	const made = 200_000
	g := loadgen.New(loadgen.Set{Calls: made, Ordered: true, Over: 5 * time.Hour, End: time.Date(2026, 9, 10, 0, 0, 0, 0, time.UTC)})
	calls := make([]usage.Call, made)
	for i := range calls {
		calls[i], _ = g.Next()
	}
	r := New(Options{})
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		r.Add(&calls[i%made], 1)
		i++
	}
}
