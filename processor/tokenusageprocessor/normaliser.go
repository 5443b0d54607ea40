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
	calls                          []familyCalls
	noUsage, inconsistent, removed int64

	// of the record at hand
	record usage.Call
	clear  found
}

type familyCalls struct {
	family string
	calls  int64
}

// call counts a call of a family; a batch is of few.
func (t *tally) call(family string) {
	for i := range t.calls {
		if t.calls[i].family == family {
			t.calls[i].calls++
			return
		}
	}
	t.calls = append(t.calls, familyCalls{family, 1})
}

func (n *normaliser) report(ctx context.Context, t *tally) {
	for _, f := range t.calls {
		n.telemetry.ProcessorTokenusageCalls.Add(ctx, f.calls, metric.WithAttributes(attribute.String("dialect", f.family)))
	}
	n.telemetry.ProcessorTokenusageNoUsage.Add(ctx, t.noUsage)
	n.telemetry.ProcessorTokenusageInconsistent.Add(ctx, t.inconsistent)
	n.telemetry.ProcessorTokenusageRemovedAttributes.Add(ctx, t.removed)
}

func (n *normaliser) traces(ctx context.Context, td ptrace.Traces) (ptrace.Traces, error) {
	t := &tally{}
	rd := n.decoder.Reader()
	defer rd.Close()
	for _, rs := range td.ResourceSpans().All() {
		rd.Resource(rs.Resource())
		for _, ss := range rs.ScopeSpans().All() {
			rd.Scope(ss.Scope())
			for _, span := range ss.Spans().All() {
				n.span(rd, span, t)
			}
		}
		t.removed += n.scrubber.attributes(rs.Resource().Attributes(), rd.ResourceKinds(), false)
	}
	n.report(ctx, t)
	return td, nil
}

func (n *normaliser) span(rd *dialect.Reader, span ptrace.Span, t *tally) {
	c := &t.record // a call is large, and would be allocated for each span
	*c = usage.Call{}
	family := rd.Span(span, c)
	t.clear.keys, t.clear.names = rd.Keys(t.clear.keys[:0], t.clear.names[:0])
	if c.Role == usage.RoleCall || (c.Role != usage.RoleNone && c.Tokens.Reported()) {
		n.write(rd, c, family, span.Attributes(), t)
	}
	ours := c.Role != usage.RoleNone || rd.Agent(span.Name())
	t.removed += n.scrubber.span(span.Attributes(), rd.Kinds(), ours, t.clear)
	for _, event := range span.Events().All() {
		t.removed += n.scrubber.event(event, ours)
	}
}

func (n *normaliser) logs(ctx context.Context, ld plog.Logs) (plog.Logs, error) {
	t := &tally{}
	rd := n.decoder.Reader()
	defer rd.Close()
	for _, rl := range ld.ResourceLogs().All() {
		rd.Resource(rl.Resource())
		for _, sl := range rl.ScopeLogs().All() {
			rd.Scope(sl.Scope())
			for _, record := range sl.LogRecords().All() {
				t.record = usage.Call{}
				family, ok := rd.Log(record, &t.record)
				if ok {
					n.write(rd, &t.record, family, record.Attributes(), t)
				}
				t.removed += n.scrubber.log(rd, record, ok)
			}
		}
		t.removed += n.scrubber.attributes(rl.Resource().Attributes(), rd.ResourceKinds(), false)
	}
	n.report(ctx, t)
	return ld, nil
}

// write puts the call that was read last into its record's attributes.
func (n *normaliser) write(rd *dialect.Reader, c *usage.Call, family string, attrs pcommon.Map, t *tally) {
	t.call(family)
	if !c.Tokens.Reported() {
		c.Quality |= usage.NoUsage
		t.noUsage++
	}
	if c.Quality&usage.Inconsistent != 0 {
		t.inconsistent++
	}
	rd.Write(c, family)
	if n.legacy && c.Tokens.Fields&usage.HasCacheWrite != 0 {
		attrs.PutInt(legacyCacheCreation, c.Tokens.CacheWrite)
	}
}
