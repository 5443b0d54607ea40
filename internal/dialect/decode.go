package dialect

import (
	"crypto/sha256"
	"encoding/binary"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/tokenboard/tokenboard/internal/usage"
)

// Options configure a Decoder. The zero value knows all built-in families.
type Options struct {
	Taught []Taught // families that nobody here knows, asked before the built-in ones
}

// Decoder reads calls. It holds no state between records and is safe for concurrent use.
type Decoder struct {
	families []*Family
	taught   map[string]bool // names of attributes that only taught families know
}

// New makes a decoder.
func New(o Options) *Decoder {
	if len(o.Taught) == 0 {
		return &Decoder{families: families}
	}
	d := &Decoder{taught: map[string]bool{}}
	for i := range o.Taught {
		d.families = append(d.families, o.Taught[i].family(d.taught))
	}
	d.families = append(d.families, families...)
	return d
}

// Canonical is the family name of records that the processor has normalised.
const Canonical = "tokenboard"

// Span reads a span. A span that is no call has the role RoleNone, or RoleTool; then only its place
// in the trace (Trace, Span, Parent) is filled in, unless a tool bears usage.
func (d *Decoder) Span(res pcommon.Resource, scope pcommon.InstrumentationScope, s ptrace.Span) (c usage.Call, family string) {
	c.Trace, c.Span, c.Parent = usage.TraceID(s.TraceID()), usage.SpanID(s.SpanID()), usage.SpanID(s.ParentSpanID())
	r := &record{families: d.families, taught: d.taught, attrs: s.Attributes(), res: res.Attributes(), scope: scope.Name(), name: s.Name()}
	if !r.tells() && roleOfName(r) == unsaid {
		return c, ""
	}
	r.sift()
	c.Signal = usage.SignalSpan
	c.Start = s.StartTimestamp().AsTime().UTC()
	if end := s.EndTimestamp(); end > s.StartTimestamp() {
		if s.StartTimestamp() == 0 {
			c.Start = end.AsTime().UTC()
		} else if d := time.Duration(end - s.StartTimestamp()); d > 0 && d < maxDuration { //nolint:gosec // checked
			c.Duration = d
		}
	}
	failed := s.Status().Code() == ptrace.StatusCodeError
	family = r.decode(&c, r.role(), failed)
	if c.Trace.IsZero() || c.Span.IsZero() { // it has no place in a trace
		c.Signal, c.Parent = usage.SignalLog, usage.SpanID{}
		c.ID = contentID(r, "span", s.Name(), uint64(s.StartTimestamp()), uint64(s.EndTimestamp()))
	} else {
		c.ID = usage.SpanRecordID(c.Trace, c.Span)
	}
	return c, family
}

// roleOfName asks the rules that go by the span's name alone.
func roleOfName(r *record) verdict {
	for i := range roleRules {
		if row := &roleRules[i]; row.Attribute == "" && row.Name == "" && strings.HasPrefix(r.scope, row.Scope) {
			if v, ok := row.Is[r.name]; ok {
				return v
			}
		}
	}
	return unsaid
}

// Log reads a log record; ok is false where it is no call.
func (d *Decoder) Log(res pcommon.Resource, scope pcommon.InstrumentationScope, lr plog.LogRecord) (c usage.Call, family string, ok bool) {
	r := &record{families: d.families, taught: d.taught, attrs: lr.Attributes(), res: res.Attributes(), scope: scope.Name(), log: true, event: eventName(lr)}
	if !r.tells() {
		return c, "", false
	}
	r.sift()
	v := r.logVerdict()
	c.Signal = usage.SignalLog
	c.Trace, c.Span = usage.TraceID(lr.TraceID()), usage.SpanID(lr.SpanID())
	c.Start = logTime(r, lr)
	family = r.decode(&c, v, lr.SeverityNumber() >= plog.SeverityNumberError && v == call)
	if c.Role == usage.RoleNone || c.Role == usage.RoleTool || (v != call && !c.Tokens.Reported()) {
		return usage.Call{}, "", false
	}
	if family != Canonical {
		c.Start = c.Start.Add(-c.Duration) // an event is written when the call has ended
	}
	switch id, has := r.get(attrRecordID); {
	case has && family == Canonical:
		c.ID, _ = usage.ParseID(text(id))
	case c.RequestID != "":
		c.ID = hashID("request", family, c.RequestID)
	default:
		c.ID = contentID(r, "log", r.event, uint64(lr.Timestamp()), uint64(lr.ObservedTimestamp())) //nolint:gosec // bits
	}
	return c, family, true
}

// inferenceEvent is the conventions' event; the request half of it has no usage and is no call.
const inferenceEvent = "gen_ai.client.inference.operation.details"

