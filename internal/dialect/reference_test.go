package dialect

import (
	"bufio"
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/tokenboard/tokenboard/internal/dialect/providers"
	"github.com/tokenboard/tokenboard/internal/dialect/tables"
	"github.com/tokenboard/tokenboard/internal/dialect/value"
	"github.com/tokenboard/tokenboard/internal/secret"
	"github.com/tokenboard/tokenboard/internal/usage"
	"github.com/tokenboard/tokenboard/internal/usage/figures"
)

// decode fills in all but identity and time.
func (r *plainRecord) decode(c *usage.Call, v verdict, failed bool) (family string) {
	get := func(name string) string {
		v, ok := lastOf(r.res, name)
		if !ok {
			return ""
		}
		return plainText(value.Raw(v))
	}
	c.Scope, c.Process, c.Service = cleanScope(r.scope), r.process(), get("service.name")
	if c.Environment = get("deployment.environment.name"); c.Environment == "" {
		c.Environment = get("deployment.environment")
	}
	if r.readCanonical(c, failed) {
		return Canonical
	}
	if v == never {
		return ""
	}
	c.Provider = r.provider()
	if v == unsaid && !r.log && c.Provider != "" && (failed || r.exception != "") {
		if _, model := r.implied(nil); model != "" {
			v = call
		}
	}
	best := r.figures(c, v)
	r.modalities(c)
	c.Role = roleWith(v, c.Tokens.Reported())
	if v == unsaid && c.Quality&usage.Inconsistent != 0 && c.Role == usage.RoleNone {
		c.Role = usage.RoleCall
	}
	if c.Role == usage.RoleNone || (c.Role == usage.RoleTool && !c.Tokens.Reported()) {
		*c = usage.Call{Trace: c.Trace, Span: c.Span, Parent: c.Parent, Role: c.Role}
		return ""
	}
	r.facts(c, best, failed)
	if best != nil && len(best.Answered) > 0 && !c.Failed && c.Role == usage.RoleCall && !c.Tokens.Reported() && !slices.ContainsFunc(best.Answered, r.is) {
		*c = usage.Call{Trace: c.Trace, Span: c.Span, Parent: c.Parent}
		return ""
	}
	if best != nil && c.Tokens.Reported() {
		implied, model := r.implied(best)
		hidden := r.part(best, best.HidesCache, providers.Rules(c.Provider, implied, model)) != figures.Undecided && c.Tokens.Fields&(usage.HasCacheRead|usage.HasCacheWrite) == 0
		sums := strings.HasPrefix(r.version, best.SumsVersion) && slices.ContainsFunc(best.Sums, r.is)
		for flag, is := range map[usage.Quality]bool{
			usage.SeveralCalls: best.Runs, usage.Estimated: best.Guesses && c.Failed, usage.CacheMissing: hidden, usage.RunningSum: sums,
		} {
			if is {
				c.Quality |= flag
			}
		}
	}
	for _, e := range tables.Sessions {
		if r.scope == e.Scope && c.Session != "" {
			c.SignalGroup, c.SecondarySignal = e.Name+"|"+c.Session, !r.log || !slices.Contains(e.Full, r.event)
		}
	}
	if best == nil {
		return "gen_ai"
	}
	return best.Name
}

