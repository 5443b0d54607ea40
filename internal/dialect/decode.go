package dialect

import (
	"crypto/sha256"
	"encoding/binary"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/tokenboard/tokenboard/internal/dialect/failure"
	"github.com/tokenboard/tokenboard/internal/dialect/tables"
	"github.com/tokenboard/tokenboard/internal/dialect/value"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// Options configure a Decoder. The zero value has all built-in families.
type Options struct {
	Custom []Custom // families that are asked before the built-in ones
	// Scrubs says that the caller removes secrets from everything that it writes of a call.
	Scrubs bool
	// KeysOnly says that, among the attributes with names of secrets, only clients' keys matter.
	KeysOnly bool
}

// Decoder reads calls. It holds no state between requests and is safe for concurrent use.
type Decoder struct {
	families []*Family
	names    *names
	scrubs   bool // see Options
	secrets  Kind // of the attributes that hold secrets

	plans   atomic.Pointer[map[string]*plan] // by scope, see planFor
	readers sync.Pool
}

// New makes a decoder.
func New(o Options) *Decoder {
	if len(o.Custom) == 0 {
		return &Decoder{families: builtIn, names: known, scrubs: o.Scrubs, secrets: secretKinds(o)}
	}
	d := &Decoder{names: known.clone(), scrubs: o.Scrubs, secrets: secretKinds(o)}
	for i := range o.Custom {
		d.families = append(d.families, customFamily(&o.Custom[i], d.names))
	}
	d.families = append(d.families, builtIn...)
	return d
}

func secretKinds(o Options) Kind {
	if o.KeysOnly {
		return KindKey
	}
	return KindKey | KindSecret
}

// Canonical is the family name of records that the processor has normalised.
const Canonical = "tokenboard"

// Span reads a span. A span that is no call has the role RoleNone, or RoleTool; then only its place
// in the trace (Trace, Span, Parent) is filled in, unless a tool has usage.
func (d *Decoder) Span(res pcommon.Resource, scope pcommon.InstrumentationScope, s ptrace.Span) (c usage.Call, family string) {
	rd := d.Reader()
	defer rd.Close()
	rd.Resource(res)
	rd.Scope(scope)
	family = rd.Span(s, &c)
	return c, family
}

// Log reads a log record; ok is false where it is no call.
func (d *Decoder) Log(res pcommon.Resource, scope pcommon.InstrumentationScope, lr plog.LogRecord) (c usage.Call, family string, ok bool) {
	rd := d.Reader()
	defer rd.Close()
	rd.Resource(res)
	rd.Scope(scope)
	family, ok = rd.Log(lr, &c)
	return c, family, ok
}

func (r *record) span(s ptrace.Span, c *usage.Call) (family string) {
	c.Trace, c.Span, c.Parent = usage.TraceID(s.TraceID()), usage.SpanID(s.SpanID()), usage.SpanID(s.ParentSpanID())
	if r.own.kinds&kindUsage == 0 && r.roleOfName() == unsaid {
		return ""
	}
	c.Signal = usage.SignalSpan
	c.Start = s.StartTimestamp().AsTime().UTC()
	if end := s.EndTimestamp(); end > s.StartTimestamp() {
		if s.StartTimestamp() == 0 {
			c.Start = end.AsTime().UTC()
		} else if d := time.Duration(end - s.StartTimestamp()); d > 0 && d < maxDuration {
			c.Duration = d
		}
	}
	failed := s.Status().Code() == ptrace.StatusCodeError
	family = r.decode(c, (*record).role, failed)
	if c.Trace.IsZero() || c.Span.IsZero() { // it has no place in a trace
		c.Signal, c.Parent = usage.SignalLog, usage.SpanID{}
		c.ID = contentID(r, "span", r.name, uint64(s.StartTimestamp()), uint64(s.EndTimestamp()))
	} else {
		c.ID = usage.SpanRecordID(c.Trace, c.Span)
	}
	return family
}

// roleOfName asks the rules that go by the span's name alone.
func (r *record) roleOfName() verdict {
	for i := range r.plan.byName {
		if v, ok := r.plan.byName[i].is(r.name); ok {
			return v
		}
	}
	return unsaid
}

func (r *record) logRecord(lr plog.LogRecord, c *usage.Call) (family string, ok bool) {
	if r.own.kinds&kindUsage == 0 {
		return "", false
	}
	r.event = r.eventName(lr)
	c.Signal = usage.SignalLog
	c.Trace, c.Span = usage.TraceID(lr.TraceID()), usage.SpanID(lr.SpanID())
	c.Start = r.logTime(lr)
	v := r.logVerdict()
	family = r.decode(c, func(*record) verdict { return v }, lr.SeverityNumber() >= plog.SeverityNumberError && v == call)
	if c.Role == usage.RoleNone || c.Role == usage.RoleTool || (v != call && !c.Tokens.Reported()) {
		*c = usage.Call{}
		return "", false
	}
	if family != Canonical {
		c.Start = c.Start.Add(-c.Duration) // an event is written when the call has ended
	}
	switch id, has := r.at(&recordIDRef); {
	case has && family == Canonical:
		c.ID, _ = usage.ParseID(value.Text(id))
	case c.RequestID != "":
		c.ID = hashID("request", family, c.RequestID)
	case r.event == inferenceEvent && c.ResponseID != "" && !c.Span.IsZero():
		// OpenLIT writes the event of one answer twice
		c.ID = hashID("event", family, c.Trace.String(), c.Span.String(), c.ResponseID)
	default:
		c.ID = contentID(r, "log", r.event, uint64(lr.Timestamp()), uint64(lr.ObservedTimestamp()))
	}
	return family, true
}

// inferenceEvent is the conventions' event; the request half of it has no usage and is no call.
const inferenceEvent = "gen_ai.client.inference.operation.details"

// logVerdict says what a log event is. Only events that are known to be calls are asked for their
// figures: others repeat them (totals of a sub-agent, of a turn).
func (r *record) logVerdict() verdict {
	if r.event == inferenceEvent {
		return unsaid // a call where it has usage
	}
	for i := range r.plan.families {
		f := &r.plan.families[i]
		if len(f.Events) == 0 || !f.applies(r, unsaid) {
			continue
		}
		if slices.Contains(f.CallEvents, r.event) {
			return call
		}
		return unsaid
	}
	if _, normalised := r.at(&canonical.role); normalised {
		return unsaid
	}
	return never
}

var eventNameRef, eventTimeRef, recordIDRef = refTo("event.name"), refTo("event.timestamp"), refTo(attrRecordID)

func (r *record) eventName(lr plog.LogRecord) string {
	// the attribute first: Rust's tracing puts the place in the source into the field
	if r.own.named(&eventNameRef) {
		v, _ := r.own.get(eventNameRef.id)
		return value.TextOf(v)
	}
	if name := lr.EventName(); name != "" {
		return value.Clean(name)
	}
	if lr.Body().Type() == pcommon.ValueTypeStr && len(lr.Body().Str()) <= value.MaxNumberText {
		return value.Clean(lr.Body().Str())
	}
	return ""
}

// logTime is when an event happened: the emitter's own time where it has one, since two events of
// one call are often exported with different times.
func (r *record) logTime(lr plog.LogRecord) time.Time {
	if v, ok := r.at(&eventTimeRef); ok {
		if t, err := time.Parse(time.RFC3339Nano, value.Text(v)); err == nil {
			return t.UTC()
		}
	}
	if lr.Timestamp() != 0 {
		return lr.Timestamp().AsTime().UTC()
	}
	return lr.ObservedTimestamp().AsTime().UTC()
}

// decode fills in all but identity and time, and returns the family that has the figures. The verdict is
// asked for where the record does not have its role itself.
func (r *record) decode(c *usage.Call, verdict func(*record) verdict, failed bool) (family string) {
	c.Scope, c.Process = r.plan.clean, r.process()
	c.Service, c.Environment = r.origin.service, r.origin.environment
	if r.readCanonical(c, failed) {
		return Canonical
	}
	v := verdict(r)
	if v == never {
		return ""
	}
	c.Provider = r.provider()
	if v == unsaid && r.isSpan && c.Provider != "" && r.attempted(failed) {
		v = call
	}
	best := r.figures(c, v)
	r.modalities(c)
	c.Role = roleWith(v, c.Tokens.Reported())
	if v == unsaid && c.Quality&usage.Inconsistent != 0 && c.Role == usage.RoleNone {
		c.Role = usage.RoleCall // it tried to report usage
	}
	if c.Role == usage.RoleNone || (c.Role == usage.RoleTool && !c.Tokens.Reported()) {
		*c = usage.Call{Trace: c.Trace, Span: c.Span, Parent: c.Parent, Role: c.Role}
		return ""
	}
	r.facts(c, best, failed)
	if best != nil && best.begins(r, c) {
		*c = usage.Call{Trace: c.Trace, Span: c.Span, Parent: c.Parent}
		return ""
	}
	if best != nil && c.Tokens.Reported() {
		c.Quality |= best.lacks(r, c)
	}
	r.session(c)
	if best == nil {
		return "gen_ai"
	}
	return best.Name
}

// attempted reports whether a span that names a provider, and no operation, is a call that failed: it names a
// model too, and recorded an error. Some emitters add the operation with the answer.
func (r *record) attempted(failed bool) bool {
	if !failed {
		kind, _ := failure.Exception(r.spanned)
		failed = kind != ""
	}
	return failed && r.model(nil) != ""
}

// session puts a record into its emitter's echo group, see usage.Call.Group.
func (r *record) session(c *usage.Call) {
	for _, e := range tables.Sessions {
		if r.plan.scope == e.Scope && c.Session != "" {
			c.SignalGroup = e.Name + "|" + c.Session
			c.SecondarySignal = !r.log || !slices.Contains(e.Full, r.event)
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
	parts := []string{kind, name, r.plan.scope, strconv.FormatUint(r.process(), 16)}
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
