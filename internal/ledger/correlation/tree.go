package correlation

import (
	"bytes"
	"slices"

	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// tree is one trace as the leaf rule sees it. Log records have no place in it.
type tree struct {
	x      *Index
	trace  uint32
	calls  []*Node
	bySpan map[usage.SpanID]*Node // nil where there are few calls
	roots  map[usage.SpanID]bool  // spans whose parent is not followed: they close a circle
	spans  int                    // as many as there can be along a line
}

// fewCalls are looked through one by one.
const fewCalls = 12

// growTree makes the tree of a trace.
func (x *Index) growTree(trace uint32) {
	tr := x.traces.at(trace)
	t := &tree{x: x, trace: trace, spans: int(tr.count)}
	x.trees = append(x.trees, t)
	x.eachOf(tr, func(n *Node) {
		x.assessmentOf(n).tree = t
		if n.signal == usage.SignalSpan && !n.span.IsZero() {
			t.calls = append(t.calls, n)
		}
	})
	if len(t.calls) > fewCalls {
		t.bySpan = make(map[usage.SpanID]*Node, len(t.calls))
		for _, n := range t.calls {
			t.bySpan[n.span] = n
		}
	}
}

// call returns the call that a span is; nil where it is none.
func (t *tree) call(s usage.SpanID) *Node {
	if t.bySpan != nil {
		return t.bySpan[s]
	}
	for _, n := range t.calls {
		if n.span == s {
			return n
		}
	}
	return nil
}

// up returns the known facts about a span: the call that it is, its parent (zero at a root, or where the span is not
// known), and whether it runs a tool.
func (t *tree) up(s usage.SpanID) (n *Node, parent usage.SpanID, tool bool) {
	if n = t.call(s); n != nil {
		parent, tool = n.parent, n.role == usage.RoleTool
	} else if l := t.x.linkAt(t.trace, s); l != nil {
		parent, tool = l.parent, l.tool
	}
	if parent == s || t.roots[s] {
		parent = usage.SpanID{}
	}
	return n, parent, tool
}

// ancestors calls visit for every call above n, nearest first, and reports whether a tool
// execution lies between (or n is one).
func (t *tree) ancestors(n *Node, visit func(a *Node, throughTool bool)) {
	through := false
	_, at, tool := t.up(n.span)
	for !at.IsZero() {
		through = through || tool
		a, parent, isTool := t.up(at)
		if a != nil {
			visit(a, through)
		}
		at, tool = parent, isTool
	}
}

// hasCircles reports whether some line of ancestors does not end.
func (t *tree) hasCircles() bool {
	for _, n := range t.calls {
		steps := 0
		for at := n.span; !at.IsZero(); steps++ {
			if steps > t.spans {
				return true
			}
			_, at, _ = t.up(at)
		}
	}
	return false
}

// cutCircles finds spans that are their own ancestors (a broken or hostile emitter) and
// takes the one with the smallest id in each circle for a root.
func (t *tree) cutCircles() {
	if !t.hasCircles() {
		return
	}
	const onPath, done = 1, 2
	state := map[usage.SpanID]int{}
	for _, n := range t.calls {
		var path []usage.SpanID
		at := n.span
		for {
			if state[at] == onPath {
				circle := path[slices.Index(path, at):]
				least := slices.MinFunc(circle, func(a, b usage.SpanID) int { return bytes.Compare(a[:], b[:]) })
				if t.roots == nil {
					t.roots = map[usage.SpanID]bool{}
				}
				t.roots[least] = true
				break
			}
			if state[at] == done {
				break
			}
			state[at] = onPath
			path = append(path, at)
			_, parent, _ := t.up(at)
			if parent.IsZero() {
				break
			}
			at = parent
		}
		for _, s := range path {
			state[s] = done
		}
	}
}

// leafRule decides over the calls of a trace that another span of the same line of ancestors repeats: along any line
// exactly one counts, the deepest that has usage; where none has usage, the deepest. An aggregate covers all below it;
// a model call covers what is below it up to the next tool execution.
func (t *tree) leafRule() {
	if len(t.calls) < 2 {
		return
	}
	x := t.x
	t.cutCircles()
	t.followLines()
	for _, n := range t.calls {
		a := x.assessmentOf(n)
		if n.usage() || a.supersededByDescendant {
			continue
		}
		// a call without usage below a span that represents the whole line
		for _, above := range a.above {
			if of := x.assessmentOf(above); above.usage() && !of.supersededByDescendant && !of.separate {
				a.decide(Decision{By: above.id, Reason: store.ReasonAncestor})
				break
			}
		}
	}
	for _, n := range t.calls {
		if x.assessmentOf(n).supersededByDescendant {
			t.supersede(n)
		}
	}
}

// followLines finds the calls above and below each call, and which of them one below supersedes.
func (t *tree) followLines() {
	x := t.x
	for _, n := range t.calls {
		a := x.assessmentOf(n)
		t.ancestors(n, func(above *Node, throughTool bool) {
			if throughTool && above.role == usage.RoleCall {
				return
			}
			a.above = append(a.above, above)
			of := x.assessmentOf(above)
			of.below = append(of.below, n)
		})
	}
	for _, n := range t.calls {
		a := x.assessmentOf(n)
		if n.usage() {
			a.separate = x.isSeparateCall(n, a.below)
			a.supersededByDescendant = !a.separate && slices.ContainsFunc(a.below, (*Node).usage)
		} else {
			a.supersededByDescendant = len(a.below) > 0
		}
	}
}

// supersede decides that calls below a call count in its place. Where it is a single one, that one also has its ids.
func (t *tree) supersede(n *Node) {
	x := t.x
	a := x.assessmentOf(n)
	var by *Node
	several := 0
	for _, below := range a.below {
		of := x.assessmentOf(below)
		if !of.supersededByDescendant && !of.decided && (below.usage() || !n.usage()) {
			by = below
			several++
		}
	}
	d := Decision{Reason: store.ReasonAncestor}
	if several == 1 {
		d.By = by.id
		of := x.assessmentOf(by)
		of.aliases = append(of.aliases, n.keys[:]...)
	}
	a.decide(d)
}

// isSeparateCall reports whether a model call with calls below it is none of them: its answer has another
// id than each of theirs, and its figures are neither one of theirs nor their sum. Such a span is one
// that its emitter wrote over (LangSmith puts a streamed call on its parent, and creates no span of
// its own).
func (x *Index) isSeparateCall(n *Node, below []*Node) bool {
	if n.role != usage.RoleCall || n.keys[0] == (key{}) {
		return false
	}
	var input, output int64
	some := false
	for _, d := range below {
		if !d.usage() {
			continue
		}
		if d.keys[0] == (key{}) || d.keys[0] == n.keys[0] || near(d.output, n.output) {
			return false
		}
		some = true
		input = usage.AddSat(input, d.input)
		output = usage.AddSat(output, d.output)
	}
	return some && (input != n.input || !near(output, n.output))
}