// plainSpan reads a span with ids.
func plainSpan(d *Decoder, res pcommon.Resource, scope pcommon.InstrumentationScope, s ptrace.Span) (c usage.Call, family string) {
	r := plainOf(d, res, scope, s.Attributes())
	r.name = s.Name()
	c.Trace, c.Span, c.Parent = usage.TraceID(s.TraceID()), usage.SpanID(s.SpanID()), usage.SpanID(s.ParentSpanID())
	if !r.hasUsageAttribute() && r.role(true) == unsaid {
		return c, ""
	}
	c.Start = s.StartTimestamp().AsTime().UTC()
	if end := s.EndTimestamp(); end > s.StartTimestamp() {
		if s.StartTimestamp() == 0 {
			c.Start = end.AsTime().UTC()
		} else if d := time.Duration(end - s.StartTimestamp()); d > 0 && d < maxDuration {
			c.Duration = d
		}
	}
	r.statusMessage = s.Status().Message()
	for _, e := range s.Events().All() {
		if kind, ok := e.Attributes().Get("exception.type"); ok && e.Name() == "exception" && value.IsReported(plainText(value.Raw(kind))) {
			r.exception = plainText(value.Raw(kind))
		}
		if v, ok := e.Attributes().Get("exception.message"); ok && e.Name() == "exception" && v.Type() == pcommon.ValueTypeStr {
			r.message = v.Str()
		}
	}
	family = r.decode(&c, r.role(false), s.Status().Code() == ptrace.StatusCodeError)
	c.ID = usage.SpanRecordID(c.Trace, c.Span)
	maps := []pcommon.Map{s.Attributes()}
	for _, e := range s.Events().All() {
		maps = append(maps, e.Attributes())
	}
	for _, l := range s.Links().All() {
		maps = append(maps, l.Attributes())
	}
	plainConceal(res, scope, &c, maps...)
	return c, family
}

// plainLog reads a log record, apart from its identity.
func plainLog(d *Decoder, res pcommon.Resource, scope pcommon.InstrumentationScope, lr plog.LogRecord) (c usage.Call, family string, ok bool) {
	r := plainOf(d, res, scope, lr.Attributes())
	r.log = true
	if v, ok := lastOf(lr.Attributes(), "event.name"); ok {
		r.event = plainText(value.Raw(v))
	} else if r.event = plainClean(lr.EventName()); lr.EventName() == "" && lr.Body().Type() == pcommon.ValueTypeStr && len(lr.Body().Str()) <= value.MaxNumberText {
		r.event = plainClean(lr.Body().Str())
	}
	if !r.hasUsageAttribute() {
		return c, "", false
	}
	v := r.logVerdict()
	c.Signal, c.Trace, c.Span = usage.SignalLog, usage.TraceID(lr.TraceID()), usage.SpanID(lr.SpanID())
	switch t, err := time.Parse(time.RFC3339Nano, r.textOf("event.timestamp")); {
	case err == nil:
		c.Start = t.UTC()
	case lr.Timestamp() != 0:
		c.Start = lr.Timestamp().AsTime().UTC()
	default:
		c.Start = lr.ObservedTimestamp().AsTime().UTC()
	}
	family = r.decode(&c, v, lr.SeverityNumber() >= plog.SeverityNumberError && v == call)
	if c.Role == usage.RoleNone || c.Role == usage.RoleTool || (v != call && !c.Tokens.Reported()) {
		return usage.Call{}, "", false
	}
	if family != Canonical {
		c.Start = c.Start.Add(-c.Duration)
	}
	plainConceal(res, scope, &c, lr.Attributes())
	return c, family, true
}

// plainConceal takes secrets out of all texts of a call.
func plainConceal(res pcommon.Resource, scope pcommon.InstrumentationScope, c *usage.Call, record ...pcommon.Map) {
	if c.Role == usage.RoleNone {
		return
	}
	var keys [3]secret.Keys
	gather(known, KindKey|KindSecret, res.Attributes(), &keys[0])
	gather(known, KindKey|KindSecret, scope.Attributes(), &keys[1])
	for _, m := range record {
		gather(known, KindKey|KindSecret, m, &keys[2])
	}
	for _, t := range texts(c) {
		for i := range keys {
			cut(&keys[i], t)
		}
		concealText(t)
	}
}

func (r *plainRecord) textOf(name string) string {
	v, ok := r.get(name)
	if !ok {
		return ""
	}
	return plainText(v)
}

func (r *plainRecord) logVerdict() verdict {
	if r.event == inferenceEvent {
		return unsaid
	}
	for _, f := range builtIn {
		if len(f.Events) == 0 || !r.applies(f, unsaid) {
			continue
		}
		if slices.Contains(f.CallEvents, r.event) {
			return call
		}
		return unsaid
	}
	if _, normalised := r.get(usage.AttrRole); normalised {
		return unsaid
	}
	return never
}

func plainOf(d *Decoder, res pcommon.Resource, scope pcommon.InstrumentationScope, attrs pcommon.Map) *plainRecord {
	rd := d.Reader() // not closed: it is for this record alone
	rd.Resource(res)
	rd.Scope(scope)
	rd.record.look(attrs)
	return &plainRecord{attrs: attrs, res: res.Attributes(), scope: scope.Name(), version: scope.Version(), nested: &rd.record}
}