// logVerdict says what a log event is. Only events that are known to tell calls are asked for their
// figures: others repeat them (totals of a sub-agent, of a turn).
func (r *record) logVerdict() verdict {
	if r.event == inferenceEvent {
		return unsaid // a call where it bears usage
	}
	for _, f := range r.families {
		if len(f.Events) == 0 || !f.applies(r, unsaid) {
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

func eventName(lr plog.LogRecord) string {
	// the attribute first: Rust's tracing puts the place in the source into the field
	if v, ok := lr.Attributes().Get("event.name"); ok {
		return text(raw(v))
	}
	if name := lr.EventName(); name != "" {
		return clean(name)
	}
	if lr.Body().Type() == pcommon.ValueTypeStr && len(lr.Body().Str()) <= maxNumberText {
		return clean(lr.Body().Str())
	}
	return ""
}

// logTime is when an event happened: the emitter's own time where it tells one, since two events of
// one call are often exported with different times.
func logTime(r *record, lr plog.LogRecord) time.Time {
	if v, ok := r.get("event.timestamp"); ok {
		if t, err := time.Parse(time.RFC3339Nano, text(v)); err == nil {
			return t.UTC()
		}
	}
	if lr.Timestamp() != 0 {
		return lr.Timestamp().AsTime().UTC()
	}
	return lr.ObservedTimestamp().AsTime().UTC()
}

// decode fills in all but identity and time, and gives the family that told the figures.
func (r *record) decode(c *usage.Call, v verdict, failed bool) (family string) {
	c.Scope, c.Process = clean(r.scope), r.process()
	c.Service = text(r.resource("service.name"))
	if c.Environment = text(r.resource("deployment.environment.name")); c.Environment == "" {
		c.Environment = text(r.resource("deployment.environment"))
	}
	if r.readCanonical(c, failed) {
		return Canonical
	}
	if v == never {
		return ""
	}
	c.Provider = r.provider()
	best := r.figures(c, v)
	r.modalities(c)
	c.Role = roleWith(v, c.Tokens.Reported())
	if v == unsaid && c.Quality&usage.Inconsistent != 0 && c.Role == usage.RoleNone {
		c.Role = usage.RoleCall // it tried to tell usage
	}
	if c.Role == usage.RoleNone || (c.Role == usage.RoleTool && !c.Tokens.Reported()) {
		*c = usage.Call{Trace: c.Trace, Span: c.Span, Parent: c.Parent, Role: c.Role}
		return ""
	}
	r.facts(c, best, failed)
	r.session(c)
	if best == nil {
		return "gen_ai"
	}
	return best.Name
}

// figures takes the fullest consistent reading of the families that apply, and gives its family; of
// a record without figures, the family whose own record it is.
func (r *record) figures(c *usage.Call, v verdict) (best *Family) {
	bad := false
	var bestFull int64 = -1
	var added *Family // the last family that was read under the name of one that adds to it
	for _, f := range r.families {
		if (added != nil && (f == added || f.Adds == added)) || !f.applies(r, v) {
			continue
		}
		if f.Adds != nil {
			added = f.Adds
		}
		if best == nil && f.own() {
			best = f
		}
		g, some := f.read(r)
		if !some {
			continue
		}
		provider := c.Provider
		if provider == "" {
			provider = f.Provider
		}
		t, ok := g.tokens(f.cacheRule(r, provider), f.part(f.Reasons, r, provider))
		if !t.Reported() {
			bad = bad || !ok
			continue
		}
		if full := fullness(t, ok); full > bestFull {
			bestFull, best, c.Tokens = full, f, t
			bad = !ok
		}
	}
	if bad {
		c.Quality |= usage.Inconsistent
	}
	return best
}

// fullness ranks a reading: consistent before not, then by the kinds of figures it has, then by how
// many of those that are not zero.
func fullness(t usage.Tokens, ok bool) int64 {
	var n int64
	if ok {
		n = 1 << 8
	}
	for f := usage.HasInput; f <= usage.HasReasoning; f <<= 1 {
		if t.Fields&f != 0 {
			n += 8
		}
	}
	for _, v := range []int64{t.InputUncached, t.CacheRead, t.CacheWrite, t.OutputText, t.Reasoning} {
		if v > 0 {
			n++
		}
	}
	return n
}

// provider folds the first name that is a provider's.
func (r *record) provider() string {
	for i := range general[factProvider] {
		name := r.textAt(&general[factProvider][i])
		if name == "" || strings.EqualFold(name, "unknown") {
			continue
		}
		if folded := foldProvider(name); folded != "" {
			return clean(folded)
		}
	}
	return ""
}

func (r *record) facts(c *usage.Call, f *Family, failed bool) {
	if c.Provider == "" && f != nil {
		c.Provider = f.Provider
	}
	c.RequestModel = r.text(f, factRequestModel)
	if c.Model = r.text(f, factResponseModel); c.Model == "" {
		if c.Model = r.text(f, factModel); c.Model == "" {
			c.Model = c.RequestModel
		}
	}
	c.Operation = r.operation(f)
	c.ResponseID, c.RequestID = r.text(f, factResponseID), r.text(f, factRequestID)
	c.User, c.Project, c.Session = r.text(f, factUser), r.text(f, factProject), r.text(f, factSession)
	if c.TTFT = r.duration(f, factTTFT); c.TTFT == 0 && !r.log {
		at, err := time.Parse(time.RFC3339Nano, r.text(f, factFirstTokenAt))
		if d := at.Sub(c.Start); err == nil && d > 0 && d < maxDuration {
			c.TTFT = d
		}
	}
	if c.Duration == 0 {
		c.Duration = r.duration(f, factDuration)
	}
	for _, list := range aliases(f, factStream) {
		for i := range list {
			if v, ok := r.at(&list[i]); ok && c.Stream == usage.Unknown {
				c.Stream = truth(v)
			}
		}
	}
	if c.Stream == usage.Unknown && c.TTFT > 0 {
		c.Stream = usage.Yes
	}
	c.ReportedCost, c.HasReportedCost = r.cost(f)
	if est, ok := r.get("gen_ai.usage.estimated"); ok && truth(est) == usage.Yes {
		c.Quality |= usage.Estimated
	}
	c.Method = strings.ToUpper(r.text(f, factMethod))
	c.Path = pathOf(r.text(f, factPath))
	if n, err := strconv.Atoi(r.text(f, factStatus)); err == nil && n >= 100 && n <= 599 {
		c.Status = n
	}
	r.outcome(c, f, failed)
	c.KeyFingerprint, c.KeyDisplay = r.key()
}

// cost gives the first cost that is told in US dollars.
func (r *record) cost(f *Family) (usage.NanoUSD, bool) {
	for _, list := range aliases(f, factCost) {
		for i := range list {
			v, ok := r.at(&list[i])
			if !ok {
				continue
			}
			n, ok := money(v)
			if !ok || (n == 0 && (f == nil || !f.ZeroCost)) {
				continue
			}
			if usd, err := usage.USD(n); err == nil {
				return usd, true
			}
		}
	}
	return 0, false
}

// outcome says whether a call failed and why.
func (r *record) outcome(c *usage.Call, f *Family, failed bool) {
	c.ErrorType = r.text(f, factErrorType)
	success, told := r.get("success")
	finish := strings.Trim(r.text(f, factFinish), `["]`)
	c.Failed = failed || c.ErrorType != "" || c.Status >= 400 || finish == "error" || (told && truth(success) == usage.No && r.scope != "")
	if !c.Failed || c.ErrorType != "" {
		return
	}
	if c.ErrorType = "_OTHER"; c.Status >= 400 { // the conventions' name where nothing better is known
		c.ErrorType = strconv.Itoa(c.Status)
	}
}

// kindRefs are the kinds of spans that can name an operation.
var kindRefs = refsTo([]string{
	"openinference.span.kind", "langfuse.observation.type", "mlflow.spanType", "gen_ai.span.kind", "genkit:metadata:subtype",
	"braintrust.span_attributes#type", "langwatch.span.type", "lmnr.span.type", "agentops.span.kind",
})

func (r *record) operation(f *Family) string {
	op := r.text(nil, factOperation)
	if folded, ok := operations[op]; ok {
		op = folded
	}
	if _, generated := r.attrs.Get("ai.operationId"); generated && op == "" && strings.Contains(strings.ToLower(r.name), "embed") {
		op = "embeddings"
	}
	for i := range kindRefs {
		if op != "" {
			return op
		}
		if kind := r.textAt(&kindRefs[i]); kind != "" {
			op = kindOperations[strings.ToLower(kind)]
		}
	}
	if op == "" && f != nil {
		op = f.Operation
	}
	if op == "" {
		op = "chat"
	}
	return op
}

// pathOf gives the path of a URL or request target, without its query.
func pathOf(s string) string {
	if u, err := url.Parse(s); err == nil {
		return clean(u.Path)
	}
	s, _, _ = strings.Cut(s, "?")
	return clean(s)
}

// session puts a record into its emitter's echo group, see usage.Call.Group.
func (r *record) session(c *usage.Call) {
	for _, e := range sessions {
		if r.scope == e.Scope && c.Session != "" {
			c.Group = e.Name + "|" + c.Session
			c.Echo = !r.log || !slices.Contains(e.Full, r.event)
		}
	}
}

// hashID makes an identity of texts.
func hashID(parts ...string) (id usage.ID) {
	h := sha256.New()
	for _, p := range parts {
		var n [8]byte
		binary.LittleEndian.PutUint64(n[:], uint64(len(p)))
		_, _ = h.Write(n[:])
		_, _ = h.Write([]byte(p))
	}
	copy(id[:], h.Sum(nil))
	return id
}

// contentID makes an identity of all that a record says.
func contentID(r *record, kind, name string, times ...uint64) usage.ID {
	parts := []string{kind, name, r.scope, strconv.FormatUint(r.process(), 16)}
	for _, t := range times {
		parts = append(parts, strconv.FormatUint(t, 16))
	}
	var attrs []string
	for k, v := range r.attrs.All() {
		attrs = append(attrs, k+"="+v.AsString())
	}
	slices.Sort(attrs)
	return hashID(append(parts, attrs...)...)
}
