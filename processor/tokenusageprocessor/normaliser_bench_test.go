package tokenusageprocessor

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"go.opentelemetry.io/collector/processor/processortest"

	"github.com/tokenboard/tokenboard/internal/loadgen"
	"github.com/tokenboard/tokenboard/processor/tokenusageprocessor/internal/metadata"
)

// BenchmarkTraces normalises requests of 512 spans as SDKs send them.
func BenchmarkTraces(b *testing.B) {
	const spans = 512
	requests, err := loadgen.New(loadgen.Set{Calls: spans, Services: 2, Ordered: true, Over: time.Minute}).Requests(spans)
	require.NoError(b, err)
	n, err := newNormaliser(processortest.NewNopSettings(metadata.Type), createDefaultConfig().(*Config))
	require.NoError(b, err)
	in := ptraceotlp.NewExportRequest()
	require.NoError(b, in.UnmarshalProto(requests[0].Body))
	b.ReportAllocs()
	for b.Loop() {
		b.StopTimer()
		td := ptrace.NewTraces() // it is changed
		in.Traces().CopyTo(td)
		b.StartTimer()
		_, err := n.traces(context.Background(), td)
		require.NoError(b, err)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(in.Traces().SpanCount()), "ns/span")
}
