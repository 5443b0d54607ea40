package dialect

import (
	"strconv"
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/tokenboard/tokenboard/internal/usage"
)

// outcome says whether a call failed and why.
func (r *record) outcome(c *usage.Call, f *Family, failed bool) {
	c.ErrorType = r.text(f, factErrorType)
	success, told := r.at(&successRef)
	finish := strings.Trim(r.text(f, factFinish), `["]`)
	c.Failed = failed || c.ErrorType != "" || c.Status >= 400 || finish == "error" || (told && truth(success) == usage.No && r.plan.scope != "")
	if !c.Failed {
		return
	}
	kind, texts := r.exception()
	if c.Status == 0 {
		c.Status = r.statusTold([2]string{c.ErrorType, kind}, texts)
	}
	if c.ErrorType != "" {
		return
	}
	if c.ErrorType = kind; c.ErrorType != "" {
		return
	}
	if c.ErrorType = "_OTHER"; c.Status >= 400 { // the conventions' name where nothing better is known
		c.ErrorType = strconv.Itoa(c.Status)
	}
}

// exception gives the type of the exception that a span recorded last, which most emitters tell in an event alone,
// and the texts that say what went wrong.
func (r *record) exception() (kind string, texts [2]string) {
	if !r.isSpan {
		return "", texts
	}
	texts[1] = r.spanned.Status().Message()
	for _, e := range r.spanned.Events().All() {
		if e.Name() != "exception" {
			continue
		}
		if v, ok := e.Attributes().Get("exception.type"); ok && isReported(textOf(v)) {
			kind = textOf(v)
		}
		if v, ok := e.Attributes().Get("exception.message"); ok && v.Type() == pcommon.ValueTypeStr {
			texts[0] = v.Str()
		}
	}
	return kind, texts
}

var messageRefs = refsTo([]string{"error.message", "exception.message", "error_message", "error", "exception"})

// statusTold finds the HTTP status of a failure in what an emitter says of it; 0 where it is not told.
func (r *record) statusTold(kinds, texts [2]string) int {
	for _, kind := range kinds {
		if n := statusIn(kind); n != 0 {
			return n
		}
	}
	for i := range messageRefs {
		if v, ok := r.own.get(messageRefs[i].id); ok && v.Type() == pcommon.ValueTypeStr {
			if n := statusIn(v.Str()); n != 0 {
				return n
			}
		}
	}
	for _, text := range texts {
		if n := statusIn(text); n != 0 {
			return n
		}
	}
	return 0
}

// maxMessage is how much of a message is looked at for a status, in bytes.
const maxMessage = 512

// beforeStatus are the words, in small letters, that a status of HTTP stands behind in a message; it may also begin the message.
var beforeStatus = []string{"code", "status", "http", "http/1.1", "http/2", "error", "exception"}

// statusIn finds the status of a failure in a message: "Error code: 429 - ...", "HTTP 503", "429 Too Many Requests".
func statusIn(s string) int {
	const digits = 3
	s = s[:min(len(s), maxMessage)]
	for i := 0; i+digits <= len(s); i++ {
		if s[i] != '4' && s[i] != '5' {
			continue
		}
		n, err := strconv.Atoi(s[i : i+digits])
		if err != nil || (i > 0 && wordly(s[i-1])) || (i+digits < len(s) && s[i+digits] != ',' && s[i+digits] != '.' && wordly(s[i+digits])) {
			continue
		}
		before := strings.ToLower(strings.TrimRight(s[:i], " :='\"([<"))
		if before == "" {
			return n
		}
		for _, word := range beforeStatus {
			if strings.HasSuffix(before, word) {
				return n
			}
		}
	}
	return 0
}

// wordly tells whether a byte beside digits makes them a part of something else.
func wordly(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '.' || c == '_' || c == '-' || c == ',' || c >= 0x80
}
