package test

import (
	"context"
	"io"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/exporter/exportertest"
	"go.opentelemetry.io/collector/extension/extensiontest"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"go.opentelemetry.io/collector/processor/processortest"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/semconv/v1.37.0"

	"github.com/tokenboard/tokenboard/exporter/tokenboardexporter"
	"github.com/tokenboard/tokenboard/extension/tokenstoreextension"
	"github.com/tokenboard/tokenboard/internal/fakeupstream"
	"github.com/tokenboard/tokenboard/internal/ledger"
	"github.com/tokenboard/tokenboard/internal/usage"
	"github.com/tokenboard/tokenboard/processor/tokenusageprocessor"
	"github.com/tokenboard/tokenboard/proxytrace"
)

type host map[component.ID]component.Component

func (h host) GetExtensions() map[component.ID]component.Component { return h }

// store runs processor, exporter and store as a collector does.
func store(t *testing.T) (*ledger.Ledger, consumer.Traces) {
	ctx := context.Background()
	factory := tokenstoreextension.NewFactory()
	config := factory.CreateDefaultConfig().(*tokenstoreextension.Config)
	config.Directory = t.TempDir()
	ext, err := factory.Create(ctx, extensiontest.NewNopSettings(factory.Type()), config)
	require.NoError(t, err)
	require.NoError(t, ext.Start(ctx, componenttest.NewNopHost()))
	t.Cleanup(func() { require.NoError(t, ext.Shutdown(ctx)) })
	id := component.MustNewID("tokenstore")
	ef := tokenboardexporter.NewFactory()
	ec := ef.CreateDefaultConfig().(*tokenboardexporter.Config)
	ec.Storage = id
	exp, err := ef.CreateTraces(ctx, exportertest.NewNopSettings(ef.Type()), ec)
	require.NoError(t, err)
	require.NoError(t, exp.Start(ctx, host{id: ext}))
	t.Cleanup(func() { require.NoError(t, exp.Shutdown(ctx)) })
	pf := tokenusageprocessor.NewFactory()
	proc, err := pf.CreateTraces(ctx, processortest.NewNopSettings(pf.Type()), pf.CreateDefaultConfig(), exp)
	require.NoError(t, err)
	require.NoError(t, proc.Start(ctx, host{id: ext}))
	t.Cleanup(func() { require.NoError(t, proc.Shutdown(ctx)) })
	return ext.(*tokenstoreextension.Store).Ledger(), proc
}

// exporting sends spans over OTLP to a consumer.
func exporting(t *testing.T, to consumer.Traces) *sdktrace.TracerProvider {
	ctx := context.Background()
	otlp := server(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		raw, err := io.ReadAll(r.Body)
		if err == nil {
			req := ptraceotlp.NewExportRequest()
			if err = req.UnmarshalProto(raw); err == nil {
				err = to.ConsumeTraces(r.Context(), req.Traces())
			}
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
		}
	}))
	exp, err := otlptracehttp.New(ctx, otlptracehttp.WithEndpointURL(otlp.URL+"/v1/traces"))
	require.NoError(t, err)
	p := sdktrace.NewTracerProvider(sdktrace.WithBatcher(exp), sdktrace.WithResource(resource.NewSchemaless(semconv.ServiceName("proxy"))))
	t.Cleanup(func() {
		require.NoError(t, p.Shutdown(ctx))
		http.DefaultTransport.(*http.Transport).CloseIdleConnections()
	})
	return p
}

// TestLedger: with both layers in one process, every call counts once, under the client's key, with
// the figures that the upstream billed.
func TestLedger(t *testing.T) {
	for _, layers := range []string{"both", "middleware", "transport"} {
		t.Run(layers, func(t *testing.T) {
			l, to := store(t)
			p := exporting(t, to)
			o := []proxytrace.Option{proxytrace.WithTracerProvider(p), proxytrace.WithUser(func(*http.Request) string { return "alice" })}
			up := &fakeupstream.Upstream{Gzip: true}
			upstream := server(t, up)
			var transport http.RoundTripper = base(t)
			if layers != "middleware" {
				transport = proxytrace.NewTransport(transport, o...)
			}
			proxy := reverse(t, upstream.URL, transport)
			proxy.ErrorLog = quiet
			var h http.Handler = proxy
			if layers != "transport" {
				h = proxytrace.Middleware(h, o...)
			}
			front := server(t, h)
			front.Config.ErrorLog = quiet
			for _, c := range calls {
				for _, headers := range [][]string{nil, {fakeupstream.HeaderStatus, "429"}} {
					res := post(t, plainClient(t), front.URL+c.path, c.body, headers...)
					_, err := io.Copy(io.Discard, res.Body)
					require.NoError(t, err)
				}
			}
			cut := post(t, plainClient(t), front.URL+"/v1/messages", `{"model":"claude-sonnet-4-5","stream":true,"n":1}`, fakeupstream.HeaderCut, "5")
			_, _ = io.Copy(io.Discard, cut.Body)
			front.Close()
			require.NoError(t, p.ForceFlush(context.Background()))

			want := up.Totals()
			answer, err := l.Query(context.Background(), ledger.Query{By: ledger.ByKey})
			require.NoError(t, err)
			require.Len(t, answer.Groups, 1)
			got := &answer.Groups[0].Points[0]
			if layers == "transport" {
				require.NotEqual(t, l.KeyedFingerprint(usage.Fingerprint(clientKey)), answer.Groups[0].Value, "the transport alone sees the key that it sends")
			} else {
				require.Equal(t, l.KeyedFingerprint(usage.Fingerprint(clientKey)), answer.Groups[0].Value)
			}
			require.Equal(t, want.Calls, got.Calls)
			require.Equal(t, want.Failed+1, got.Errors, "the cut stream too")
			require.Equal(t, want.NoUsage-1, got.NoUsage, "of the cut stream its beginning is known")
			served := up.Served()
			last := served[len(served)-1]
			require.False(t, last.Reported)
			require.Equal(t, want.Output+1, got.Tokens.Output(), "and one token of its output")
			require.Equal(t, want.Input+last.Bill.Input, got.Tokens.Input())
			require.Equal(t, want.CacheRead+last.Bill.CacheRead, got.Tokens.CacheRead)
			require.Equal(t, want.CacheWrite+last.Bill.CacheWrite, got.Tokens.CacheWrite)
			require.Equal(t, want.Reasoning, got.Tokens.Reasoning)
			require.Equal(t, want.CacheWrite1h+last.Bill.CacheWrite1h, got.Tokens.CacheWrite1h)
		})
	}
}
