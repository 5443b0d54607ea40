package dialect

import (
	"strconv"
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/tokenboard/tokenboard/internal/dialect/failure"
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
	said := r.said()
	c.ErrorMessage = said.Message()
	c.Status = said.Status(c.ErrorType, c.Status)
	if c.ErrorType != "" {
		return
	}
	if c.ErrorType = said.Type; c.ErrorType != "" {
		return
	}
	if c.ErrorType = "_OTHER"; c.Status >= 400 { // the conventions' name where nothing better is known
		c.ErrorType = strconv.Itoa(c.Status)
	}
}

var messageRefs = refsTo(tables.ErrorMessages)

// said returns what the emitter says of a failure.
func (r *record) said() (said failure.Said) {
	for i := range messageRefs {
		if v, ok := r.own.get(messageRefs[i].id); ok && v.Type() == pcommon.ValueTypeStr {
			said.Texts = append(said.Texts, v.Str())
		}
	}
	if r.isSpan {
		said.Span(r.spanned)
	}
	return said
}

// failedCanonical reads what a record that was normalised says of its failure.
func (r *record) failedCanonical(c *usage.Call, failed bool) {
	if c.Failed = failed || c.ErrorType != "" || c.Status >= 400; !c.Failed {
		return
	}
	if v, ok := r.own.get(canonical.errorMessage.id); ok && v.Type() == pcommon.ValueTypeStr {
		c.ErrorMessage = failure.Message(v.Str())
	}
	said := r.said()
	c.Status = said.Reported(c.Status)
	if c.ErrorMessage == "" {
		c.ErrorMessage = said.Message()
	}
}
