package ledger

import (
	"bytes"
	"cmp"
	"slices"

	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// This file is the rule of what counts, as a pure function of a closed set of related
// records: it looks at nothing else, and the order in which the records came is not in it.
// The ledger calls it again for a whole set whenever one of its records is new or changed.

// resolve decides the standing of every record in a set that is closed under "same trace",
// "same id", "echo of" and "can be a twin of". Window is how far apart in time (ns) records with one id may lie.
func resolve(set []*node, x *index, window int64) map[*node]standing {
	out := make(map[*node]standing, len(set))
	traces := map[*trace]*tree{}
	var left []*node // records that neither the leaf rule nor the echo rule took out
	for _, n := range set {
		if traces[n.trace] == nil {
			traces[n.trace] = newTree(n.trace)
		}
	}
	aliases := map[*node][]key{} // ids that stand on superseded ancestors of a call
	for _, t := range traces {
		t.leafRule(out, aliases)
	}
	for _, n := range set {
		if _, superseded := out[n]; superseded {
			continue
		}
		if n.echo && x.groups[n.group] != nil && x.groups[n.group].full > 0 {
			out[n] = standing{reason: store.ReasonEcho}
			continue
		}
		left = append(left, n)
	}
	calls := sameCalls(left, aliases, traces, x, window)
	number := pairTwins(calls, x, window)
	wholes := make([][][]*node, len(calls)) // the parts of one call, by its number
	for i, nodes := range calls {
		wholes[number[i]] = append(wholes[number[i]], nodes)
	}
	for _, parts := range wholes {
		if len(parts) > 0 {
			settleCall(parts, out, traces, x)
		}
	}
	return out
}

// settleCall decides which of the records of one call counts: the fullest. The records of one part
// share an id; the parts are twins of one another.
func settleCall(parts [][]*node, out map[*node]standing, traces map[*trace]*tree, x *index) {
	whole := slices.Concat(parts...)
	slices.SortFunc(whole, func(a, b *node) int { return b.full.compare(a.full) })
	best := whole[0]
	stands := standing{counted: true, lent: lentTo(whole, out, traces)}
	if !best.usage {
		for _, n := range whole {
			if twin := x.quietTwinOf(n); twin != nil {
				stands = standing{by: twin.id, reason: store.ReasonTwin}
				break
			}
		}
	}
	for _, part := range parts {
		reason := store.ReasonTwin
		if slices.Contains(part, best) {
			reason = store.ReasonSameCall
		}
		for _, n := range part {
			out[n] = standing{by: best.id, reason: reason}
		}
	}
	out[best] = stands
}

// lentTo gives what the record that counts, the first of a call's, does not know and others do: the
// call's other records, the fuller first, then the spans of the same line that it stands for, the
// nearest first.
func lentTo(whole []*node, out map[*node]standing, traces map[*trace]*tree) who {
	own := whole[0].who.facts()
	var all usage.Who
	for _, n := range whole {
		all.Fill(n.who.facts())
	}
	for _, n := range whole {
		for _, a := range traces[n.trace].line(n) {
			if s := out[a]; s.reason == store.ReasonAncestor {
				all.Fill(a.who.facts())
			}
		}
	}
	return whoOf(all.Less(own))
}

// tree is one trace as the leaf rule sees it. Log records have no place in it.
type tree struct {
	calls  []*node
	bySpan map[usage.SpanID]*node
	links  map[usage.SpanID]link
	roots  map[usage.SpanID]bool // spans whose parent is not followed: they close a circle
	below  map[*node][]*node     // the calls below a call that are the same call as it
	above  map[*node][]*node     // the reverse, nearest first
}

// line gives the other calls of a call's line: its ancestors, the nearest first, then what is below it.
func (t *tree) line(n *node) []*node {
	return append(slices.Clone(t.above[n]), slices.SortedFunc(slices.Values(t.below[n]), earlier)...)
}

func newTree(t *trace) *tree {
	r := &tree{links: t.links, bySpan: make(map[usage.SpanID]*node, len(t.nodes))}
	for _, n := range t.nodes {
		if n.signal == usage.SignalSpan && !n.span.IsZero() {
			r.calls = append(r.calls, n)
			r.bySpan[n.span] = n
		}
	}
	return r
}

// parentOf gives a span's parent, and false at a root or where the span is not known.
func (t *tree) parentOf(s usage.SpanID) (usage.SpanID, bool) {
	var parent usage.SpanID
	if n := t.bySpan[s]; n != nil {
		parent = n.parent
	} else if l, known := t.links[s]; known {
		parent = l.parent
	}
	return parent, !parent.IsZero() && parent != s && !t.roots[s]
}

// isTool tells whether a span runs a tool.
func (t *tree) isTool(s usage.SpanID) bool {
	if n := t.bySpan[s]; n != nil {
		return n.role == usage.RoleTool
	}
	return t.links[s].tool
}

// ancestors calls visit for every call above n, nearest first, and tells whether a tool
// execution lies between (or n is one).
func (t *tree) ancestors(n *node, visit func(a *node, throughTool bool)) {
	through := n.role == usage.RoleTool
	at := n.span
	for {
		parent, ok := t.parentOf(at)
		if !ok {
			return
		}
		if a := t.bySpan[parent]; a != nil {
			visit(a, through)
		}
		through = through || t.isTool(parent)
		at = parent
	}
}

// cutCircles finds spans that are their own ancestors (a broken or hostile emitter) and
// takes the one with the smallest id in each circle for a root.
func (t *tree) cutCircles() {
	const unseen, onPath, done = 0, 1, 2
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
			parent, ok := t.parentOf(at)
			if !ok {
				break
			}
			at = parent
		}
		for _, s := range path {
			state[s] = done
		}
	}
}