// plainWrite is WriteCanonical in the plainest way.
func plainWrite(c *usage.Call, family string, attrs pcommon.Map) {
	attrs.RemoveIf(func(k string, v pcommon.Value) bool {
		last, _ := lastOf(attrs, k)
		return k == usage.AttrQuality || (slices.Contains(canonicalNames(), k) && v != last)
	})
	integer := func(name string, has bool, n int64) {
		if has {
			attrs.PutInt(name, n)
		}
	}
	for _, f := range []struct {
		name  string
		field usage.TokenFields
		n     int64
	}{
		{usage.AttrInputTokens, usage.HasInput, c.Tokens.Input()}, {usage.AttrOutputTokens, usage.HasOutput, c.Tokens.Output()},
		{usage.AttrCacheRead, usage.HasCacheRead, c.Tokens.CacheRead}, {usage.AttrCacheWrite, usage.HasCacheWrite, c.Tokens.CacheWrite},
		{usage.AttrReasoningTokens, usage.HasReasoning, c.Tokens.Reasoning}, {usage.AttrCacheWrite1h, usage.HasCacheWrite1h, c.Tokens.CacheWrite1h},
	} {
		if integer(f.name, c.Tokens.Fields&f.field != 0, f.n); c.Tokens.Fields&f.field == 0 {
			attrs.Remove(f.name)
		}
	}
	_, hasTotal := attrs.Get("gen_ai.usage.total_tokens")
	integer("gen_ai.usage.total_tokens", hasTotal, c.Tokens.Total())
	for _, part := range tables.Modalities {
		integer(part.Aliases[0], *part.At(&c.Modalities) > 0, *part.At(&c.Modalities))
	}
	role := map[usage.Role]string{usage.RoleCall: "call", usage.RoleAggregate: "aggregate", usage.RoleTool: "tool"}[c.Role]
	for name, s := range map[string]string{
		usage.AttrOperation: c.Operation, usage.AttrProvider: c.Provider, usage.AttrRequestModel: c.RequestModel, usage.AttrResponseModel: c.Model,
		usage.AttrResponseID: c.ResponseID, usage.AttrErrorType: c.ErrorType, usage.AttrErrorMessage: c.ErrorMessage, usage.AttrRequestID: c.RequestID,
		usage.AttrKeyFingerprint: c.KeyFingerprint, usage.AttrKeyDisplay: c.KeyDisplay, usage.AttrUser: c.User, usage.AttrProject: c.Project,
		usage.AttrSession: c.Session, usage.AttrAccount: c.Account, usage.AttrGroup: c.SignalGroup, usage.AttrFamily: family, usage.AttrRole: role,
		usage.AttrHTTPMethod: c.Method, usage.AttrURLPath: c.Path, usage.AttrTier: c.Tier.String(),
	} {
		if attrs.PutStr(name, s); s == "" {
			attrs.Remove(name)
		}
	}
	if _, ok := attrs.Get(usage.AttrConversationID); !ok && c.Session != "" {
		attrs.PutStr(usage.AttrConversationID, c.Session)
	}
	tier := map[usage.Tier]string{
		usage.TierStandard: "default", usage.TierBatch: "batch", usage.TierFlex: "flex", usage.TierPriority: "priority", usage.TierScale: "scale",
	}[c.Tier]
	if _, ok := attrs.Get(usage.AttrResponseTier); !ok && tier != "" && slices.Contains([]string{"openai", "azure.ai.openai"}, c.Provider) {
		attrs.PutStr(usage.AttrResponseTier, tier)
	}
	integer(usage.AttrHTTPStatus, c.Status != 0, int64(c.Status))
	if c.Stream != usage.Unknown {
		attrs.PutBool(usage.AttrRequestStream, c.Stream == usage.Yes)
	}
	if c.TTFT > 0 {
		attrs.PutDouble(usage.AttrTTFT, c.TTFT.Seconds())
	}
	if c.SecondarySignal {
		attrs.PutBool(usage.AttrEcho, true)
	}
	integer(usage.AttrCostReported, c.HasReportedCost, int64(c.ReportedCost))
	if names := c.Quality.Names(); len(names) > 0 {
		list := attrs.PutEmptySlice(usage.AttrQuality)
		for _, n := range names {
			list.AppendEmpty().SetStr(n)
		}
	}
	if c.Signal == usage.SignalLog {
		attrs.PutStr(attrRecordID, c.ID.String())
		integer(attrStart, true, c.Start.UnixNano())
		integer(attrDuration, true, int64(c.Duration))
	}
}

