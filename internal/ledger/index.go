package ledger

import (
	"encoding/binary"
	"hash/maphash"
	"strings"
	"time"

	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// key is a hash of something that several records of one call share: a response id, a
// request id, or the name of an echo group. The zero key is "none".
//
// It is two hashes of 64 bits, with seeds of this process that nobody else knows: neither by accident
// nor by intent do two ids have one key. It is never stored.
type key [16]byte

var keySeeds = [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()}

func keyOf(kind byte, s string) (k key) {
	if s == "" {
		return k
	}
	for i, seed := range keySeeds {
		h := maphash.String(seed, s)
		binary.LittleEndian.PutUint64(k[i*8:], h)
	}
	k[0] ^= kind // ids of different kinds are different, even where they are spelled alike
	return k
}

// source is where a record comes from. One emitter tells one call by one record, so that
// two records of one source are two calls even if they share a response id (a gateway that
// answers from its cache sends the id of the first answer again).
type source struct {
	signal  usage.Signal
	scope   string
	process uint64
}

// models are the names of the model of one record.
type models struct{ answered, requested string }

// Decision is a record's place in the ledger.
type Decision struct {
	Counted   bool
	Reason    store.Reason
	By        usage.ID
	Inherited usage.Attribution // of a record that counts: what its relatives know and it does not
	Before    usage.Tokens      // of a record that tells a running sum: what calls before it spent
}

// ref names a node of an index; 0 names none.
type ref uint32

// Node is what the ledger remembers of one call record, to find its relatives. It is small, and has no
// pointers: the record itself is in the store, and what many records share is kept once, by number.
type Node struct {
	id           usage.ID
	span, parent usage.SpanID
	start, end   int64 // Unix ns
	completeness completeness
	keys         [2]key

	// What a twin must agree with.
	input, output int64
	models        uint32 // in index.models

	src         uint32 // in index.sources
	group       uint32 // in index.groupKeys
	attribution uint32 // in index.whos: what it knows itself
	inherited   uint32 // in index.whos: see standing
	trace       uint32 // in index.traces
	next        ref    // of the trace's nodes
	self        ref
	at          uint32 // in index.pending, of what the current write is about; 0: nowhere

	signal usage.Signal
	role   usage.Role
	reason store.Reason
	flags  flags
}

// flags are what is true of a record.
type flags uint8

const (
	isUsage flags = 1 << iota // it bears usage
	isSecondary
	isFailed
	isEmbedding
	isCounted    // see standing
	hasSuccessor // index.by has who stands for it
	wasShared    // it shared an id, or could be a twin, of another record once
	isRunning    // it tells a running sum: index.running has its figures
)

// ownFlags are those that the record itself tells.
const ownFlags = isUsage | isSecondary | isFailed | isEmbedding | isRunning

func (n *Node) usage() bool     { return n.flags&isUsage != 0 }
func (n *Node) secondary() bool { return n.flags&isSecondary != 0 }

// Precomputed is what is worked out of a record before the index sees it. It needs nothing that only the
// ledger's writer may read, so that senders do it, each for itself.
type Precomputed struct {
	completeness                           completeness
	keys                                   [2]key
	group                                  key
	id, trace, attribution, models, source uint32 // tags
}

// Precompute works out the gist of a record as it was told: nothing is lent to it.
func Precompute(c *usage.Call) Precomputed {
	return Precomputed{
		completeness: completenessOf(c), group: keyOf('g', c.SignalGroup),
		keys: [2]key{keyOf('r', c.ResponseID), keyOf('q', c.RequestID)},
		id:   tagOfBytes(c.ID[:]), trace: tagOfBytes(c.Trace[:]), attribution: tagOf(c.OwnAttribution()),
		models: tagOf(models{c.Model, c.RequestModel}), source: tagOf(sourceOf(c)),
	}
}

func sourceOf(c *usage.Call) source {
	return source{signal: c.Signal, scope: c.Scope, process: c.Process}
}

// link is a span that is no call: only its place in the trace matters.
type link struct {
	span, parent usage.SpanID
	trace        uint32
	next         uint32 // of the trace's links
	tool         bool
}

func (l *link) tag() uint32 { return mix(binary.LittleEndian.Uint64(l.span[:]), uint64(l.trace)) }

// trace is the spans of one trace; a record without a trace id has one of its own.
type trace struct {
	id             usage.TraceID
	seen           int64  // Unix ns
	older, younger uint32 // the traces that were quiet longer, and less long
	nodes          ref    // the first
	links          uint32 // the first
	count          int32  // of nodes and links
	several        bool   // nodes
	touched        bool   // by the current write
}

// group is the records of one echo group.
type group struct {
	primary   int // records of the fuller kind
	secondary []ref
}

// Index finds the relatives of a record: its trace, the records that share an id with it, its
// echo group. It is bounded: the traces that were quiet for longest are forgotten first.
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
	// byTime finds records near in time, for those that tell no usage, see quiet.go.
	byTime sharedIndex[timeKey]
	twins  bool // they are looked for
	groups map[uint32]*group

	attributions internedAttribution
	models       interned[models]
	sources      interned[source]
	groupKeys    interned[key]
	by           map[ref]usage.ID     // who stands for a record
	running      map[ref]usage.Tokens // what records with running sums told
	before       map[ref]usage.Tokens // see standing

	oldest, youngest uint32 // traces
	size             int    // records and links

	// Every record that was stored and starts after completeAfter is in the index. Of an
	// older one that is not here, only the store knows.
	completeAfter int64

	undo []step
	// invalidated are the records whose relations changed because something that they share became
	// too common to be an identity, or is so no more.
	invalidated []ref

	resolving

	prefetched uint32 // so that what only reads is not left out
}

