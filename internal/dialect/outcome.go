package dialect

import (
	"strconv"
	"strings"

	"github.com/tokenboard/tokenboard/internal/usage"
)

// outcome says whether a call failed and why.
func (r *record) outcome(c *usage.Call, f *Family, failed bool) {
	c.ErrorType = r.text(f, factErrorType)
	success, told := r.at(&successRef)
	finish := strings.Trim(r.text(f, factFinish), `["]`)
	c.Failed = failed || c.ErrorType != "" || c.Status >= 400 || finish == "error" || (told && truth(success) == usage.No && r.plan.scope != "")
	if !c.Failed || c.ErrorType != "" {
		return
	}
	if c.ErrorType = r.exception(); c.ErrorType != "" {
		return
	}
	if c.ErrorType = "_OTHER"; c.Status >= 400 { // the conventions' name where nothing better is known
		c.ErrorType = strconv.Itoa(c.Status)
	}
}

// exception gives the type of the exception that a span recorded last, which most emitters tell in an event alone.
func (r *record) exception() (kind string) {
	if !r.isSpan {
		return ""
	}
	for _, e := range r.spanned.Events().All() {
		if e.Name() != "exception" {
			continue
		}
		if v, ok := e.Attributes().Get("exception.type"); ok && told(textOf(v)) {
			kind = textOf(v)
		}
	}
	return kind
}
