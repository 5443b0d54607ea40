package tokenusageprocessor

import (
	"context"
	"fmt"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/processor"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/tokenboard/tokenboard/internal/dialect"
	"github.com/tokenboard/tokenboard/internal/usage"
	"github.com/tokenboard/tokenboard/processor/tokenusageprocessor/internal/metadata"
)

// legacyCacheCreation is the name that the conventions had for cache writes until v1.41.
const legacyCacheCreation = "gen_ai.usage.cache_creation.input_tokens"

// normaliser rewrites records. It holds no state between them.
type normaliser struct {
	decoder   *dialect.Decoder
	scrubber  scrubber
	legacy    bool
	telemetry *metadata.TelemetryBuilder
}

func newNormaliser(set processor.Settings, c *Config) (*normaliser, error) {
	tb, err := metadata.NewTelemetryBuilder(set.TelemetrySettings)
	if err != nil {
		return nil, fmt.Errorf("set up the processor's own metrics: %w", err)
	}
	return &normaliser{
		decoder: dialect.New(dialect.Options{Taught: c.taught()}), scrubber: newScrubber(c),
		legacy: c.EmitLegacyCacheCreation, telemetry: tb,
	}, nil
}

// tally counts what happened in one batch, so that a counter is touched once for each.
type tally struct {
	calls                          map[string]int64
	noUsage, inconsistent, removed int64
}

func (n *normaliser) report(ctx context.Context, t *tally) {
	for family, calls := range t.calls {
		n.telemetry.ProcessorTokenusageCalls.Add(ctx, calls, metric.WithAttributes(attribute.String("dialect", family)))
	}
	n.telemetry.ProcessorTokenusageNoUsage.Add(ctx, t.noUsage)
	n.telemetry.ProcessorTokenusageInconsistent.Add(ctx, t.inconsistent)
	n.telemetry.ProcessorTokenusageRemovedAttributes.Add(ctx, t.removed)
}

func (n *normaliser) traces(ctx context.Context, td ptrace.Traces) (ptrace.Traces, error) {
	t := &tally{calls: map[string]int64{}}
	for _, rs := range td.ResourceSpans().All() {
		for _, ss := range rs.ScopeSpans().All() {
			for _, span := range ss.Spans().All() {
				c, family := n.decoder.Span(rs.Resource(), ss.Scope(), span)
				if c.Role == usage.RoleCall || (c.Role != usage.RoleNone && c.Tokens.Reported()) {
					n.write(&c, family, span.Attributes(), t)
				}
				ours := c.Role != usage.RoleNone || dialect.Agent(ss.Scope().Name(), span.Name())
				t.removed += n.scrubber.attributes(span.Attributes(), ours)
				for _, event := range span.Events().All() {
					t.removed += n.scrubber.event(event, ours)
				}
			}
		}
		t.removed += n.scrubber.attributes(rs.Resource().Attributes(), false)
	}
	n.report(ctx, t)
	return td, nil
}

func (n *normaliser) logs(ctx context.Context, ld plog.Logs) (plog.Logs, error) {
	t := &tally{calls: map[string]int64{}}
	for _, rl := range ld.ResourceLogs().All() {
		for _, sl := range rl.ScopeLogs().All() {
			for _, record := range sl.LogRecords().All() {
				c, family, ok := n.decoder.Log(rl.Resource(), sl.Scope(), record)
				if ok {
					n.write(&c, family, record.Attributes(), t)
				}
				t.removed += n.scrubber.log(sl.Scope().Name(), record, ok)
			}
		}
		t.removed += n.scrubber.attributes(rl.Resource().Attributes(), false)
	}
	n.report(ctx, t)
	return ld, nil
}

// write puts a call into its record's attributes.
func (n *normaliser) write(c *usage.Call, family string, attrs pcommon.Map, t *tally) {
	t.calls[family]++
	if !c.Tokens.Reported() {
		c.Quality |= usage.NoUsage
		t.noUsage++
	}
	if c.Quality&usage.Inconsistent != 0 {
		t.inconsistent++
	}
	dialect.WriteCanonical(c, family, attrs)
	if n.legacy && c.Tokens.Fields&usage.HasCacheWrite != 0 {
		attrs.PutInt(legacyCacheCreation, c.Tokens.CacheWrite)
	}
}
