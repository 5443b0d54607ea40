package correlation

import (
	"slices"

	"github.com/tokenboard/tokenboard/internal/usage"
)

// Some emitters report of each model call in a tool loop the sum of the loop so far (usage.RunningSum). The
// calls of a loop are siblings of one scope, beside the tool executions between them; what each spent is what
// it reports less what the one before it reports. The figures of such records are kept here, by node, because
// only they need more than the totals.

// loop is the place that the calls of a tool loop share.
type loop struct {
	parent usage.SpanID
	src    uint32
}

// deductLoops finds what the calls of a trace's tool loops spent before each of them.
func (t *tree) deductLoops() {
	x := t.x
	var loops map[loop][]*Node
	for _, n := range t.calls {
		if f := x.assessmentOf(n); n.flags&isRunning == 0 || !f.Counted || n.parent.IsZero() {
			continue
		}
		if loops == nil {
			loops = map[loop][]*Node{}
		}
		k := loop{n.parent, n.src}
		loops[k] = append(loops[k], n)
	}
	for k, calls := range loops {
		if len(calls) < 2 || !t.runsTools(k.parent) {
			continue
		}
		slices.SortFunc(calls, earlier)
		for i, n := range calls[1:] {
			before := calls[i]
			if before.input <= n.input && before.output <= n.output { // else another loop begins
				x.assessmentOf(n).Before = x.running[before.self]
			}
		}
	}
}

// runsTools reports whether a tool execution lies directly below a span.
func (t *tree) runsTools(parent usage.SpanID) bool {
	for at := t.x.traces.at(t.trace).links; at != 0; {
		l := t.x.links.at(at)
		if l.tool && l.parent == parent {
			return true
		}
		at = l.next
	}
	return false
}