// requireEqualAttributes compares attributes whatever their order.
func requireEqualAttributes(t *testing.T, want, got pcommon.Map) {
	t.Helper()
	lines := func(m pcommon.Map) (out []string) {
		for k, v := range m.All() {
			out = append(out, k+" "+v.Type().String()+" "+v.AsString())
		}
		slices.Sort(out)
		return out
	}
	require.Equal(t, lines(want), lines(got))
}

// requireSame reads and writes a span and a log record in both ways, twice: as it came, and as it was written.
func requireSame(t *testing.T, d *Decoder, rd *Reader, td ptrace.Traces, ld plog.Logs) (calls int) {
	t.Helper()
	check := func(attrs pcommon.Map, want, got usage.Call, wantFamily, family string, write bool) bool {
		require.Equal(t, wantFamily, family)
		require.Equal(t, want, got)
		if !write || family == Canonical {
			return false
		}
		plain := pcommon.NewMap()
		attrs.CopyTo(plain)
		plainWrite(&want, family, plain)
		rd.Write(&got, family)
		requireEqualAttributes(t, plain, attrs)
		calls++
		return true
	}
	for _, rs := range td.ResourceSpans().All() {
		rd.Resource(rs.Resource())
		for _, ss := range rs.ScopeSpans().All() {
			rd.Scope(ss.Scope())
			for _, s := range ss.Spans().All() {
				for again := !s.TraceID().IsEmpty() && !s.SpanID().IsEmpty(); again; {
					want, wantFamily := plainSpan(d, rs.Resource(), ss.Scope(), s)
					var got usage.Call
					family := rd.Span(s, &got)
					again = check(s.Attributes(), want, got, wantFamily, family, got.Role != usage.RoleNone && (got.Role == usage.RoleCall || got.Tokens.Reported()))
				}
			}
		}
	}
	for _, rl := range ld.ResourceLogs().All() {
		rd.Resource(rl.Resource())
		for _, sl := range rl.ScopeLogs().All() {
			rd.Scope(sl.Scope())
			for _, lr := range sl.LogRecords().All() {
				for again := true; again; {
					want, wantFamily, wantOK := plainLog(d, rl.Resource(), sl.Scope(), lr)
					var got usage.Call
					family, ok := rd.Log(lr, &got)
					require.Equal(t, wantOK, ok)
					want.ID = got.ID // a hash of what was read
					again = check(lr.Attributes(), want, got, wantFamily, family, ok)
				}
			}
		}
	}
	return calls
}

