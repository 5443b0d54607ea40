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
	"github.com/tokenboard/tokenboard/internal/usage"
	"github.com/tokenboard/tokenboard/processor/tokenusageprocessor/internal/metadata"
)

// TestPlanted: of secrets in every place under every name, and of every shape in every text, nothing leaves the processor.
func TestPlanted(t *testing.T) {
	set := planted.Make(time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC))
	require.Greater(t, len(set.Secrets), 2000)
	for _, content := range []bool{true, false} {
		config := createDefaultConfig().(*Config)
		config.DropContent = content
		n, err := newNormaliser(processortest.NewNopSettings(metadata.Type), config)
		require.NoError(t, err)
		td, ld := ptrace.NewTraces(), plog.NewLogs()
		set.Traces.CopyTo(td)
		set.Logs.CopyTo(ld)
		td, err = n.traces(context.Background(), td)
		require.NoError(t, err)
		ld, err = n.logs(context.Background(), ld)
		require.NoError(t, err)
		spans, err := (&ptrace.ProtoMarshaler{}).MarshalTraces(td)
		require.NoError(t, err)
		records, err := (&plog.ProtoMarshaler{}).MarshalLogs(ld)
		require.NoError(t, err)
		require.Empty(t, set.Found(spans))
		require.Empty(t, set.Found(records))
		for _, rs := range td.ResourceSpans().All() {
			for _, ss := range rs.ScopeSpans().All() {
				for _, span := range ss.Spans().All() {
					input, ok := span.Attributes().Get(usage.AttrInputTokens)
					require.True(t, ok)
					require.Equal(t, int64(7), input.Int())
				}
			}
		}
	}
}

// TestRedactSecretsOff: switched off, clients' keys under their usual names go all the same, and nothing else.
func TestRedactSecretsOff(t *testing.T) {
	config := createDefaultConfig().(*Config)
	config.RedactSecrets = false
	n, err := newNormaliser(processortest.NewNopSettings(metadata.Type), config)
	require.NoError(t, err)
	td := ptrace.NewTraces()
	span := td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans().AppendEmpty()
	require.NoError(t, span.Attributes().FromRaw(map[string]any{
		"gen_ai.operation.name": "chat", "Authorization": "Bearer client-key-0123456789", "x_api_key": "other-key-0123456789", "db.password": "pass-word-0123456789",
		"note": "client-key-0123456789 pass-word-0123456789 sk-abcdefghijklmnop0123456789",
	}))
	_, err = n.traces(context.Background(), td)
	require.NoError(t, err)
	got := span.Attributes().AsRaw()
	require.NotContains(t, got, "Authorization")
	require.NotContains(t, got, "x_api_key")
	require.Equal(t, "pass-word-0123456789", got["db.password"])
	require.Equal(t, "clien…6789 pass-word-0123456789 sk-abcdefghijklmnop0123456789", got["note"])
	require.Equal(t, usage.Fingerprint("client-key-0123456789"), got[usage.AttrKeyFingerprint])
}
