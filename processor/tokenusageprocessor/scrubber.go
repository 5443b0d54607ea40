package tokenusageprocessor

import (
	"slices"
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/tokenboard/tokenboard/internal/dialect"
	"github.com/tokenboard/tokenboard/internal/secret"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// scrubber takes texts and secrets out of records.
type scrubber struct {
	content  bool
	secrets  bool
	names    map[string]bool
	prefixes []string
}

func newScrubber(c *Config) scrubber {
	s := scrubber{content: c.DropContent, secrets: c.RedactSecrets, names: map[string]bool{}}
	for _, name := range c.DropAttributes {
		if prefix, ok := strings.CutSuffix(name, "*"); ok {
			s.prefixes = append(s.prefixes, prefix)
		} else {
			s.names[name] = true
		}
	}
	return s
}

// named reports whether the configuration names an attribute.
func (s *scrubber) named(name string) bool {
	return s.names[name] || slices.ContainsFunc(s.prefixes, func(p string) bool { return strings.HasPrefix(name, p) })
}

// unwanted returns the kinds of attributes that must go from records; ours are model calls and what
// coding agents send.
func (s *scrubber) unwanted(ours bool) dialect.Kind {
	switch {
	case !s.content:
		return 0
	case ours:
		return dialect.KindContent | dialect.KindPlain
	default:
		return dialect.KindContent
	}
}

// messages are the kinds of attributes that must go from the records of messages.
const messages = dialect.KindContent | dialect.KindPlain | dialect.KindMessage

// scrub is the work on one record, resource or scope.
type scrub struct {
	*scrubber
	seen    *secret.Seen
	keys    [3]*secret.Keys // known secrets, which are cut wherever they occur
	removed int64           // attributes and bodies
	known   bool            // there are some
	full    bool            // there are more than are looked for
	secrets int64           // secrets that were removed with their attributes, or cut out of texts
}

func (s *scrubber) start(rd *dialect.Reader, keys [3]*secret.Keys) scrub {
	work := scrub{scrubber: s, seen: rd.SecretCache(), keys: keys}
	for _, k := range keys {
		if k != nil {
			work.known = work.known || !k.Empty()
			work.full = work.full || k.Full()
		}
	}
	return work
}

// span scrubs a span whose attributes are of the kinds given, all together.
func (s *scrub) span(span ptrace.Span, kinds dialect.Kind, ours bool) {
	s.attributes(span.Attributes(), kinds, s.unwanted(ours))
	set(s, span.Name, span.SetName)
	status := span.Status()
	set(s, status.Message, status.SetMessage)
	set(s, span.TraceState().AsRaw, span.TraceState().FromRaw)
	for _, e := range span.Events().All() {
		s.event(e, ours)
	}
	for _, l := range span.Links().All() {
		s.attributes(l.Attributes(), kindsOf(l.Attributes()), s.unwanted(ours))
		set(s, l.TraceState().AsRaw, l.TraceState().FromRaw)
	}
}

// event scrubs a span event, which by older conventions holds a message.
func (s *scrub) event(e ptrace.SpanEvent, ours bool) {
	unwanted := s.unwanted(ours)
	if s.content && dialect.IsMessageEvent(e.Name()) {
		unwanted = messages
	}
	s.attributes(e.Attributes(), kindsOf(e.Attributes()), unwanted)
	set(s, e.Name, e.SetName)
}

// log scrubs the log record that was read last.
func (s *scrub) log(rd *dialect.Reader, lr plog.LogRecord, call bool) {
	name := lr.EventName()
	if name == "" {
		if v, ok := lr.Attributes().Get("event.name"); ok {
			name = v.AsString()
		}
	}
	if name == "" && lr.Body().Type() == pcommon.ValueTypeStr {
		name = lr.Body().Str() // some agents put it there
	}
	message := s.content && dialect.IsMessageEvent(name)
	unwanted := s.unwanted(call || rd.Agent(name))
	if message {
		unwanted = messages
	}
	if message && lr.Body().Type() != pcommon.ValueTypeEmpty && lr.Body().AsString() != name {
		pcommon.NewValueEmpty().CopyTo(lr.Body())
		s.removed++
	}
	s.attributes(lr.Attributes(), rd.Kinds(), unwanted)
	s.value(lr.Body(), 0)
	set(s, lr.EventName, lr.SetEventName)
	set(s, lr.SeverityText, lr.SetSeverityText)
}

// set scrubs a text that a record has a field for.
func set(s *scrub, get func() string, put func(string)) {
	if was := get(); was != "" {
		if text := s.text(was); text != was {
			put(text)
		}
	}
}

// attributes removes texts, secrets and the attributes that the configuration names, and cuts secrets out of the other
// attributes. The parameter kinds has the kinds of all attributes together: most records have nothing to remove.
func (s *scrub) attributes(attrs pcommon.Map, kinds, unwanted dialect.Kind) {
	s.remove(attrs, kinds, unwanted)
	if s.known {
		s.removeNamed(attrs)
	}
	if s.full {
		s.distrust(attrs)
		return
	}
	urls := kinds&dialect.KindURL != 0
	for name, v := range attrs.All() {
		if urls && v.Type() == pcommon.ValueTypeStr {
			s.url(name, v)
		}
		s.value(v, 0)
	}
}

// distrust scrubs the attributes of a record with more secrets than are looked for: any text may be one of
// the others, apart from what Write wrote.
func (s *scrub) distrust(attrs pcommon.Map) {
	for name, v := range attrs.All() {
		s.full = dialect.KindOf(name)&dialect.KindCanonical == 0
		s.value(v, 0)
	}
	s.full = true
}

func (s *scrub) remove(attrs pcommon.Map, kinds, unwanted dialect.Kind) {
	named := len(s.names)+len(s.prefixes) > 0
	unwanted |= dialect.KindKey
	if s.scrubber.secrets {
		unwanted |= dialect.KindSecret | dialect.KindSecretName
	}
	if !named && kinds&unwanted == 0 {
		return
	}
	before := attrs.Len()
	attrs.RemoveIf(func(name string, v pcommon.Value) bool {
		k := dialect.KindOf(name) & unwanted
		if k&^dialect.KindSecret == 0 && (k == 0 || !dialect.HoldsSecret(name, k, v)) {
			return named && s.named(name)
		}
		if k&(dialect.KindKey|dialect.KindSecret|dialect.KindSecretName) != 0 {
			s.secrets++
		}
		return true
	})
	s.removed += int64(before - attrs.Len())
}

// removeNamed removes what has a known secret in its name.
func (s *scrub) removeNamed(attrs pcommon.Map) {
	before := attrs.Len()
	attrs.RemoveIf(func(name string, _ pcommon.Value) bool { return s.cut(name) != name })
	s.removed += int64(before - attrs.Len())
}

// deepest is how deep values are looked into. Deeper values are removed.
const deepest = 32

// value cuts secrets out of a value, in whatever depth.
func (s *scrub) value(v pcommon.Value, depth int) {
	switch v.Type() {
	case pcommon.ValueTypeStr:
		was := v.Str()
		if text := s.text(was); text != was {
			v.SetStr(text)
		}
	case pcommon.ValueTypeBytes:
		was := string(v.Bytes().AsRaw())
		if text := s.text(was); text != was {
			v.SetEmptyBytes().FromRaw([]byte(text))
		}
	case pcommon.ValueTypeMap:
		if depth == deepest {
			v.SetStr(secret.Redacted)
			return
		}
		s.nested(v.Map(), depth)
	case pcommon.ValueTypeSlice:
		if depth == deepest {
			v.SetStr(secret.Redacted)
			return
		}
		s.list(v.Slice(), depth)
	default:
	}
}

// nested scrubs a map inside a value: {"authorization": "..."}, {"name": "authorization", "value": "..."}.
func (s *scrub) nested(m pcommon.Map, depth int) {
	if s.scrubber.secrets {
		pair := false
		for _, label := range pairNames {
			if v, ok := m.Get(label); ok && v.Type() == pcommon.ValueTypeStr && secret.Name(v.Str()) != secret.Not {
				pair = true
			}
		}
		m.RemoveIf(func(name string, v pcommon.Value) bool {
			k := dialect.KindOf(name)
			gone := k&dialect.KindSecretName != 0 || (s.known && s.cut(name) != name) || dialect.HoldsSecret(name, k, v) || (pair && slices.Contains(pairValues, name))
			if gone {
				s.secrets++
			}
			return gone
		})
	}
	for _, v := range m.All() {
		s.value(v, depth+1)
	}
}

// pairNames and pairValues name the halves of headers in lists.
var (
	pairNames  = []string{"name", "key", "header", "k", "Name", "Key"}
	pairValues = []string{"value", "values", "v", "Value", "Values"}
)

// list scrubs a list, in which names and values of headers may follow one another.
func (s *scrub) list(l pcommon.Slice, depth int) {
	named := false
	for _, item := range l.All() {
		isText := item.Type() == pcommon.ValueTypeStr
		if named && isText && s.scrubber.secrets && secret.Looks(secret.Bare(item.Str())) {
			item.SetStr(secret.Redacted)
			s.secrets++
		}
		named = isText && secret.Name(item.Str()) != secret.Not
		s.value(item, depth+1)
	}
}

// shortestSecret is in bytes: a shorter secret is not looked for.
const shortestSecret = 8

// text cuts secrets out of a text: those that are known, and those that are known by their shape.
func (s *scrub) text(text string) string {
	if s.full && len(text) >= shortestSecret && text != secret.Redacted {
		s.secrets++
		return secret.Redacted
	}
	if s.known {
		text = s.cut(text)
	}
	if !s.scrubber.secrets {
		return text
	}
	out, n := s.seen.Text(text)
	s.secrets += int64(n)
	return out
}

// cut cuts the known secrets out of a text.
func (s *scrub) cut(text string) string {
	for _, k := range s.keys {
		if k != nil && !k.Empty() {
			out, n := k.Cut(text)
			text, s.secrets = out, s.secrets+int64(n)
		}
	}
	return text
}

// url cuts a key out of the query of a URL, where Gemini's API takes it.
func (s *scrub) url(name string, v pcommon.Value) {
	if dialect.KindOf(name)&dialect.KindURL == 0 {
		return
	}
	was := v.Str()
	text, n := secret.Query(was)
	s.secrets += int64(n)
	if text != was {
		v.SetStr(text)
	}
}

// mark says on a record how many secrets were taken out of it.
func (s *scrub) mark(attrs pcommon.Map) {
	if s.secrets > 0 {
		if v, ok := attrs.Get(usage.AttrSecrets); ok && v.Type() == pcommon.ValueTypeInt && v.Int() > 0 {
			s.secrets += v.Int() // by another processor before
		}
		attrs.PutInt(usage.AttrSecrets, s.secrets)
	}
}

// kindsOf returns what attributes are, all together.
func kindsOf(attrs pcommon.Map) (kinds dialect.Kind) {
	for name := range attrs.All() {
		kinds |= dialect.KindOf(name)
	}
	return kinds
}
