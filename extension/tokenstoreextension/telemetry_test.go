package tokenstoreextension

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/metric/metricdata/metricdatatest"

	"github.com/tokenboard/tokenboard/extension/tokenstoreextension/internal/metadatatest"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// TestTelemetry: the collector's own metrics count records by outcome.
func TestTelemetry(t *testing.T) {
	ctx := context.Background()
	own := componenttest.NewTelemetry()
	cfg := createDefaultConfig().(*Config)
	cfg.Directory = t.TempDir()
	e, err := NewFactory().Create(ctx, metadatatest.NewSettings(own), cfg)
	require.NoError(t, err)
	require.NoError(t, e.Start(ctx, componenttest.NewNopHost()))
	c := usage.Call{ID: usage.ID{1}, Trace: usage.TraceID{1}, Span: usage.SpanID{1}, Role: usage.RoleCall, Start: time.Now(), Model: "m"}
	future := usage.Call{ID: usage.ID{2}, Trace: usage.TraceID{2}, Span: usage.SpanID{2}, Role: usage.RoleCall, Start: time.Now().Add(1000 * time.Hour), Model: "m"}
	for range 2 {
		require.NoError(t, e.(*Store).Ledger().Commit(ctx, usage.Batch{Calls: []usage.Call{c, future}}))
	}
	var want []metricdata.DataPoint[int64]
	for outcome, n := range map[string]int64{
		"duplicate": 1, "fuller": 0, "superseded": 0, "refused_too_old": 0, "refused_future": 2, "refused_unusable": 0, "dropped": 0,
	} {
		want = append(want, metricdata.DataPoint[int64]{Value: n, Attributes: attribute.NewSet(attribute.String("outcome", outcome))})
	}
	metadatatest.AssertEqualExtensionTokenstoreRecords(t, own, want, metricdatatest.IgnoreTimestamp())
	metadatatest.AssertEqualExtensionTokenstoreSize(t, own, []metricdata.DataPoint[int64]{{}}, metricdatatest.IgnoreTimestamp(), metricdatatest.IgnoreValue())
	require.NoError(t, e.Shutdown(ctx))
	_, err = own.GetMetric("otelcol_extension_tokenstore_records")
	require.Error(t, err, "the store is closed")
	require.NoError(t, own.Shutdown(ctx))
}
