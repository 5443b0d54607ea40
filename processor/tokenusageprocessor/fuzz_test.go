package tokenusageprocessor

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/processor/processortest"

	"github.com/tokenboard/tokenboard/internal/planted"
	"github.com/tokenboard/tokenboard/processor/tokenusageprocessor/internal/metadata"
)

// FuzzScrub: whatever comes, a second processor finds nothing that the first has left.
func FuzzScrub(f *testing.F) {
	set := planted.Make(time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC))
	seeds := 0
	for i := 0; i < set.Traces.ResourceSpans().Len(); i += 97 {
		td, ld := ptrace.NewTraces(), plog.NewLogs()
		set.Traces.ResourceSpans().At(i).CopyTo(td.ResourceSpans().AppendEmpty())
		set.Logs.ResourceLogs().At(i).CopyTo(ld.ResourceLogs().AppendEmpty())
		spans, err := (&ptrace.ProtoMarshaler{}).MarshalTraces(td)
		require.NoError(f, err)
		records, err := (&plog.ProtoMarshaler{}).MarshalLogs(ld)
		require.NoError(f, err)
		f.Add(false, spans)
		f.Add(true, records)
		seeds++
	}
	require.Greater(f, seeds, 10)
	n, err := newNormaliser(processortest.NewNopSettings(metadata.Type), createDefaultConfig().(*Config))
	require.NoError(f, err)
	ctx := context.Background()
	f.Fuzz(func(t *testing.T, log bool, b []byte) {
		if log {
			ld, err := (&plog.ProtoUnmarshaler{}).UnmarshalLogs(b)
			if err != nil {
				return
			}
			once, err := n.logs(ctx, ld)
			require.NoError(t, err)
			want, err := (&plog.ProtoMarshaler{}).MarshalLogs(once)
			require.NoError(t, err)
			again, err := n.logs(ctx, once)
			require.NoError(t, err)
			got, err := (&plog.ProtoMarshaler{}).MarshalLogs(again)
			require.NoError(t, err)
			require.Equal(t, len(want), len(got))
			return
		}
		td, err := (&ptrace.ProtoUnmarshaler{}).UnmarshalTraces(b)
		if err != nil {
			return
		}
		once, err := n.traces(ctx, td)
		require.NoError(t, err)
		want, err := (&ptrace.ProtoMarshaler{}).MarshalTraces(once)
		require.NoError(t, err)
		again, err := n.traces(ctx, once)
		require.NoError(t, err)
		got, err := (&ptrace.ProtoMarshaler{}).MarshalTraces(again)
		require.NoError(t, err)
		require.Equal(t, len(want), len(got))
	})
}
