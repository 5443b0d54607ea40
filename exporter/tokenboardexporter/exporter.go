package tokenboardexporter

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/tokenboard/tokenboard/exporter/tokenboardexporter/internal/metadata"
	"github.com/tokenboard/tokenboard/extension/tokenstoreextension"
	"github.com/tokenboard/tokenboard/internal/dialect"
	"github.com/tokenboard/tokenboard/internal/ledger"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// committer is the part of the ledger that the exporter needs.
type committer interface {
	Commit(ctx context.Context, b usage.Batch) error
	CountSecrets(n int64)
}

var _ committer = (*ledger.Ledger)(nil)

// tokenExporter reads calls and commits them. A call that the tokenusage processor has normalised already is taken as
// it is; any other is recognised here, so that the numbers are right even in a pipeline without the processor.
type tokenExporter struct {
	config  *Config
	decoder *dialect.Decoder
	ledger  committer

	telemetry         *metadata.TelemetryBuilder
	committed, failed metric.MeasurementOption
}

func newTokenExporter(set exporter.Settings, c *Config) (*tokenExporter, error) {
	telemetry, err := metadata.NewTelemetryBuilder(set.TelemetrySettings)
	if err != nil {
		return nil, fmt.Errorf("set up the exporter's own metrics: %w", err)
	}
	outcome := func(is string) metric.MeasurementOption {
		return metric.WithAttributeSet(attribute.NewSet(attribute.String("outcome", is)))
	}
	return &tokenExporter{
		config: c, decoder: dialect.New(dialect.Options{}), telemetry: telemetry, committed: outcome("committed"), failed: outcome("failed"),
	}, nil
}

func (e *tokenExporter) shutdown(context.Context) error {
	e.telemetry.Shutdown()
	return nil
}

func (e *tokenExporter) start(_ context.Context, host component.Host) error {
	l, err := tokenstoreextension.Get(e.config.Storage, host)
	if err != nil {
		return err
	}
	e.ledger = l
	return nil
}

func (e *tokenExporter) pushTraces(ctx context.Context, td ptrace.Traces) error {
	b := readings.Get().(*reading)
	defer b.release()
	secrets := b.read(e.decoder, td)
	return e.commit(ctx, b.Batch, secrets)
}

// reading makes a batch of spans.
type reading struct {
	usage.Batch
	left int        // spans to come
	call usage.Call // where there is no room in the batch yet
}

// readings is a pool: the ledger keeps only the texts of a batch, so that a reading can be reused.
var readings = sync.Pool{New: func() any { return &reading{} }}

// release empties a reading and returns it to the pool. The memory of a large request is not kept.
func (b *reading) release() {
	const large = 8192 // calls or links
	if cap(b.Calls) > large || cap(b.Parents) > large {
		return
	}
	clear(b.Calls)
	b.Calls, b.Parents, b.left = b.Calls[:0], b.Parents[:0], 0
	readings.Put(b)
}

// read reads spans, and returns the number of secrets that were taken out of them.
func (b *reading) read(d *dialect.Decoder, td ptrace.Traces) (secrets int64) {
	b.left = td.SpanCount()
	rd := d.Reader()
	defer rd.Close()
	for _, rs := range td.ResourceSpans().All() {
		rd.Resource(rs.Resource())
		for _, ss := range rs.ScopeSpans().All() {
			rd.Scope(ss.Scope())
			for _, span := range ss.Spans().All() {
				b.span(rd, span)
				secrets += rd.Removed()
			}
		}
	}
	return secrets
}

// span adds a span to the batch, as a call or as a link.
func (b *reading) span(rd *dialect.Reader, span ptrace.Span) {
	b.left--
	n := len(b.Calls)
	c := &b.call
	if n < cap(b.Calls) { // read in place: a call is large
		b.Calls = b.Calls[:n+1]
		c = &b.Calls[n]
	}
	rd.Span(span, c)
	isCall := c.Role != usage.RoleNone && (c.Role == usage.RoleCall || c.Tokens.Reported())
	if isCall && n < len(b.Calls) {
		return
	}
	if isCall {
		b.Calls = append(slices.Grow(b.Calls, 1+b.expected(n+1)), *c)
		*c = usage.Call{}
		return
	}
	tool := c.Role == usage.RoleTool
	b.Calls, *c = b.Calls[:n], usage.Call{}
	if len(b.Parents) == cap(b.Parents) {
		b.Parents = slices.Grow(b.Parents, 1+b.expected(len(b.Parents)+1))
	}
	b.Parents = append(b.Parents, usage.SpanParent{
		Trace: usage.TraceID(span.TraceID()), Span: usage.SpanID(span.SpanID()),
		Parent: usage.SpanID(span.ParentSpanID()), Tool: tool,
	})
}

// expected estimates how many of the remaining spans are of a kind, from the number that the earlier ones had.
func (b *reading) expected(were int) int { return b.left * were / (len(b.Calls) + len(b.Parents) + 1) }

func (e *tokenExporter) pushLogs(ctx context.Context, ld plog.Logs) error {
	b, secrets := usage.Batch{}, int64(0)
	rd := e.decoder.Reader()
	defer rd.Close()
	for _, rl := range ld.ResourceLogs().All() {
		rd.Resource(rl.Resource())
		for _, sl := range rl.ScopeLogs().All() {
			rd.Scope(sl.Scope())
			for _, record := range sl.LogRecords().All() {
				var c usage.Call
				if _, ok := rd.Log(record, &c); ok {
					b.Calls = append(b.Calls, c)
				}
				secrets += rd.Removed()
			}
		}
	}
	return e.commit(ctx, b, secrets)
}

func (e *tokenExporter) commit(ctx context.Context, b usage.Batch, secrets int64) error {
	began := time.Now()
	err := e.ledger.Commit(ctx, b)
	took := time.Since(began).Seconds()
	if err == nil {
		e.ledger.CountSecrets(secrets)
		e.telemetry.ExporterTokenboardCommitDuration.Record(ctx, took, e.committed)
		e.telemetry.ExporterTokenboardCalls.Add(ctx, int64(len(b.Calls)))
		return nil
	}
	e.telemetry.ExporterTokenboardCommitDuration.Record(ctx, took, e.failed)
	err = fmt.Errorf("write calls to the token store: %w", err)
	if tokenstoreextension.Permanent(err) {
		return consumererror.NewPermanent(err)
	}
	return err
}
