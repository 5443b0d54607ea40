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

// resolving is what the current write is about.
type resolving struct {
	pending  []pending // records that came or are related to such; node.at is one more than the place here
	findings []finding // of those that have relatives
	set      []*node   // of the findings
	trees    []*tree
}

// pending is a record that the current write is about.
type pending struct {
	n       *node
	put     *store.Record // what is to be stored; nil: it is stored already
	was     int64         // start (Unix ns) of the stored record that put replaces, or of put itself
	fresh   bool          // the index did not know it before
	finding uint32        // one more than its place in findings; 0: none
}

// finding is what resolve finds out about one record.
type finding struct {
	standing
	decided bool
	told    bool    // superseded by what lies below
	apart   bool    // a call of its own, whatever lies below
	tree    *tree   // of its trace
	below   []*node // the calls below it that are the same call as it
	above   []*node // the reverse, nearest first
	aliases []key   // ids that stand on superseded ancestors
	call    int     // its number among the calls that are left, plus one
}

func (f *finding) decide(s standing) { f.standing, f.decided = s, true }

// about gives the place of a record in the current write.
func (x *index) about(n *node) *pending {
	if n.at == 0 {
		x.pending = append(x.pending, pending{n: n, was: n.start})
		n.at = uint32(len(x.pending))
	}
	return &x.pending[n.at-1]
}

// putOf gives what is to be stored of a record; nil where nothing is.
func (x *index) putOf(n *node) *store.Record {
	if n.at == 0 {
		return nil
	}
	return x.pending[n.at-1].put
}

// visit puts a record into the set to be resolved.
func (x *index) visit(n *node) {
	p := x.about(n)
	if p.finding != 0 {
		return
	}
	x.set = append(x.set, n)
	p.finding = uint32(len(x.set))
}

func (x *index) inSet(n *node) bool { return n.at != 0 && x.pending[n.at-1].finding != 0 }

// found gives the finding on a record of the set.
func (x *index) found(n *node) *finding { return &x.findings[x.pending[n.at-1].finding-1] }

// settled ends what a write is about.
func (x *index) settled() {
	for i := range x.pending {
		x.pending[i].n.at = 0
	}
	clear(x.pending)
	clear(x.findings)
	clear(x.set)
	clear(x.trees)
	x.pending, x.findings, x.set, x.trees = kept(x.pending), kept(x.findings), kept(x.set), kept(x.trees)
}

// resolve decides the standing of every record in a set that is closed under "same trace",
// "same id", "echo of" and "can be a twin of". Window is how far apart in time (ns) records with one id may lie.
func (x *index) resolve(window int64) {
	x.findings = slices.Grow(x.findings[:0], len(x.set))[:len(x.set)]
	for i, n := range x.set {
		if f := &x.findings[i]; f.tree == nil {
			x.growTree(n.trace)
		}
	}
	for _, t := range x.trees {
		t.leafRule()
	}
	var left []*node // records that neither the leaf rule nor the echo rule took out
	for i, n := range x.set {
		f := &x.findings[i]
		if f.decided {
			continue
		}
		if g := x.groups[n.group]; n.echo() && g != nil && g.full > 0 {
			f.decide(standing{reason: store.ReasonEcho})
			continue
		}
		left = append(left, n)
	}
	calls := x.pairTwins(x.sameCalls(left, window), window)
	for _, parts := range calls {
		x.settleCall(parts)
	}
	if len(x.running) > 0 {
		for _, t := range x.trees {
			t.deductLoops()
		}
	}
}

// settleCall decides which of the records of one call counts: the fullest. The records of one part
// share an id; the parts are twins of one another.
func (x *index) settleCall(parts [][]*node) {
	whole := parts[0]
	if len(parts) > 1 {
		whole = slices.Concat(parts...)
	}
	best := whole[0]
	if len(whole) > 1 {
		whole = slices.Clone(whole)
		slices.SortFunc(whole, func(a, b *node) int { return b.full.compare(a.full) })
		best = whole[0]
	}
	stands := standing{counted: true, lent: x.lentTo(whole)}
	if !best.usage() {
		for _, n := range whole {
			if twin := x.quietTwinOf(n); twin != nil {
				stands = standing{by: twin.id, reason: store.ReasonTwin}
				break
			}
		}
	}
	if len(whole) > 1 {
		for _, part := range parts {
			reason := store.ReasonTwin
			if slices.Contains(part, best) {
				reason = store.ReasonSameCall
			}
			for _, n := range part {
				x.found(n).decide(standing{by: best.id, reason: reason})
			}
		}
	}
	x.found(best).decide(stands)
}

// lentTo gives what the record that counts, the first of a call's, does not know and others do: the
// call's other records, the fuller first, then the spans of the same line that it stands for, the
// nearest first.
func (x *index) lentTo(whole []*node) usage.Attribution {
	own := x.whos.value(whole[0].who)
	all := own
	for _, n := range whole[1:] {
		all.FillFrom(x.whos.value(n.who))
	}
	for _, n := range whole {
		f := x.found(n)
		slices.SortFunc(f.below, earlier)
		for _, line := range [][]*node{f.above, f.below} {
			for _, a := range line {
				if a.who != 0 && x.found(a).reason == store.ReasonAncestor {
					all.FillFrom(x.whos.value(a.who))
				}
			}
		}
	}
	return all.Without(own)
}

