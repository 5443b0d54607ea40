package dialect

import (
	"strconv"
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/tokenboard/tokenboard/internal/dialect/tables"
	"github.com/tokenboard/tokenboard/internal/dialect/value"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// outcome says whether a call failed and why.
func (r *record) outcome(c *usage.Call, f *Family, failed bool) {
	c.ErrorType = r.text(f, tables.ErrorType)
	success, reported := r.at(&successRef)
	finish := strings.Trim(r.text(f, tables.Finish), `["]`)
	c.Failed = failed || c.ErrorType != "" || c.Status >= 400 || finish == "error" || (reported && value.Truth(success) == usage.No && r.plan.scope != "")
	if !c.Failed {
		return
	}
	kind, texts := r.exception()
	if c.Status == 0 {
		c.Status = r.statusOfFailure([2]string{c.ErrorType, kind}, texts)
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

// exception returns the type of the exception that a span recorded last, which most emitters report in an event alone,
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
		if v, ok := e.Attributes().Get("exception.type"); ok && value.IsReported(value.TextOf(v)) {
			kind = value.TextOf(v)
		}
		if v, ok := e.Attributes().Get("exception.message"); ok && v.Type() == pcommon.ValueTypeStr {
			texts[0] = v.Str()
		}
	}
	return kind, texts
}

var messageRefs = refsTo([]string{"error.message", "exception.message", "error_message", "error", "exception"})

// statusOfFailure returns the HTTP status of a failure from what an emitter says of it; 0 where it says none.
func (r *record) statusOfFailure(kinds, texts [2]string) int {
	for _, kind := range kinds {
		if n := value.StatusIn(kind); n != 0 {
			return n
		}
	}
	for i := range messageRefs {
		if v, ok := r.own.get(messageRefs[i].id); ok && v.Type() == pcommon.ValueTypeStr {
			if n := value.StatusIn(v.Str()); n != 0 {
				return n
			}
		}
	}
	for _, text := range texts {
		if n := value.StatusIn(text); n != 0 {
			return n
		}
	}
	return 0
}
