package correlation

import (
	"encoding/binary"
	"strings"
	"time"

	"github.com/tokenboard/tokenboard/internal/usage"
)

// Index finds the records that are related to one: its trace, the records that share an id with it, its
// group of a secondary signal. It is bounded: the traces that were idle for longest are evicted first.
//
// All changes between begin and commit can be taken back, for a write that fails.
type Index struct {
	nodes  slab[Node]
	traces slab[trace]
	links  slab[link]

	byID    table // of nodes
	byTrace table // of traces
	byLink  table // of links
	byKey   sharedIndex[key]
	byTwin  sharedIndex[twinKey]
	// byTime finds records near in time, for those without usage, see twin_by_time.go.
	byTime sharedIndex[timeKey]
	twins  bool // they are looked for
	groups map[uint32]*group

	attributions internedAttribution
	models       interned[models]
	sources      interned[source]
	groupKeys    interned[key]
	by           map[ref]usage.ID     // the record that supersedes a record
	running      map[ref]usage.Tokens // the running sums of records
	before       map[ref]usage.Tokens // see Decision

	oldest, youngest uint32 // traces
	size             int    // records and links

	// Every record that was stored and starts after completeAfter is in the index. An older one may be in the store
	// only.
	completeAfter int64

	undo []step
	// invalidated are the records whose relations changed because something that they share became
	// too common to be an identity, or is so no more.
	invalidated []ref

	resolving

	prefetched uint32 // so that what only reads is not left out
}

// New returns an empty index. twins says whether it looks for twins.
func New(twins bool) *Index {
	x := &Index{groups: map[uint32]*group{}, by: map[ref]usage.ID{}, running: map[ref]usage.Tokens{}, before: map[ref]usage.Tokens{}, twins: twins}
	same := func(k key) key { return k }
	x.byKey.tag = func(k key) uint32 { return binary.LittleEndian.Uint32(k[4:]) }
	x.byKey.has = func(r ref, k key) bool { n := x.node(r); return n.keys[0] == k || n.keys[1] == k }
	x.byTwin.tag = twinKey.tag
	x.byTwin.has = func(r ref, k twinKey) bool {
		n := x.node(r)
		return n.input == k.input && x.process(n) == k.process // of these, a tag is that of one slot
	}
	x.byTime.tag = timeKey.tag
	x.byTime.has = func(r ref, k timeKey) bool { return x.timeKey(x.node(r)) == k }
	x.attributions.texts.own = strings.Clone
	x.attributions.facts.own = func(f attributionFacts) attributionFacts { return f }
	x.models.own = func(m models) models { return models{strings.Clone(m.answered), strings.Clone(m.requested)} }
	x.sources.own = func(s source) source { s.scope = strings.Clone(s.scope); return s }
	x.groupKeys.own = same
	return x
}

func (x *Index) node(r ref) *Node { return x.nodes.at(uint32(r)) }

func (x *Index) process(n *Node) uint64 { return x.sources.value(n.src).process }

// Find returns a record by its identity; nil if the index does not have it.
func (x *Index) Find(id usage.ID, p *Precomputed) *Node {
	i := x.byID.find(p.id, func(number uint32) bool { return x.nodes.at(number).id == id })
	if i < 0 {
		return nil
	}
	return x.nodes.at(x.byID.slots[i].number)
}

// add remembers a record that is new.
func (x *Index) add(c *usage.Call, g *Precomputed, seen time.Time) *Node {
	at, t := x.traceOf(c.Trace, g.trace, seen)
	number, n := x.nodes.take()
	n.self, n.trace, n.next = ref(number), at, t.nodes
	t.several = t.nodes != 0
	t.nodes = n.self
	t.count++
	x.fill(n, c, g)
	x.byID.insert(g.id, number)
	x.size++
	x.attach(n)
	x.undo = append(x.undo, step{what: addedNode, entry: number})
	return n
}

// fill notes what a record has.
func (x *Index) fill(n *Node, c *usage.Call, g *Precomputed) {
	n.id, n.span, n.parent = c.ID, c.Span, c.Parent
	n.start, n.end = c.Start.UnixNano(), c.Start.Add(max(c.Duration, 0)).UnixNano()
	n.completeness, n.keys = g.completeness, g.keys
	n.input, n.output = c.Tokens.Input(), c.Tokens.Output()
	n.signal, n.role = c.Signal, c.Role
	n.flags &^= ownFlags
	for _, f := range [...]struct {
		is   flags
		true bool
	}{{isUsage, c.Tokens.Reported()}, {isSecondary, c.SecondarySignal}, {isFailed, c.Failed}, {isEmbedding, c.Operation == "embeddings"},
		{isRunning, c.Quality&usage.RunningSum != 0 && c.Tokens.Reported()}} {
		if f.true {
			n.flags |= f.is
		}
	}
	x.run(n, c.Tokens)
	who := c.OwnAttribution()
	n.models = x.models.take(models{c.Model, c.RequestModel}, g.models)
	n.src = x.sources.take(sourceOf(c), g.source)
	n.attribution = x.attributions.take(&who, g.attribution)
	n.group = x.groupKeys.take(g.group, binary.LittleEndian.Uint32(g.group[4:]))
}