// tree is one trace as the leaf rule sees it. Log records have no place in it.
type tree struct {
	x      *index
	trace  uint32
	calls  []*node
	bySpan map[usage.SpanID]*node // nil where there are few calls
	roots  map[usage.SpanID]bool  // spans whose parent is not followed: they close a circle
	spans  int                    // as many as there can be along a line
}

// fewCalls are looked through one by one.
const fewCalls = 12

// growTree makes the tree of a trace.
func (x *index) growTree(trace uint32) {
	tr := x.traces.at(trace)
	t := &tree{x: x, trace: trace, spans: int(tr.count)}
	x.trees = append(x.trees, t)
	x.eachOf(tr, func(n *node) {
		x.found(n).tree = t
		if n.signal == usage.SignalSpan && !n.span.IsZero() {
			t.calls = append(t.calls, n)
		}
	})
	if len(t.calls) > fewCalls {
		t.bySpan = make(map[usage.SpanID]*node, len(t.calls))
		for _, n := range t.calls {
			t.bySpan[n.span] = n
		}
	}
}

// call gives the call that a span is; nil where it is none.
func (t *tree) call(s usage.SpanID) *node {
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

// up gives what is known of a span: the call that it is, its parent (zero at a root, or where the
// span is not known), and whether it runs a tool.
func (t *tree) up(s usage.SpanID) (n *node, parent usage.SpanID, tool bool) {
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

// ancestors calls visit for every call above n, nearest first, and tells whether a tool
// execution lies between (or n is one).
func (t *tree) ancestors(n *node, visit func(a *node, throughTool bool)) {
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

// hasCircles tells whether some line of ancestors does not end.
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

// leafRule takes out the calls of a trace that are told again by another span of the same
// line of ancestors: along any line exactly one counts, the deepest that bears usage; where
// none bears usage, the deepest. An aggregate covers all below it; a model call covers what
// is below it up to the next tool execution.
func (t *tree) leafRule() {
	if len(t.calls) < 2 {
		return
	}
	x := t.x
	t.cutCircles()
	for _, n := range t.calls {
		f := x.found(n)
		t.ancestors(n, func(a *node, throughTool bool) {
			if throughTool && a.role == usage.RoleCall {
				return
			}
			f.above = append(f.above, a)
			of := x.found(a)
			of.below = append(of.below, n)
		})
	}
	for _, n := range t.calls {
		f := x.found(n)
		if n.usage() {
			f.apart = x.isApart(n, f.below)
			f.told = !f.apart && slices.ContainsFunc(f.below, (*node).usage)
		} else {
			f.told = len(f.below) > 0
		}
	}
	for _, n := range t.calls {
		f := x.found(n)
		if n.usage() || f.told {
			continue
		}
		// a call without usage below a span that stands for the whole line
		for _, a := range f.above {
			if of := x.found(a); a.usage() && !of.told && !of.apart {
				f.decide(standing{by: a.id, reason: store.ReasonAncestor})
				break
			}
		}
	}
	for _, n := range t.calls {
		f := x.found(n)
		if !f.told {
			continue
		}
		var by *node // the call below that counts in its place
		several := 0
		for _, d := range f.below {
			if of := x.found(d); !of.told && !of.decided && (d.usage() || !n.usage()) {
				by = d
				several++
			}
		}
		s := standing{reason: store.ReasonAncestor}
		if several == 1 { // its ids are the ids of that call
			s.by = by.id
			of := x.found(by)
			of.aliases = append(of.aliases, n.keys[:]...)
		}
		f.decide(s)
	}
}

// isApart tells whether a model call with calls below it is none of them: its answer has another
// id than each of theirs, and its figures are neither one of theirs nor their sum. Such a span is one
// that its emitter wrote over (LangSmith puts a streamed call on its parent, and gives it no span of
// its own).
func (x *index) isApart(n *node, below []*node) bool {
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
func (x *index) sameCalls(left []*node, window int64) []*call {
	slices.SortFunc(left, earlier)
	logs := slices.ContainsFunc(left, func(n *node) bool { return n.signal != usage.SignalSpan })
	byKey := map[key][]*call{}
	bySpan := map[*node][]*call{}
	all := make([]call, len(left))
	for i, n := range left {
		own := &all[i]
		own.nodes = left[i : i+1 : i+1]
		var kin []*call
		f := x.found(n)
		for _, keys := range [...][]key{n.keys[:], f.aliases} {
			for _, k := range keys {
				// It is none, so common that it is no identity, or another record's neither: of two
				// calls that share an id by a superseded ancestor, the ancestors have it too.
				if k == (key{}) || x.byKey.count(k) < 2 {
					continue
				}
				kin = append(kin, byKey[k]...)
				byKey[k] = append(byKey[k], own)
			}
		}
		if logs {
			if within := x.spanAround(n); within != nil {
				kin = append(kin, bySpan[within]...)
				bySpan[within] = append(bySpan[within], own)
			}
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
	out := make([]*call, 0, len(all))
	for i := range all {
		if all[i].into == nil {
			out = append(out, &all[i])
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
func (x *index) spanAround(n *node) *node {
	if n.signal == usage.SignalSpan {
		return n
	}
	around := x.found(n).tree.call(n.span)
	if around == nil || around.role != usage.RoleCall {
		return nil
	}
	if below := x.found(around).below; len(below) == 1 {
		return below[0]
	}
	return around
}
