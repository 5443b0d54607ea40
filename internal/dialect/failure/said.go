package failure

import (
	"net/http"
	"slices"
	"strings"
	"unicode/utf8"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/tokenboard/tokenboard/internal/dialect/tables"
	"github.com/tokenboard/tokenboard/internal/dialect/value"
	"github.com/tokenboard/tokenboard/internal/secret"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// Said is what an emitter says of a failure.
type Said struct {
	Type  string   // of the exception
	Texts []string // what went wrong, the best first
}

// Exception returns type and message of the exception that a span recorded last, which most emitters report in an event
// alone.
func Exception(span ptrace.Span) (kind, message string) {
	for _, e := range span.Events().All() {
		if e.Name() != "exception" {
			continue
		}
		if v, ok := e.Attributes().Get("exception.type"); ok && value.IsReported(value.TextOf(v)) {
			kind = value.TextOf(v)
		}
		if v, ok := e.Attributes().Get("exception.message"); ok && v.Type() == pcommon.ValueTypeStr {
			message = v.Str()
		}
	}
	return kind, message
}

// Span adds the exception of a span, and the text of its status.
func (s *Said) Span(span ptrace.Span) {
	kind, message := Exception(span)
	s.Type = kind
	s.Texts = append(s.Texts, message, span.Status().Message())
}

// Message is the first message that is left of the texts.
func (s *Said) Message() string {
	for _, text := range s.Texts {
		if m := Message(text); m != "" {
			return m
		}
	}
	return ""
}

// Reported is the status that an attribute reports; 0 where the texts say that no provider answered with it.
func (s *Said) Reported(status int) int {
	if status == http.StatusBadRequest && slices.ContainsFunc(s.Texts, ofNoProvider) {
		return 0
	}
	return status
}

// Status returns the HTTP status of the failure, of which the type of the error is known too, and what an attribute reports;
// 0 where nothing says it. What is written as a status comes before what the type stands for.
func (s *Said) Status(kind string, reported int) int {
	if reported = s.Reported(reported); reported != 0 {
		return reported
	}
	kinds := [...]string{kind, s.Type}
	for _, text := range append(kinds[:], s.Texts...) {
		if n := value.StatusIn(text); n != 0 && !ofNoProvider(text) {
			return n
		}
	}
	for _, kind := range kinds {
		if n := tables.ErrorStatuses[kind[strings.LastIndexAny(kind, ".:/$ ")+1:]]; n != 0 {
			return n
		}
	}
	return 0
}

// ofNoProvider reports whether the status in a text is not the provider's. A status is looked for at its beginning only.
func ofNoProvider(text string) bool {
	text = text[:min(len(text), usage.MaxErrorMessage)]
	return slices.ContainsFunc(tables.NoProviderStatus, func(w string) bool { return strings.Contains(text, w) })
}

// Without returns a message without secrets that are known, and how many were removed.
func Without(message string, known [3]*secret.Keys) (string, int64) {
	out, removed := message, 0
	for _, k := range known {
		if message == "" || k.Empty() {
			continue
		}
		var n, more int
		out, n = k.Cut(out)
		if len(message) > usage.MaxErrorMessage-utf8.UTFMax { // it may have been cut within one
			out, more = k.CutEnd(strings.TrimSuffix(out, ellipsis))
		}
		removed += n + more
	}
	if removed == 0 {
		return message, 0
	}
	return Message(out), int64(removed)
}