// run keeps the figures of a record that has a running sum.
func (x *Index) run(n *Node, sum usage.Tokens) {
	switch {
	case n.flags&isRunning != 0:
		sum.Fields = 0
		x.running[n.self] = sum
	case len(x.running) > 0:
		delete(x.running, n.self)
	}
}

// dropShared counts one use less of what a record shares with others.
func (x *Index) dropShared(n *Node) {
	x.models.drop(n.models)
	x.sources.drop(n.src)
	x.attributions.drop(n.attribution)
	x.groupKeys.drop(n.group)
}

// dropFirstNode removes the first node of a trace, which is detached already.
func (x *Index) dropFirstNode(t *trace) {
	number := uint32(t.nodes)
	n := x.nodes.at(number)
	x.byID.remove(x.byID.find(tagOfBytes(n.id[:]), func(o uint32) bool { return o == number }))
	t.nodes = n.next
	t.several = t.nodes != 0 && x.node(t.nodes).next != 0
	t.count--
	x.setDecision(n, &Decision{})
	x.dropShared(n)
	n.flags &^= isRunning
	x.run(n, usage.Tokens{})
	x.nodes.drop(number)
	x.size--
}

// replace replaces an earlier delivery by a more complete one.
func (x *Index) replace(n *Node, c *usage.Call, g *Precomputed, seen time.Time) {
	old, sum := *n, x.running[n.self]
	x.detach(n)
	x.fill(n, c, g)
	x.attach(n)
	x.see(n.trace, x.traces.at(n.trace), seen)
	x.undo = append(x.undo, step{what: replaced, entry: uint32(n.self), node: &old, sum: sum})
}

// putBack is the reverse of replace. The decision on a record is not a part of its report.
func (x *Index) putBack(n, old *Node, sum usage.Tokens) {
	x.detach(n)
	x.dropShared(n)
	old.reason, old.inherited, old.at = n.reason, n.inherited, n.at
	old.flags = old.flags&ownFlags | n.flags&^ownFlags
	*n = *old
	x.run(n, sum)
	x.attach(n)
}

// share notes what sharedIndex.add returned.
func (x *Index) share(n *Node, second ref, several bool, unsettled []ref) {
	if several {
		n.flags |= wasShared
	}
	if second != 0 {
		x.node(second).flags |= wasShared
	}
	x.invalidate(unsettled)
}

func (x *Index) attach(n *Node) {
	for _, k := range n.keys {
		if k != (key{}) {
			second, several, unsettled := x.byKey.add(k, n.self)
			x.share(n, second, several, unsettled)
		}
	}
	if x.twins {
		x.twinKeys(n, func(k twinKey) {
			second, several, unsettled := x.byTwin.add(k, n.self)
			x.share(n, second, several, unsettled)
		})
		if k := x.timeKey(n); k.state != notACall {
			_, _, unsettled := x.byTime.add(k, n.self)
			x.invalidate(unsettled)
		}
	}
	if n.group == 0 {
		return
	}
	g := x.groups[n.group]
	if g == nil {
		g = &group{}
		x.groups[n.group] = g
	}
	if n.secondary() {
		g.secondary = append(g.secondary, n.self)
	} else {
		g.primary++
	}
}

func (x *Index) detach(n *Node) {
	for _, k := range n.keys {
		if k != (key{}) {
			x.invalidate(x.byKey.remove(k, n.self))
		}
	}
	if x.twins {
		x.twinKeys(n, func(k twinKey) { x.invalidate(x.byTwin.remove(k, n.self)) })
		if k := x.timeKey(n); k.state != notACall {
			x.invalidate(x.byTime.remove(k, n.self))
		}
	}
	if n.group == 0 {
		return
	}
	g := x.groups[n.group]
	if n.secondary() {
		g.secondary = without(g.secondary, n.self)
	} else {
		g.primary--
	}
	if g.primary == 0 && len(g.secondary) == 0 {
		delete(x.groups, n.group)
	}
}

// eachOf calls visit for every record of a trace.
func (x *Index) eachOf(t *trace, visit func(*Node)) {
	for r := t.nodes; r != 0; {
		n := x.node(r)
		visit(n)
		r = n.next
	}
}

// eachByKey calls visit for every record that shares an id with n.
func (x *Index) eachByKey(n *Node, visit func(*Node)) {
	for _, k := range n.keys {
		if k != (key{}) {
			x.byKey.each(k, func(r ref) { visit(x.node(r)) })
		}
	}
}

// isAlone reports whether the only record of its trace has no related record anywhere, so that it counts.
// resolve would decide the same.
func (x *Index) isAlone(n *Node) bool {
	if n.group != 0 {
		return false
	}
	if n.flags&wasShared == 0 { // mostly
		return x.twinByTimeOf(n) == nil
	}
	for _, k := range n.keys {
		if k != (key{}) && x.byKey.count(k) > 1 {
			return false
		}
	}
	alone := true
	x.eachTwin(n, func(*Node) { alone = false })
	return alone && x.twinByTimeOf(n) == nil
}