// TestPlain: over all cases, all captures and the corpus of the fuzzer, the decoder reads and writes what the
// plain way does.
func TestPlain(t *testing.T) {
	d := New(Options{})
	rd := d.Reader()
	defer rd.Close()
	calls := 0
	for _, tc := range loadCases(t) {
		td, ld := ptrace.NewTraces(), plog.NewLogs()
		if tc.Signal == "log" {
			rl := ld.ResourceLogs().AppendEmpty()
			tc.PutResource(rl.Resource().Attributes())
			sl := rl.ScopeLogs().AppendEmpty()
			sl.Scope().SetName(tc.Scope)
			lr := sl.LogRecords().AppendEmpty()
			lr.Body().SetStr(tc.SpanName)
			lr.SetTimestamp(1)
			tc.PutAttributes(t, lr.Attributes())
		} else {
			rs := td.ResourceSpans().AppendEmpty()
			tc.PutResource(rs.Resource().Attributes())
			ss := rs.ScopeSpans().AppendEmpty()
			ss.Scope().SetName(tc.Scope)
			s := ss.Spans().AppendEmpty()
			s.SetName(tc.SpanName)
			s.SetTraceID(pcommon.TraceID{1})
			s.SetSpanID(pcommon.SpanID{1})
			tc.PutAttributes(t, s.Attributes())
		}
		calls += requireSame(t, d, rd, td, ld)
	}
	require.Greater(t, calls, 60)

	files, err := filepath.Glob(filepath.Join("..", "..", "testdata", "captures", "*", "*.jsonl"))
	require.NoError(t, err)
	require.NotEmpty(t, files)
	calls = 0
	for _, path := range files {
		file, err := os.Open(path)
		require.NoError(t, err)
		sc := bufio.NewScanner(file)
		sc.Buffer(nil, 64<<20)
		for sc.Scan() {
			td, err := (&ptrace.JSONUnmarshaler{}).UnmarshalTraces(sc.Bytes())
			if err != nil {
				td = ptrace.NewTraces()
			}
			ld, err := (&plog.JSONUnmarshaler{}).UnmarshalLogs(sc.Bytes())
			if err != nil {
				ld = plog.NewLogs()
			}
			calls += requireSame(t, d, rd, td, ld)
		}
		require.NoError(t, sc.Err())
		require.NoError(t, file.Close())
	}
	require.Greater(t, calls, 200)
}

// TestPlainKinds: what the table of names says of a name is what the lists say.
func TestPlainKinds(t *testing.T) {
	content := func(name string) bool {
		mastra := strings.HasPrefix(name, "mastra.") && (strings.HasSuffix(name, ".input") || strings.HasSuffix(name, ".output"))
		raw := (strings.HasPrefix(name, "llm.") || strings.HasPrefix(name, "gen_ai.")) &&
			slices.ContainsFunc(tables.ContentSuffixes, func(s string) bool { return strings.HasSuffix(name, s) })
		parts := strings.Split(name, ".")
		raw = raw || (len(parts) == 3 && tables.IsRaw(name))
		return mastra || raw || slices.Contains(tables.ContentNames, name) || hasPrefix(name, tables.ContentPrefixes)
	}
	names := slices.Clone(known.list)
	for _, name := range known.list {
		names = append(names, name+".x", name+".messages", name+".input", strings.TrimSuffix(name, "s"))
	}
	names = append(names, "a", "mastra.x.input", "llm.hosted.choices", "gen_ai.", "ai", "x.messages", strings.Repeat("n", 300))
	for _, name := range names {
		k := KindOf(name)
		require.Equal(t, content(name), k&KindContent != 0, name)
		require.Equal(t, slices.Contains(tables.PlainContent, name), k&KindPlain != 0, name)
		require.Equal(t, slices.Contains(tables.MessageContent, name), k&KindMessage != 0, name)
		require.Equal(t, slices.Contains(tables.RawKeys, name), k&KindKey != 0, name)
		require.Equal(t, slices.Contains(tables.URLAttributes, name), k&KindURL != 0, name)
		require.Equal(t, hasPrefix(name, tables.UsageAttributes), k&kindUsage != 0, name)
	}
}

// FuzzPlain looks for records that the decoder reads otherwise than the plain way.
func FuzzPlain(f *testing.F) {
	seeds(f)
	d := New(Options{})
	f.Fuzz(func(t *testing.T, logs bool, b []byte) {
		td, ld := ptrace.NewTraces(), plog.NewLogs()
		var err error
		if logs {
			ld, err = (&plog.ProtoUnmarshaler{}).UnmarshalLogs(b)
		} else {
			td, err = (&ptrace.ProtoUnmarshaler{}).UnmarshalTraces(b)
		}
		if err != nil {
			return
		}
		rd := d.Reader()
		defer rd.Close()
		requireSame(t, d, rd, td, ld)
	})
}

// TestPrintable: eight bytes at a time are judged the same as one.
func TestPrintable(t *testing.T) {
	for length := range 20 {
		for place := range length {
			for c := range 256 {
				b := bytes.Repeat([]byte{'~'}, length)
				b[place] = byte(c)
				require.Equal(t, c >= 0x20 && c < 0x7f, value.IsPrintable(string(b)), "%d at %d of %d", c, place, length)
			}
		}
	}
}
