package tokenusageprocessor

import (
	"math"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/tokenboard/tokenboard/internal/dialect"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// scrubber takes texts and keys out of records.
type scrubber struct {
	content  bool
	names    map[string]bool
	prefixes []string
}

func newScrubber(c *Config) scrubber {
	s := scrubber{content: c.DropContent, names: map[string]bool{}}
	for _, name := range c.DropAttributes {
		if prefix, ok := strings.CutSuffix(name, "*"); ok {
			s.prefixes = append(s.prefixes, prefix)
		} else {
			s.names[name] = true
		}
	}
	return s
}

// unwanted gives the kinds of attributes that must go from records; ours are model calls and what
// coding agents send.
func (s *scrubber) unwanted(ours bool) dialect.Kind {
	switch {
	case !s.content:
		return dialect.KindKey
	case ours:
		return dialect.KindKey | dialect.KindContent | dialect.KindPlain
	default:
		return dialect.KindKey | dialect.KindContent
	}
}

// attributes removes texts, keys in clear and what the configuration names, and gives their number.
// The kinds are those of all the attributes together: most records have nothing to remove.
func (s *scrubber) attributes(attrs pcommon.Map, kinds dialect.Kind, ours bool) int64 {
	return s.remove(attrs, kinds, s.unwanted(ours))
}

func (s *scrubber) remove(attrs pcommon.Map, kinds, unwanted dialect.Kind) int64 {
	var keys []string
	if kinds&dialect.KindKey != 0 {
		keys = dialect.RawKeysIn(attrs)
	}
	removed := s.removeNames(attrs, kinds, unwanted)
	redact(attrs, keys, kinds)
	return removed
}

func (s *scrubber) removeNames(attrs pcommon.Map, kinds, unwanted dialect.Kind) int64 {
	named := len(s.names)+len(s.prefixes) > 0
	if !named && kinds&unwanted == 0 {
		return 0
	}
	before := attrs.Len()
	attrs.RemoveIf(func(name string, _ pcommon.Value) bool {
		return dialect.KindOf(name)&unwanted != 0 || (named && s.named(name))
	})
	return int64(before - attrs.Len())
}

// found are the keys in clear of a record, and the names of their attributes.
type found struct{ keys, names []string }

// span scrubs the attributes of a span. The keys are those that stood there when it was read.
func (s *scrubber) span(attrs pcommon.Map, kinds dialect.Kind, ours bool, clear found) (removed int64) {
	unwanted := s.unwanted(ours)
	for _, name := range clear.names {
		for attrs.Remove(name) {
			removed++
		}
	}
	removed += s.removeNames(attrs, kinds&^dialect.KindKey, unwanted)
	redact(attrs, clear.keys, kinds)
	return removed
}

// named tells whether the configuration names an attribute.
func (s *scrubber) named(name string) bool {
	return s.names[name] || slices.ContainsFunc(s.prefixes, func(p string) bool { return strings.HasPrefix(name, p) })
}

// shortestKey is in bytes: what is shorter is no key, and may be part of any word.
const shortestKey = 8

// redact takes keys out of texts, and out of URLs those that nothing else tells of.
func redact(attrs pcommon.Map, keys []string, kinds dialect.Kind) {
	shortest := math.MaxInt
	for _, key := range keys {
		if len(key) >= shortestKey {
			shortest = min(shortest, len(key))
		}
	}
	urls := kinds&dialect.KindURL != 0
	if shortest == math.MaxInt && !urls {
		return
	}
	for name, v := range attrs.All() {
		if v.Type() != pcommon.ValueTypeStr {
			continue
		}
		was := v.Str()
		text := was
		if len(text) >= shortest {
			text = redactKeys(text, keys)
		}
		if urls {
			text = redactURL(name, text)
		}
		if text != was {
			v.SetStr(text)
		}
	}
}

// kindsOf tells what attributes are, all together.
func kindsOf(attrs pcommon.Map) (kinds dialect.Kind) {
	for name := range attrs.All() {
		kinds |= dialect.KindOf(name)
	}
	return kinds
}

// messages are the kinds of attributes that must go from the records of messages.
const messages = dialect.KindKey | dialect.KindContent | dialect.KindPlain | dialect.KindMessage

// event scrubs a span event, which by older conventions holds a message.
func (s *scrubber) event(e ptrace.SpanEvent, ours bool) int64 {
	kinds := kindsOf(e.Attributes())
	if s.content && dialect.IsMessageEvent(e.Name()) {
		return s.remove(e.Attributes(), kinds, messages)
	}
	return s.attributes(e.Attributes(), kinds, ours)
}

// log scrubs the log record that was read last.
func (s *scrubber) log(rd *dialect.Reader, lr plog.LogRecord, call bool) int64 {
	name := lr.EventName()
	if name == "" {
		if v, ok := lr.Attributes().Get("event.name"); ok {
			name = v.AsString()
		}
	}
	if name == "" && lr.Body().Type() == pcommon.ValueTypeStr {
		name = lr.Body().Str() // some agents put it there
	}
	if !s.content || !dialect.IsMessageEvent(name) {
		return s.attributes(lr.Attributes(), rd.Kinds(), call || rd.Agent(name))
	}
	removed := s.remove(lr.Attributes(), rd.Kinds(), messages)
	if lr.Body().Type() != pcommon.ValueTypeEmpty && lr.Body().AsString() != name {
		pcommon.NewValueEmpty().CopyTo(lr.Body())
		removed++
	}
	return removed
}

// redactKeys puts the display form of keys in their place, wherever in a text they stand.
func redactKeys(text string, keys []string) string {
	for _, key := range keys {
		if len(key) >= shortestKey && strings.Contains(text, key) {
			text = strings.ReplaceAll(text, key, usage.DisplayKey(key))
		}
	}
	return text
}

// urlKey matches a key in the query of a URL, where Gemini's API takes it.
var urlKey = regexp.MustCompile(`(?i)((?:^|[?&])(?:key|api[-_]?key|access[-_]?token|token|x-goog-api-key|subscription-key)=)[^&#]+`)

func redactURL(name, text string) string {
	if !mayHoldKey(text) || dialect.KindOf(name)&dialect.KindURL == 0 {
		return text
	}
	return urlKey.ReplaceAllString(text, "${1}REDACTED")
}

// mayHoldKey tells whether urlKey can match: all of its names end in "key" or "token", before a "=". What
// is not ASCII may fold to these letters.
func mayHoldKey(text string) bool {
	for i := 0; ; i++ {
		n := strings.IndexByte(text[i:], '=')
		if n < 0 {
			return false
		}
		i += n
		name := text[max(0, i-len("token")):i]
		if foldsTo(name, "token") || (len(name) >= len("key") && foldsTo(name[len(name)-len("key"):], "key")) {
			return true
		}
	}
}

// foldsTo tells whether a name is an ASCII word in any case, or is not ASCII.
func foldsTo(name, word string) bool {
	for i := range len(name) {
		if name[i] >= utf8.RuneSelf {
			return true
		}
	}
	return strings.EqualFold(name, word)
}
