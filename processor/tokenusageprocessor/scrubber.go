package tokenusageprocessor

import (
	"regexp"
	"slices"
	"strings"

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
	rawKeys  map[string]bool
}

func newScrubber(c *Config) scrubber {
	s := scrubber{content: c.DropContent, names: map[string]bool{}, rawKeys: map[string]bool{}}
	for _, name := range dialect.RawKeys {
		s.rawKeys[name] = true
	}
	for _, name := range c.DropAttributes {
		if prefix, ok := strings.CutSuffix(name, "*"); ok {
			s.prefixes = append(s.prefixes, prefix)
		} else {
			s.names[name] = true
		}
	}
	return s
}

// attributes removes texts, keys in clear and what the configuration names, and gives their number.
func (s *scrubber) attributes(attrs pcommon.Map, ours bool) int64 {
	return s.remove(attrs, func(name string) bool { return s.content && dialect.IsContent(name, ours) })
}

func (s *scrubber) remove(attrs pcommon.Map, isContent func(name string) bool) int64 {
	keys := dialect.RawKeysIn(attrs)
	before := attrs.Len()
	attrs.RemoveIf(func(name string, _ pcommon.Value) bool {
		return s.rawKeys[name] || isContent(name) || s.names[name] ||
			slices.ContainsFunc(s.prefixes, func(p string) bool { return strings.HasPrefix(name, p) })
	})
	removed := before - attrs.Len()
	for name, v := range attrs.All() {
		if v.Type() == pcommon.ValueTypeStr {
			if text := redactURL(name, redactKeys(v.Str(), keys)); text != v.Str() {
				v.SetStr(text)
			}
		}
	}
	return int64(removed)
}

// event scrubs a span event, which by older conventions holds a message.
func (s *scrubber) event(e ptrace.SpanEvent, ours bool) int64 {
	if s.content && dialect.IsMessageEvent(e.Name()) {
		return s.remove(e.Attributes(), dialect.IsMessageContent)
	}
	return s.attributes(e.Attributes(), ours)
}

// log scrubs a log record.
func (s *scrubber) log(scope string, lr plog.LogRecord, call bool) int64 {
	name := lr.EventName()
	if v, ok := lr.Attributes().Get("event.name"); ok && name == "" {
		name = v.AsString()
	}
	if name == "" && lr.Body().Type() == pcommon.ValueTypeStr {
		name = lr.Body().Str() // some agents put it there
	}
	if !s.content || !dialect.IsMessageEvent(name) {
		return s.attributes(lr.Attributes(), call || dialect.Agent(scope, name))
	}
	removed := s.remove(lr.Attributes(), dialect.IsMessageContent)
	if lr.Body().Type() != pcommon.ValueTypeEmpty && lr.Body().AsString() != name {
		pcommon.NewValueEmpty().CopyTo(lr.Body())
		removed++
	}
	return removed
}

// redactKeys puts the display form of keys in their place, wherever in a text they stand.
func redactKeys(text string, keys []string) string {
	const shortest = 8 // what is shorter is no key, and may be part of any word
	for _, key := range keys {
		if len(key) >= shortest && strings.Contains(text, key) {
			text = strings.ReplaceAll(text, key, usage.DisplayKey(key))
		}
	}
	return text
}

// urlKey matches a key in the query of a URL, where Gemini's API takes it.
var urlKey = regexp.MustCompile(`(?i)((?:^|[?&])(?:key|api[-_]?key|access[-_]?token|token|x-goog-api-key|subscription-key)=)[^&#]+`)

var urlAttributes = map[string]bool{
	"url.full": true, "url.query": true, "http.url": true, "http.target": true, "url.original": true, "http.request.url": true, "request.url": true,
}

func redactURL(name, text string) string {
	if !urlAttributes[name] || !strings.Contains(text, "=") {
		return text
	}
	return urlKey.ReplaceAllString(text, "${1}REDACTED")
}