// prefetchStep is how many records are looked for at once: a few times what a processor has under way.
const prefetchStep = 32

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
	x.attributions.facts.own = func(f [5]uint32) [5]uint32 { return f }
	x.models.own = func(m models) models { return models{strings.Clone(m.answered), strings.Clone(m.requested)} }
	x.sources.own = func(s source) source { s.scope = strings.Clone(s.scope); return s }
	x.groupKeys.own = same
	return x
}

func (x *Index) node(r ref) *Node { return x.nodes.at(uint32(r)) }

func (x *Index) process(n *Node) uint64 { return x.sources.value(n.src).process }

// step is one change, to be taken back.
type step struct {
	what  stepKind
	entry uint32       // a node, trace or link
	node  *Node        // what a node was, of replaced
	was   *Decision    // of stood
	told  usage.Tokens // a running sum, of replaced
}

type stepKind uint8

const (
	madeTrace stepKind = iota
	addedLink
	addedNode
	replaced
	decisionSet
)

func (x *Index) Begin() { x.undo, x.invalidated = x.undo[:0], x.invalidated[:0] }

func (x *Index) Commit() {
	for i := range x.undo {
		if s := &x.undo[i]; s.what == replaced {
			x.dropShared(s.node)
		}
	}
	x.Begin()
}

func (x *Index) Rollback() {
	for i := len(x.undo) - 1; i >= 0; i-- {
		s := &x.undo[i]
		switch s.what {
		case madeTrace:
			x.dropTrace(s.entry)
		case addedLink:
			x.dropFirstLink(x.traces.at(x.links.at(s.entry).trace))
		case addedNode:
			n := x.node(ref(s.entry))
			x.detach(n)
			x.dropFirstNode(x.traces.at(n.trace))
		case replaced:
			x.putBack(x.node(ref(s.entry)), s.node, s.told)
		case decisionSet:
			x.setDecision(x.node(ref(s.entry)), s.was)
		}
	}
	x.Begin()
}

// traceOf gives the trace to put a span in, made where it is new.
func (x *Index) traceOf(id usage.TraceID, tag uint32, seen time.Time) (uint32, *trace) {
	var number uint32
	if !id.IsZero() {
		if i := x.byTrace.find(tag, func(t uint32) bool { return x.traces.at(t).id == id }); i >= 0 {
			number = x.byTrace.slots[i].number
		}
	}
	if number != 0 {
		t := x.traces.at(number)
		x.see(number, t, seen) // an undone write may leave a trace younger than it is, which does no harm
		return number, t
	}
	number, t := x.traces.take()
	t.id, t.seen = id, seen.UnixNano()
	if !id.IsZero() {
		x.byTrace.insert(tag, number)
	}
	x.chain(number, t)
	x.undo = append(x.undo, step{what: madeTrace, entry: number})
	return number, t
}

