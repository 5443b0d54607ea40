package dialect

import (
	"math/bits"
	"strings"

	"github.com/tokenboard/tokenboard/internal/dialect/tables"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// verdict is the result of a rule for a span.
type verdict = tables.Verdict

const (
	unsaid    = tables.Unsaid
	call      = tables.Call
	aggregate = tables.Aggregate
	tool      = tables.Tool
	never     = tables.Never
)

// roleRefs are the attributes of tables.RoleRules, taken apart.
var roleRefs = func() (out []ref) {
	for i := range tables.RoleRules {
		out = append(out, refTo(tables.RoleRules[i].Attribute))
	}
	return out
}()

// role finds what a span is, and whether anything but its figures says so.
func (r *record) role() verdict {
	for m := (r.own.rules | r.plan.nameRules) & r.plan.allRules; m != 0; m &= m - 1 {
		row := &r.plan.rules[r.plan.ruleAt[bits.TrailingZeros64(m)]]
		if !row.Named(r.name) {
			continue
		}
		name := r.name
		if row.Attribute != "" {
			if name = r.textAt(&row.ref); name == "" || !strings.HasPrefix(name, row.Value) {
				continue
			}
		}
		if v, ok := row.is(name); ok {
			return v
		}
		if lower := strings.ToLower(name); lower != name {
			if v, ok := row.is(lower); ok {
				return v
			}
		}
		if row.Else != unsaid && name != "" {
			return row.Else
		}
	}
	return unsaid
}

// roleWith makes the role in the accounting of a verdict, given whether the record has usage.
func roleWith(v verdict, reported bool) usage.Role {
	switch {
	case v == never:
		return usage.RoleNone
	case v == tool:
		return usage.RoleTool
	case v == aggregate && reported:
		return usage.RoleAggregate
	case v == call || (v == unsaid && reported):
		return usage.RoleCall
	default:
		return usage.RoleNone
	}
}
