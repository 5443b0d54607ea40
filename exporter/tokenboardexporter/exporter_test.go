package tokenboardexporter

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/exporter/exportertest"
	"go.opentelemetry.io/collector/extension/extensiontest"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/tokenboard/tokenboard/exporter/tokenboardexporter/internal/metadata"
	"github.com/tokenboard/tokenboard/extension/tokenstoreextension"
)

func TestLifecycle(t *testing.T) {
	ctx := context.Background()
	cfg := createDefaultConfig().(*Config)
	cfg.Storage = component.MustNewID("tokenstore")
	e, err := NewFactory().CreateTraces(ctx, exportertest.NewNopSettings(metadata.Type), cfg)
	require.NoError(t, err)
	require.False(t, e.Capabilities().MutatesData)
	require.NoError(t, e.Shutdown(ctx), "without a start")

	require.ErrorContains(t, e.Start(ctx, host{}), `no extension "tokenstore" is running`)
}

func TestWrongExtension(t *testing.T) {
	ctx := context.Background()
	cfg := createDefaultConfig().(*Config)
	cfg.Storage = component.MustNewID("nop")
	e, err := NewFactory().CreateLogs(ctx, exportertest.NewNopSettings(metadata.Type), cfg)
	require.NoError(t, err)
	nop, err := extensiontest.NewNopFactory().Create(ctx, extensiontest.NewNopSettings(component.MustNewType("nop")), nil)
	require.NoError(t, err)
	require.ErrorContains(t, e.Start(ctx, host{cfg.Storage: nop}), "is not a tokenstore")
	require.NoError(t, e.Shutdown(ctx))
}

// TestClosedStore: a sender whose calls could not be stored receives an error that says to try again.
func TestClosedStore(t *testing.T) {
	ctx := context.Background()
	f := tokenstoreextension.NewFactory()
	storeConfig := f.CreateDefaultConfig().(*tokenstoreextension.Config)
	storeConfig.Directory = t.TempDir()
	store, err := f.Create(ctx, extensiontest.NewNopSettings(f.Type()), storeConfig)
	require.NoError(t, err)
	require.NoError(t, store.Start(ctx, componenttest.NewNopHost()))

	cfg := createDefaultConfig().(*Config)
	cfg.Storage = component.MustNewID("tokenstore")
	e, err := NewFactory().CreateTraces(ctx, exportertest.NewNopSettings(metadata.Type), cfg)
	require.NoError(t, err)
	require.NoError(t, e.Start(ctx, host{cfg.Storage: store}))
	require.NoError(t, store.Shutdown(ctx))

	td := ptrace.NewTraces()
	s := td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans().AppendEmpty()
	s.SetTraceID([16]byte{1})
	s.SetSpanID([8]byte{1})
	s.SetStartTimestamp(1_764_000_000_000_000_000)
	s.Attributes().PutStr("gen_ai.operation.name", "chat")
	err = e.ConsumeTraces(ctx, td)
	require.Error(t, err)
	require.False(t, consumererror.IsPermanent(err))
	require.NoError(t, e.ConsumeTraces(ctx, ptrace.NewTraces()), "nothing to store")
	require.NoError(t, e.Shutdown(ctx))

	le, err := NewFactory().CreateLogs(ctx, exportertest.NewNopSettings(metadata.Type), cfg)
	require.NoError(t, err)
	require.Error(t, le.Start(ctx, host{}))
	require.NoError(t, le.Shutdown(ctx))
}