// see makes a trace the youngest.
func (x *Index) see(number uint32, t *trace, seen time.Time) {
	t.seen = seen.UnixNano()
	if x.youngest != number {
		x.unchain(t)
		x.chain(number, t)
	}
}

func (x *Index) chain(number uint32, t *trace) {
	t.older, t.younger = x.youngest, 0
	if x.youngest != 0 {
		x.traces.at(x.youngest).younger = number
	} else {
		x.oldest = number
	}
	x.youngest = number
}

func (x *Index) unchain(t *trace) {
	if t.older != 0 {
		x.traces.at(t.older).younger = t.younger
	} else {
		x.oldest = t.younger
	}
	if t.younger != 0 {
		x.traces.at(t.younger).older = t.older
	} else {
		x.youngest = t.older
	}
}

// dropTrace forgets a trace without spans.
func (x *Index) dropTrace(number uint32) {
	t := x.traces.at(number)
	x.unchain(t)
	if !t.id.IsZero() {
		x.byTrace.remove(x.byTrace.find(tagOfBytes(t.id[:]), func(o uint32) bool { return o == number }))
	}
	x.traces.drop(number)
}

// linkAt gives the place of a span that is no call; nil where it is not known.
func (x *Index) linkAt(trace uint32, span usage.SpanID) *link {
	l := link{trace: trace, span: span}
	i := x.byLink.find(l.tag(), func(number uint32) bool {
		o := x.links.at(number)
		return o.trace == trace && o.span == span
	})
	if i < 0 {
		return nil
	}
	return x.links.at(x.byLink.slots[i].number)
}

// addLink remembers the place of a span; false where it was known.
func (x *Index) addLink(k usage.SpanParent, seen time.Time) (trace uint32, fresh bool) {
	at, t := x.traceOf(k.Trace, tagOfBytes(k.Trace[:]), seen)
	if x.linkAt(at, k.Span) != nil {
		return at, false
	}
	number, l := x.links.take()
	*l = link{span: k.Span, parent: k.Parent, tool: k.Tool, trace: at, next: t.links}
	t.links = number
	t.count++
	x.byLink.insert(l.tag(), number)
	x.size++
	x.undo = append(x.undo, step{what: addedLink, entry: number})
	return at, true
}

// dropFirstLink forgets the link of a trace that came last.
func (x *Index) dropFirstLink(t *trace) {
	number := t.links
	l := x.links.at(number)
	x.byLink.remove(x.byLink.find(l.tag(), func(o uint32) bool { return o == number }))
	t.links = l.next
	t.count--
	x.links.drop(number)
	x.size--
}

