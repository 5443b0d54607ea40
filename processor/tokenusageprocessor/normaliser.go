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
		decoder: dialect.New(dialect.Options{Custom: c.customDialects(), Scrubs: true, KeysOnly: !c.RedactSecrets}), scrubber: newScrubber(c),
		legacy: c.EmitLegacyCacheCreation, telemetry: tb,
	}, nil
}

// tally counts what happened in one batch, so that a counter is touched once for each.
type tally struct {
	calls                          []familyCalls
	noUsage, inconsistent, removed int64

	secrets int64
	// found are secrets of scopes, which their first record says in its attributes.
	found int64

	record usage.Call // the one at hand
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
	n.telemetry.ProcessorTokenusageRemovedSecrets.Add(ctx, t.secrets)
}

func (n *normaliser) traces(ctx context.Context, td ptrace.Traces) (ptrace.Traces, error) {
	t := &tally{}
	rd := n.decoder.Reader()
	defer rd.Close()
	for _, rs := range td.ResourceSpans().All() {
		rd.Resource(rs.Resource())
		first := pcommon.NewMap()
		for _, ss := range rs.ScopeSpans().All() {
			rd.Scope(ss.Scope())
			n.scope(rd, ss.Scope(), ss.SchemaUrl, ss.SetSchemaUrl, t)
			for i, span := range ss.Spans().All() {
				n.span(rd, span, t)
				if i == 0 {
					first = span.Attributes()
				}
			}
		}
		n.resource(rd, rs.Resource(), rs.SchemaUrl, rs.SetSchemaUrl, first, t) // when its records have been read
	}
	n.report(ctx, t)
	return td, nil
}

// resource scrubs a resource whose records were read. One of them says how many secrets it held: its own
// attributes make it what it is.
func (n *normaliser) resource(rd *dialect.Reader, res pcommon.Resource, schema func() string, setSchema func(string), first pcommon.Map, t *tally) {
	s := n.scrubber.start(rd, rd.KnownSecrets())
	s.attributes(res.Attributes(), rd.ResourceKinds(), n.scrubber.unwanted(false))
	set(&s, schema, setSchema)
	s.secrets += t.found // of scopes without records
	t.done(&s, first)
}

// scope scrubs a scope that was read.
func (n *normaliser) scope(rd *dialect.Reader, scope pcommon.InstrumentationScope, schema func() string, setSchema func(string), t *tally) {
	s := n.scrubber.start(rd, rd.KnownSecrets())
	s.attributes(scope.Attributes(), kindsOf(scope.Attributes()), n.scrubber.unwanted(false))
	set(&s, scope.Name, scope.SetName)
	set(&s, scope.Version, scope.SetVersion)
	set(&s, schema, setSchema)
	t.removed, t.found = t.removed+s.removed, t.found+s.secrets
}

func (n *normaliser) span(rd *dialect.Reader, span ptrace.Span, t *tally) {
	c := &t.record // a call is large, and would be allocated for each span
	*c = usage.Call{}
	family := rd.Span(span, c)
	s := n.scrubber.start(rd, rd.Secrets())
	s.secrets = t.found
	if c.Role == usage.RoleCall || (c.Role != usage.RoleNone && c.Tokens.Reported()) {
		n.write(rd, c, family, span.Attributes(), t)
	}
	s.span(span, rd.Kinds(), c.Role != usage.RoleNone || rd.Agent(span.Name()))
	t.done(&s, span.Attributes())
}

// done counts what was taken out of a record.
func (t *tally) done(s *scrub, attrs pcommon.Map) {
	t.removed, t.secrets, t.found = t.removed+s.removed, t.secrets+s.secrets, 0
	s.mark(attrs)
}

func (n *normaliser) logs(ctx context.Context, ld plog.Logs) (plog.Logs, error) {
	t := &tally{}
	rd := n.decoder.Reader()
	defer rd.Close()
	for _, rl := range ld.ResourceLogs().All() {
		rd.Resource(rl.Resource())
		first := pcommon.NewMap()
		for _, sl := range rl.ScopeLogs().All() {
			rd.Scope(sl.Scope())
			n.scope(rd, sl.Scope(), sl.SchemaUrl, sl.SetSchemaUrl, t)
			for i, record := range sl.LogRecords().All() {
				n.log(rd, record, t)
				if i == 0 {
					first = record.Attributes()
				}
			}
		}
		n.resource(rd, rl.Resource(), rl.SchemaUrl, rl.SetSchemaUrl, first, t)
	}
	n.report(ctx, t)
	return ld, nil
}

func (n *normaliser) log(rd *dialect.Reader, record plog.LogRecord, t *tally) {
	t.record = usage.Call{}
	family, ok := rd.Log(record, &t.record)
	s := n.scrubber.start(rd, rd.Secrets())
	s.secrets = t.found
	if ok {
		n.write(rd, &t.record, family, record.Attributes(), t)
	}
	s.log(rd, record, ok)
	t.done(&s, record.Attributes())
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
