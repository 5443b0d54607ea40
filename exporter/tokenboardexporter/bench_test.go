//go:build unix

package tokenboardexporter

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/exporter/exportertest"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"go.opentelemetry.io/collector/processor/processortest"
	"golang.org/x/sys/unix"

	"github.com/tokenboard/tokenboard/exporter/tokenboardexporter/internal/metadata"
	"github.com/tokenboard/tokenboard/internal/loadgen"
	"github.com/tokenboard/tokenboard/internal/usage"
	"github.com/tokenboard/tokenboard/processor/tokenusageprocessor"
)

const benchSpans = 512 // of one request, as SDKs and agents send them

// foreignSpan is what else a busy pipeline is full of: HTTP servers, and databases.
func foreignSpan(rng *rand.Rand, trace pcommon.TraceID, s ptrace.Span) {
	var id pcommon.SpanID
	for i := range id {
		id[i] = byte(rng.Uint32())
	}
	s.SetTraceID(trace)
	s.SetSpanID(id)
	s.SetStartTimestamp(1_764_000_000_000_000_000)
	s.SetEndTimestamp(1_764_000_001_000_000_000)
	a := s.Attributes()
	if rng.IntN(2) == 0 {
		s.SetName("GET /orders/{id}")
		s.SetKind(ptrace.SpanKindServer)
		a.PutStr("http.request.method", "GET")
		a.PutStr("http.route", "/orders/{id}")
		a.PutInt("http.response.status_code", 200)
		a.PutStr("url.path", fmt.Sprintf("/orders/%d", rng.IntN(1e6)))
		a.PutStr("url.scheme", "https")
		a.PutStr("url.query", "page=2&sort=asc")
		a.PutStr("server.address", "shop.example")
		a.PutInt("server.port", 443)
		a.PutStr("client.address", "10.0.0.7")
		a.PutStr("network.protocol.version", "1.1")
		a.PutStr("user_agent.original", "Mozilla/5.0 (X11; Linux x86_64)")
		a.PutInt("thread.id", 17)
		return
	}
	s.SetName("SELECT orders")
	s.SetKind(ptrace.SpanKindClient)
	a.PutStr("db.system.name", "postgresql")
	a.PutStr("db.namespace", "shop")
	a.PutStr("db.operation.name", "SELECT")
	a.PutStr("db.collection.name", "orders")
	a.PutStr("db.query.text", "SELECT id, total FROM orders WHERE id = $1")
	a.PutStr("server.address", "db.example")
	a.PutInt("server.port", 5432)
	a.PutStr("thread.name", "worker-3")
}

// benchTraces makes a request of spans, of which a share in hundredths is foreign.
func benchTraces(foreign int) ptrace.Traces {
	rng := rand.New(rand.NewPCG(1, 2))
	g := loadgen.New(loadgen.Set{Seed: 1, Calls: benchSpans, Ordered: true, Days: 1})
	td := ptrace.NewTraces()
	spans := map[string]ptrace.SpanSlice{}
	for range benchSpans {
		c, _ := g.Next()
		into, ok := spans[c.Service]
		if !ok {
			rs := td.ResourceSpans().AppendEmpty()
			rs.Resource().Attributes().PutStr("service.name", c.Service)
			rs.Resource().Attributes().PutStr("service.instance.id", "627cc493-f310-47de-96bd-71410b7dec09")
			rs.Resource().Attributes().PutStr("deployment.environment.name", c.Environment)
			rs.Resource().Attributes().PutStr("telemetry.sdk.name", "opentelemetry")
			ss := rs.ScopeSpans().AppendEmpty()
			ss.Scope().SetName("my.proxy")
			into = ss.Spans()
			spans[c.Service] = into
		}
		if rng.IntN(100) < foreign {
			foreignSpan(rng, pcommon.TraceID(c.Trace), into.AppendEmpty())
		} else {
			loadgen.PutSpan(&c, into.AppendEmpty())
		}
	}
	return td
}

// discard stands in for the ledger.
type discard struct{ calls, links int }

func (d *discard) CountSecrets(int64) {}

func (d *discard) Commit(_ context.Context, b usage.Batch) error {
	d.calls += len(b.Calls)
	d.links += len(b.Parents)
	return nil
}

// benchPipeline returns a processor, an exporter without a ledger, and the two in a row.
func benchPipeline(b *testing.B) (alone, both consumer.Traces, e *tokenExporter) {
	b.Helper()
	ctx := context.Background()
	cfg := createDefaultConfig().(*Config)
	cfg.Storage = component.MustNewID("tokenstore")
	e, err := newTokenExporter(exportertest.NewNopSettings(metadata.Type), cfg)
	require.NoError(b, err)
	e.ledger = &discard{}
	f := tokenusageprocessor.NewFactory()
	process := func(push consumer.ConsumeTracesFunc) consumer.Traces {
		next, err := consumer.NewTraces(push)
		require.NoError(b, err)
		p, err := f.CreateTraces(ctx, processortest.NewNopSettings(f.Type()), f.CreateDefaultConfig(), next)
		require.NoError(b, err)
		return p
	}
	return process(func(context.Context, ptrace.Traces) error { return nil }), process(e.pushTraces), e
}

func cpuTime(b *testing.B) time.Duration {
	var u unix.Rusage
	require.NoError(b, unix.Getrusage(unix.RUSAGE_SELF, &u))
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkIngest returns what a span costs on its way from the bytes of a request to the ledger; of
// spans that are all calls, and of spans of which half have nothing to do with models.
func BenchmarkIngest(b *testing.B) {
	ctx := context.Background()
	// CPU time, of the garbage collector too: it wanders less than the time by the clock.
	measure := func(b *testing.B, run func()) {
		b.ReportAllocs()
		from, n := cpuTime(b), 0
		for b.Loop() {
			run()
			n++
		}
		b.ReportMetric(float64((cpuTime(b)-from).Nanoseconds())/float64(n)/benchSpans, "cpu-ns/span")
	}
	for _, kind := range []struct {
		name    string
		foreign int
	}{{"calls", 0}, {"mixed", 50}, {"foreign", 100}} {
		td := benchTraces(kind.foreign)
		request, err := ptraceotlp.NewExportRequestFromTraces(td).MarshalProto()
		require.NoError(b, err)
		read := func(b *testing.B) ptrace.Traces {
			r := ptraceotlp.NewExportRequest()
			require.NoError(b, r.UnmarshalProto(request))
			return r.Traces()
		}
		alone, both, e := benchPipeline(b)
		b.Run(kind.name+"/unmarshal", func(b *testing.B) {
			measure(b, func() { read(b) })
		})
		b.Run(kind.name+"/processor", func(b *testing.B) { // with what it takes to unmarshal
			measure(b, func() { _ = alone.ConsumeTraces(ctx, read(b)) })
		})
		b.Run(kind.name+"/exporter", func(b *testing.B) {
			td := read(b)
			require.NoError(b, alone.ConsumeTraces(ctx, td))
			measure(b, func() { _ = e.pushTraces(ctx, td) })
		})
		b.Run(kind.name+"/all", func(b *testing.B) {
			measure(b, func() { _ = both.ConsumeTraces(ctx, read(b)) })
		})
	}
}