// Find gives the node of a record; nil where it is not known.
func (x *Index) Find(id usage.ID, tag uint32) *Node {
	i := x.byID.find(tag, func(number uint32) bool { return x.nodes.at(number).id == id })
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

// fill notes what a record tells.
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

// run notes what a record told, if that is a running sum.
func (x *Index) run(n *Node, told usage.Tokens) {
	switch {
	case n.flags&isRunning != 0:
		told.Fields = 0
		x.running[n.self] = told
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

// dropFirstNode forgets the first node of a trace, which is detached already.
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

// replace puts what a fuller delivery says in the place of what an earlier one said.
func (x *Index) replace(n *Node, c *usage.Call, g *Precomputed, seen time.Time) {
	old, told := *n, x.running[n.self]
	x.detach(n)
	x.fill(n, c, g)
	x.attach(n)
	x.see(n.trace, x.traces.at(n.trace), seen)
	x.undo = append(x.undo, step{what: replaced, entry: uint32(n.self), node: &old, told: told})
}

// putBack is the reverse of replace. A record's standing is not a part of what it tells.
func (x *Index) putBack(n, old *Node, told usage.Tokens) {
	x.detach(n)
	x.dropShared(n)
	old.reason, old.inherited, old.at = n.reason, n.inherited, n.at
	old.flags = old.flags&ownFlags | n.flags&^ownFlags
	*n = *old
	x.run(n, told)
	x.attach(n)
}

// decisionOf gives a record's standing.
func (x *Index) decisionOf(n *Node) Decision {
	s := Decision{Counted: n.flags&isCounted != 0, Reason: n.reason, Inherited: x.attributions.value(n.inherited)}
	if len(x.before) > 0 {
		s.Before = x.before[n.self]
	}
	if n.flags&hasSuccessor != 0 {
		s.By = x.by[n.self]
	}
	return s
}

// changeDecision sets a record's standing.
func (x *Index) changeDecision(n *Node, s *Decision) {
	old := x.decisionOf(n)
	x.setDecision(n, s)
	x.undo = append(x.undo, step{what: decisionSet, entry: uint32(n.self), was: &old})
}

// setDecision sets a record's standing, for good.
func (x *Index) setDecision(n *Node, s *Decision) {
	if n.inherited != 0 || s.Inherited != (usage.Attribution{}) {
		was := n.inherited
		n.inherited = x.attributions.take(&s.Inherited, tagOf(s.Inherited))
		x.attributions.drop(was)
	}
	if n.flags&hasSuccessor != 0 {
		delete(x.by, n.self)
	}
	switch {
	case s.Before != (usage.Tokens{}):
		x.before[n.self] = s.Before
	case len(x.before) > 0:
		delete(x.before, n.self)
	}
	n.flags &^= isCounted | hasSuccessor
	if s.Counted {
		n.flags |= isCounted
	}
	if s.By != (usage.ID{}) {
		n.flags |= hasSuccessor
		x.by[n.self] = s.By
	}
	n.reason = s.Reason
}

func (x *Index) invalidate(nodes []ref) { x.invalidated = append(x.invalidated, nodes...) }

// share notes what add of kin gave.
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

// isAlone tells whether the only record of its trace has no relative anywhere: it counts. What is
// decided for it is what resolve would decide.
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

// Prefetch prepares for taking records in: it reads the places where they will be looked for, each of which
// is most likely far from the processor.
func (x *Index) Prefetch(records []store.Record, gists []Precomputed) {
	var sum uint32
	for i := range gists {
		g, c := &gists[i], &records[i].Call
		sum += x.byID.prefetch(g.id) + x.byTrace.prefetch(g.trace) + x.attributions.facts.prefetch(g.attribution) +
			x.byKey.prefetch(x.byKey.tag(g.keys[0])) + x.byTwin.prefetch(twinKey{c.Process, c.Tokens.Input(), c.Start.UnixNano() / twinSlot}.tag())
	}
	x.prefetched = sum
}

// prefetchOldest does the same for forgetting.
func (x *Index) prefetchOldest(traces int) {
	var sum uint32
	for at := x.oldest; at != 0 && traces > 0; traces-- {
		t := x.traces.at(at)
		sum += x.byTrace.prefetch(tagOfBytes(t.id[:]))
		if t.nodes != 0 {
			n := x.node(t.nodes)
			sum += x.byID.prefetch(tagOfBytes(n.id[:])) + x.byKey.prefetch(x.byKey.tag(n.keys[0])) +
				x.byTwin.prefetch(twinKey{x.process(n), n.input, n.start / twinSlot}.tag())
		}
		at = t.younger
	}
	x.prefetched = sum
}

// Evict forgets the traces that were quiet for longest while there are more than maxSpans
// spans, and all that were quiet since before the given time. It tells how many spans had to
// go for lack of room.
func (x *Index) Evict(maxSpans int, idleSince time.Time) (forced int64) {
	since := idleSince.UnixNano()
	for i := 0; x.oldest != 0; i++ {
		if i%prefetchStep == 0 && (x.size > maxSpans || x.traces.at(x.oldest).seen < since) {
			x.prefetchOldest(min(prefetchStep, max(x.size-maxSpans, 1)))
		}
		t := x.traces.at(x.oldest)
		old := t.seen < since
		if !old && x.size <= maxSpans {
			break
		}
		if !old {
			forced += int64(t.count)
		}
		x.forget(x.oldest, t)
	}
	x.invalidated = x.invalidated[:0] // what is forgotten changes nothing of what was decided
	return forced
}

func (x *Index) forget(number uint32, t *trace) {
	for t.nodes != 0 {
		n := x.node(t.nodes)
		x.detach(n)
		x.completeAfter = max(x.completeAfter, n.start)
		x.dropFirstNode(t)
	}
	for t.links != 0 {
		x.dropFirstLink(t)
	}
	x.dropTrace(number)
}