// leafRule takes out the calls of a trace that are told again by another span of the same
// line of ancestors: along any line exactly one counts, the deepest that bears usage; where
// none bears usage, the deepest. An aggregate covers all below it; a model call covers what
// is below it up to the next tool execution.
func (t *tree) leafRule(out map[*node]standing, aliases map[*node][]key) {
	if len(t.calls) < 2 {
		return
	}
	t.cutCircles()
	t.below, t.above = map[*node][]*node{}, map[*node][]*node{}
	for _, n := range t.calls {
		t.ancestors(n, func(a *node, throughTool bool) {
			if throughTool && a.role == usage.RoleCall {
				return
			}
			t.below[a] = append(t.below[a], n)
			t.above[n] = append(t.above[n], a)
		})
	}
	bearsUsage := func(n *node) bool { return n.usage }
	apart := map[*node]bool{} // calls of their own, whatever lies below
	told := map[*node]bool{}  // superseded by what lies below
	for _, n := range t.calls {
		below := t.below[n]
		if n.usage {
			apart[n] = t.isApart(n)
			told[n] = !apart[n] && slices.ContainsFunc(below, bearsUsage)
		} else {
			told[n] = len(below) > 0
		}
	}
	for _, n := range t.calls {
		if n.usage || told[n] {
			continue
		}
		// a call without usage below a span that stands for the whole line
		for _, a := range t.above[n] {
			if a.usage && !told[a] && !apart[a] {
				out[n] = standing{by: a.id, reason: store.ReasonAncestor}
				break
			}
		}
	}
	for _, n := range t.calls {
		if !told[n] {
			continue
		}
		var by []*node // the calls below that count in its place
		for _, d := range t.below[n] {
			if _, gone := out[d]; !gone && !told[d] && (d.usage || !n.usage) {
				by = append(by, d)
			}
		}
		s := standing{reason: store.ReasonAncestor}
		if len(by) == 1 { // its ids are the ids of that call
			s.by = by[0].id
			aliases[by[0]] = append(aliases[by[0]], n.keys[:]...)
		}
		out[n] = s
	}
}

// isApart tells whether a model call with calls below it is none of them: its answer has another
// id than each of theirs, and its figures are neither one of theirs nor their sum. Such a span is one
// that its emitter wrote over (LangSmith puts a streamed call on its parent, and gives it no span of
// its own).
func (t *tree) isApart(n *node) bool {
	if n.role != usage.RoleCall || n.keys[0] == (key{}) {
		return false
	}
	var input, output int64
	some := false
	for _, d := range t.below[n] {
		if !d.usage {
			continue
		}
		if d.keys[0] == (key{}) || d.keys[0] == n.keys[0] || near(d.output, n.output) {
			return false
		}
		some = true
		input += d.input
		output += d.output
	}
	return some && (input != n.input || !near(output, n.output))
}

// near tells whether two output figures can be of one call: some emitters are one off.
func near(a, b int64) bool { return max(a-b, b-a) <= 1 }

// call is the records of one call while sameCalls puts them together.
type call struct {
	nodes []*node // ascending by start
	into  *call   // the call that this one was found to be part of
}

func (c *call) whole() *call {
	for c.into != nil {
		c = c.into
	}
	return c
}

// admits tells whether all records of o can be of the same call as those of c: no two of
// one source, and none too far from the rest.
func (c *call) admits(o *call, window int64) bool {
	for _, n := range o.nodes {
		for _, m := range c.nodes {
			if m.src == n.src || max(m.start-n.start, n.start-m.start) > window {
				return false
			}
		}
	}
	return true
}

// sameCalls divides records into calls: records that share a response or request id, or of
// which one was logged inside the other's span, are one call, unless they come from one
// source or lie too far apart. Where several calls share one id, records pair up by time.
func sameCalls(left []*node, aliases map[*node][]key, traces map[*trace]*tree, x *index, window int64) [][]*node {
	slices.SortFunc(left, earlier)
	var calls []*call
	byKey := map[key][]*call{}
	bySpan := map[*node][]*call{}
	for _, n := range left {
		own := &call{nodes: []*node{n}}
		calls = append(calls, own)
		var kin []*call
		for _, k := range slices.Concat(n.keys[:], aliases[n]) {
			if x.byKey.of(k) == nil {
				continue // none, or so common that it is no identity
			}
			kin = append(kin, byKey[k]...)
			byKey[k] = append(byKey[k], own)
		}
		if within := spanAround(n, traces); within != nil {
			kin = append(kin, bySpan[within]...)
			bySpan[within] = append(bySpan[within], own)
		}
		slices.SortFunc(kin, func(a, b *call) int { return earlier(b.nodes[0], a.nodes[0]) }) // the nearest in time first
		for _, k := range kin {
			if k = k.whole(); k != own && k.admits(own, window) {
				k.nodes = append(k.nodes, own.nodes...)
				own.into = k
				own = k
			}
		}
	}
	var out [][]*node
	for _, c := range calls {
		if c.into == nil {
			out = append(out, c.nodes)
		}
	}
	return out
}

func earlier(a, b *node) int {
	return cmp.Or(cmp.Compare(a.start, b.start), bytes.Compare(a.id[:], b.id[:]))
}

// spanAround gives the model call span that a record belongs to: itself, or for a log record
// the span it was written in. Where the leaf rule replaced that span by a single other one,
// it is that one.
func spanAround(n *node, traces map[*trace]*tree) *node {
	if n.signal == usage.SignalSpan {
		return n
	}
	t := traces[n.trace]
	around := t.bySpan[n.span]
	if around == nil || around.role != usage.RoleCall {
		return nil
	}
	if below := t.below[around]; len(below) == 1 {
		return below[0]
	}
	return around
}
