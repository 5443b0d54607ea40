package tokenboardexporter

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/extension/extensiontest"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/metric/metricdata/metricdatatest"

	"github.com/tokenboard/tokenboard/exporter/tokenboardexporter/internal/metadatatest"
	"github.com/tokenboard/tokenboard/extension/tokenstoreextension"
)

// TestTelemetry: the collector's own metrics count what was written and what was not.
func TestTelemetry(t *testing.T) {
	ctx := context.Background()
	f := tokenstoreextension.NewFactory()
	storeConfig := f.CreateDefaultConfig().(*tokenstoreextension.Config)
	storeConfig.Directory = t.TempDir()
	store, err := f.Create(ctx, extensiontest.NewNopSettings(f.Type()), storeConfig)
	require.NoError(t, err)
	require.NoError(t, store.Start(ctx, componenttest.NewNopHost()))

	own := componenttest.NewTelemetry()
	cfg := createDefaultConfig().(*Config)
	cfg.Storage = component.MustNewID("tokenstore")
	e, err := NewFactory().CreateTraces(ctx, metadatatest.NewSettings(own), cfg)
	require.NoError(t, err)
	require.NoError(t, e.Start(ctx, host{cfg.Storage: store}))
	td := ptrace.NewTraces()
	spans := td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans()
	for i := range 3 {
		s := spans.AppendEmpty()
		s.SetTraceID([16]byte{1, byte(i)})
		s.SetSpanID([8]byte{1, byte(i)})
		s.SetStartTimestamp(pcommon.NewTimestampFromTime(time.Now().Add(-time.Minute)))
		s.Attributes().PutStr("gen_ai.operation.name", "chat")
	}
	require.NoError(t, e.ConsumeTraces(ctx, td))
	require.NoError(t, store.Shutdown(ctx))
	require.Error(t, e.ConsumeTraces(ctx, td))

	metadatatest.AssertEqualExporterTokenboardCalls(t, own, []metricdata.DataPoint[int64]{{Value: 3}}, metricdatatest.IgnoreTimestamp(), metricdatatest.IgnoreExemplars())
	point := func(outcome string) metricdata.HistogramDataPoint[float64] {
		return metricdata.HistogramDataPoint[float64]{Count: 1, Attributes: attribute.NewSet(attribute.String("outcome", outcome))}
	}
	metadatatest.AssertEqualExporterTokenboardCommitDuration(t, own,
		[]metricdata.HistogramDataPoint[float64]{point("committed"), point("failed")}, metricdatatest.IgnoreTimestamp(), metricdatatest.IgnoreExemplars(), metricdatatest.IgnoreValue())
	require.NoError(t, e.Shutdown(ctx))
	require.NoError(t, own.Shutdown(ctx))
}
