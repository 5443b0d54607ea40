package tokenboardexporter

import (
	"context"
	"fmt"
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

// tokenExporter reads calls and commits them. What the tokenusage processor has normalised
// already is taken as it is; anything else is recognised here, so that the numbers are right
// even in a pipeline without the processor.
type tokenExporter struct {
	config  *Config
	decoder *dialect.Decoder
	ledger  *ledger.Ledger

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
	b := usage.Batch{}
	for _, rs := range td.ResourceSpans().All() {
		for _, ss := range rs.ScopeSpans().All() {
			for _, span := range ss.Spans().All() {
				c, _ := e.decoder.Span(rs.Resource(), ss.Scope(), span)
				if c.Role != usage.RoleNone && (c.Role == usage.RoleCall || c.Tokens.Reported()) {
					b.Calls = append(b.Calls, c)
					continue
				}
				b.Links = append(b.Links, usage.Link{
					Trace: usage.TraceID(span.TraceID()), Span: usage.SpanID(span.SpanID()),
					Parent: usage.SpanID(span.ParentSpanID()), Tool: c.Role == usage.RoleTool,
				})
			}
		}
	}
	return e.commit(ctx, b)
}

func (e *tokenExporter) pushLogs(ctx context.Context, ld plog.Logs) error {
	b := usage.Batch{}
	for _, rl := range ld.ResourceLogs().All() {
		for _, sl := range rl.ScopeLogs().All() {
			for _, record := range sl.LogRecords().All() {
				if c, _, ok := e.decoder.Log(rl.Resource(), sl.Scope(), record); ok {
					b.Calls = append(b.Calls, c)
				}
			}
		}
	}
	return e.commit(ctx, b)
}

func (e *tokenExporter) commit(ctx context.Context, b usage.Batch) error {
	began := time.Now()
	err := e.ledger.Commit(ctx, b)
	took := time.Since(began).Seconds()
	if err == nil {
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
