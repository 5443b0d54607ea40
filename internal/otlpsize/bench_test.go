package otlpsize

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/loadgen"
)

// BenchmarkProtobuf scans requests of 512 spans as SDKs send them, in pieces as they are received.
func BenchmarkProtobuf(b *testing.B) {
	const spans, piece = 512, 64 << 10
	requests, err := loadgen.New(loadgen.Set{Calls: spans, Services: 2, Ordered: true, Over: time.Minute}).Requests(spans)
	require.NoError(b, err)
	body := requests[0].Body
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		require.NoError(b, scan(NewProtobuf(Traces, unlimited), body, piece))
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(requests[0].Spans), "ns/span")
}
