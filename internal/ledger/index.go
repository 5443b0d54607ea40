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

// standing is a record's place in the ledger.
type standing struct {
	counted bool
	reason  store.Reason
	by      usage.ID
	lent    usage.Attribution // of a record that counts: what its relatives know and it does not
	before  usage.Tokens      // of a record that tells a running sum: what calls before it spent
}

// ref names a node of an index; 0 names none.
type ref uint32

// node is what the ledger remembers of one call record, to find its relatives. It is small, and has no
// pointers: the record itself is in the store, and what many records share is kept once, by number.
type node struct {
	id           usage.ID
	span, parent usage.SpanID
	start, end   int64 // Unix ns
	full         fullness
	keys         [2]key

	// What a twin must agree with.
	input, output int64
	models        uint32 // in index.models

	src   uint32 // in index.sources
	group uint32 // in index.groupKeys
	who   uint32 // in index.whos: what it knows itself
	lent  uint32 // in index.whos: see standing
	trace uint32 // in index.traces
	next  ref    // of the trace's nodes
	self  ref
	at    uint32 // in index.pending, of what the current write is about; 0: nowhere

	signal usage.Signal
	role   usage.Role
	reason store.Reason
	is     facts
}

// facts are what is true of a record.
type facts uint8

const (
	isUsage facts = 1 << iota // it bears usage
	isEcho
	isFailed
	isEmbedding
	isCounted // see standing
	isBy      // index.by has who stands for it
	isSharing // it shared an id, or could be a twin, of another record once
	isRunning // it tells a running sum: index.running has its figures
)

// ownFacts are those that the record itself tells.
const ownFacts = isUsage | isEcho | isFailed | isEmbedding | isRunning

func (n *node) usage() bool { return n.is&isUsage != 0 }
func (n *node) echo() bool  { return n.is&isEcho != 0 }

// gist is what is worked out of a record before the index sees it. It needs nothing that only the
// ledger's writer may read, so that senders do it, each for itself.
type gist struct {
	full                           fullness
	keys                           [2]key
	group                          key
	id, trace, who, models, source uint32 // tags
}

// gistOf works out the gist of a record as it was told: nothing is lent to it.
func gistOf(c *usage.Call) gist {
	return gist{
		full: fullnessOf(c), group: keyOf('g', c.SignalGroup),
		keys: [2]key{keyOf('r', c.ResponseID), keyOf('q', c.RequestID)},
		id:   tagOfBytes(c.ID[:]), trace: tagOfBytes(c.Trace[:]), who: tagOf(c.OwnAttribution()),
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
	full   int // records of the fuller kind
	echoes []ref
}

// index finds the relatives of a record: its trace, the records that share an id with it, its
// echo group. It is bounded: the traces that were quiet for longest are forgotten first.
//
// All changes between begin and commit can be taken back, for a write that fails.
type index struct {
	nodes  slab[node]
	traces slab[trace]
	links  slab[link]

	byID    table // of nodes
	byTrace table // of traces
	byLink  table // of links
	byKey   kinBy[key]
	byTwin  kinBy[twinKey]
	// byQuiet finds records near in time, for those that tell no usage, see quiet.go.
	byQuiet kinBy[quietKey]
	twins   bool // they are looked for
	groups  map[uint32]*group

	whos      internedWho
	models    interned[models]
	sources   interned[source]
	groupKeys interned[key]
	by        map[ref]usage.ID     // who stands for a record
	running   map[ref]usage.Tokens // what records with running sums told
	before    map[ref]usage.Tokens // see standing

	oldest, youngest uint32 // traces
	size             int    // records and links

	// Every record that was stored and starts after completeAfter is in the index. Of an
	// older one that is not here, only the store knows.
	completeAfter int64

	undo []step
	// unsettled are the records whose relations changed because something that they share became
	// too common to be an identity, or is so no more.
	unsettled []ref

	resolving

	warmed uint32 // so that what only reads is not left out
}

// warmStep is how many records are looked for at once: a few times what a processor has under way.
const warmStep = 32

func newIndex(twins bool) *index {
	x := &index{groups: map[uint32]*group{}, by: map[ref]usage.ID{}, running: map[ref]usage.Tokens{}, before: map[ref]usage.Tokens{}, twins: twins}
	same := func(k key) key { return k }
	x.byKey.tag = func(k key) uint32 { return binary.LittleEndian.Uint32(k[4:]) }
	x.byKey.has = func(r ref, k key) bool { n := x.node(r); return n.keys[0] == k || n.keys[1] == k }
	x.byTwin.tag = twinKey.tag
	x.byTwin.has = func(r ref, k twinKey) bool {
		n := x.node(r)
		return n.input == k.input && x.process(n) == k.process // of these, a tag is that of one slot
	}
	x.byQuiet.tag = quietKey.tag
	x.byQuiet.has = func(r ref, k quietKey) bool { return x.quietKey(x.node(r)) == k }
	x.whos.texts.own = strings.Clone
	x.whos.facts.own = func(f [5]uint32) [5]uint32 { return f }
	x.models.own = func(m models) models { return models{strings.Clone(m.answered), strings.Clone(m.requested)} }
	x.sources.own = func(s source) source { s.scope = strings.Clone(s.scope); return s }
	x.groupKeys.own = same
	return x
}

func (x *index) node(r ref) *node { return x.nodes.at(uint32(r)) }

func (x *index) process(n *node) uint64 { return x.sources.value(n.src).process }

// step is one change, to be taken back.
type step struct {
	what  stepKind
	entry uint32       // a node, trace or link
	node  *node        // what a node was, of replaced
	was   *standing    // of stood
	told  usage.Tokens // a running sum, of replaced
}

type stepKind uint8

const (
	madeTrace stepKind = iota
	addedLink
	addedNode
	replaced
	stood
)

func (x *index) begin() { x.undo, x.unsettled = x.undo[:0], x.unsettled[:0] }

func (x *index) commit() {
	for i := range x.undo {
		if s := &x.undo[i]; s.what == replaced {
			x.dropShared(s.node)
		}
	}
	x.begin()
}

func (x *index) rollback() {
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
		case stood:
			x.setStanding(x.node(ref(s.entry)), s.was)
		}
	}
	x.begin()
}

// traceOf gives the trace to put a span in, made where it is new.
func (x *index) traceOf(id usage.TraceID, tag uint32, seen time.Time) (uint32, *trace) {
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
func (x *index) see(number uint32, t *trace, seen time.Time) {
	t.seen = seen.UnixNano()
	if x.youngest != number {
		x.unchain(t)
		x.chain(number, t)
	}
}

func (x *index) chain(number uint32, t *trace) {
	t.older, t.younger = x.youngest, 0
	if x.youngest != 0 {
		x.traces.at(x.youngest).younger = number
	} else {
		x.oldest = number
	}
	x.youngest = number
}

func (x *index) unchain(t *trace) {
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
func (x *index) dropTrace(number uint32) {
	t := x.traces.at(number)
	x.unchain(t)
	if !t.id.IsZero() {
		x.byTrace.remove(x.byTrace.find(tagOfBytes(t.id[:]), func(o uint32) bool { return o == number }))
	}
	x.traces.drop(number)
}

// linkAt gives the place of a span that is no call; nil where it is not known.
func (x *index) linkAt(trace uint32, span usage.SpanID) *link {
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
func (x *index) addLink(k usage.SpanParent, seen time.Time) (trace uint32, fresh bool) {
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
func (x *index) dropFirstLink(t *trace) {
	number := t.links
	l := x.links.at(number)
	x.byLink.remove(x.byLink.find(l.tag(), func(o uint32) bool { return o == number }))
	t.links = l.next
	t.count--
	x.links.drop(number)
	x.size--
}

// find gives the node of a record; nil where it is not known.
func (x *index) find(id usage.ID, tag uint32) *node {
	i := x.byID.find(tag, func(number uint32) bool { return x.nodes.at(number).id == id })
	if i < 0 {
		return nil
	}
	return x.nodes.at(x.byID.slots[i].number)
}

// add remembers a record that is new.
func (x *index) add(c *usage.Call, g *gist, seen time.Time) *node {
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
func (x *index) fill(n *node, c *usage.Call, g *gist) {
	n.id, n.span, n.parent = c.ID, c.Span, c.Parent
	n.start, n.end = c.Start.UnixNano(), c.Start.Add(max(c.Duration, 0)).UnixNano()
	n.full, n.keys = g.full, g.keys
	n.input, n.output = c.Tokens.Input(), c.Tokens.Output()
	n.signal, n.role = c.Signal, c.Role
	n.is &^= ownFacts
	for _, f := range [...]struct {
		is   facts
		true bool
	}{{isUsage, c.Tokens.Reported()}, {isEcho, c.SecondarySignal}, {isFailed, c.Failed}, {isEmbedding, c.Operation == "embeddings"},
		{isRunning, c.Quality&usage.RunningSum != 0 && c.Tokens.Reported()}} {
		if f.true {
			n.is |= f.is
		}
	}
	x.run(n, c.Tokens)
	who := c.OwnAttribution()
	n.models = x.models.take(models{c.Model, c.RequestModel}, g.models)
	n.src = x.sources.take(sourceOf(c), g.source)
	n.who = x.whos.take(&who, g.who)
	n.group = x.groupKeys.take(g.group, binary.LittleEndian.Uint32(g.group[4:]))
}

// run notes what a record told, if that is a running sum.
func (x *index) run(n *node, told usage.Tokens) {
	switch {
	case n.is&isRunning != 0:
		told.Fields = 0
		x.running[n.self] = told
	case len(x.running) > 0:
		delete(x.running, n.self)
	}
}

// dropShared counts one use less of what a record shares with others.
func (x *index) dropShared(n *node) {
	x.models.drop(n.models)
	x.sources.drop(n.src)
	x.whos.drop(n.who)
	x.groupKeys.drop(n.group)
}

// dropFirstNode forgets the first node of a trace, which is detached already.
func (x *index) dropFirstNode(t *trace) {
	number := uint32(t.nodes)
	n := x.nodes.at(number)
	x.byID.remove(x.byID.find(tagOfBytes(n.id[:]), func(o uint32) bool { return o == number }))
	t.nodes = n.next
	t.several = t.nodes != 0 && x.node(t.nodes).next != 0
	t.count--
	x.setStanding(n, &standing{})
	x.dropShared(n)
	n.is &^= isRunning
	x.run(n, usage.Tokens{})
	x.nodes.drop(number)
	x.size--
}

// replace puts what a fuller delivery says in the place of what an earlier one said.
func (x *index) replace(n *node, c *usage.Call, g *gist, seen time.Time) {
	old, told := *n, x.running[n.self]
	x.detach(n)
	x.fill(n, c, g)
	x.attach(n)
	x.see(n.trace, x.traces.at(n.trace), seen)
	x.undo = append(x.undo, step{what: replaced, entry: uint32(n.self), node: &old, told: told})
}

// putBack is the reverse of replace. A record's standing is not a part of what it tells.
func (x *index) putBack(n, old *node, told usage.Tokens) {
	x.detach(n)
	x.dropShared(n)
	old.reason, old.lent, old.at = n.reason, n.lent, n.at
	old.is = old.is&ownFacts | n.is&^ownFacts
	*n = *old
	x.run(n, told)
	x.attach(n)
}

// standingOf gives a record's standing.
func (x *index) standingOf(n *node) standing {
	s := standing{counted: n.is&isCounted != 0, reason: n.reason, lent: x.whos.value(n.lent)}
	if len(x.before) > 0 {
		s.before = x.before[n.self]
	}
	if n.is&isBy != 0 {
		s.by = x.by[n.self]
	}
	return s
}

// stand sets a record's standing.
func (x *index) stand(n *node, s *standing) {
	old := x.standingOf(n)
	x.setStanding(n, s)
	x.undo = append(x.undo, step{what: stood, entry: uint32(n.self), was: &old})
}

// setStanding sets a record's standing, for good.
func (x *index) setStanding(n *node, s *standing) {
	if n.lent != 0 || s.lent != (usage.Attribution{}) {
		was := n.lent
		n.lent = x.whos.take(&s.lent, tagOf(s.lent))
		x.whos.drop(was)
	}
	if n.is&isBy != 0 {
		delete(x.by, n.self)
	}
	switch {
	case s.before != (usage.Tokens{}):
		x.before[n.self] = s.before
	case len(x.before) > 0:
		delete(x.before, n.self)
	}
	n.is &^= isCounted | isBy
	if s.counted {
		n.is |= isCounted
	}
	if s.by != (usage.ID{}) {
		n.is |= isBy
		x.by[n.self] = s.by
	}
	n.reason = s.reason
}

func (x *index) unsettle(nodes []ref) { x.unsettled = append(x.unsettled, nodes...) }

// share notes what add of kin gave.
func (x *index) share(n *node, second ref, several bool, unsettled []ref) {
	if several {
		n.is |= isSharing
	}
	if second != 0 {
		x.node(second).is |= isSharing
	}
	x.unsettle(unsettled)
}

func (x *index) attach(n *node) {
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
		if k := x.quietKey(n); k.loudness != mute {
			_, _, unsettled := x.byQuiet.add(k, n.self)
			x.unsettle(unsettled)
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
	if n.echo() {
		g.echoes = append(g.echoes, n.self)
	} else {
		g.full++
	}
}

func (x *index) detach(n *node) {
	for _, k := range n.keys {
		if k != (key{}) {
			x.unsettle(x.byKey.remove(k, n.self))
		}
	}
	if x.twins {
		x.twinKeys(n, func(k twinKey) { x.unsettle(x.byTwin.remove(k, n.self)) })
		if k := x.quietKey(n); k.loudness != mute {
			x.unsettle(x.byQuiet.remove(k, n.self))
		}
	}
	if n.group == 0 {
		return
	}
	g := x.groups[n.group]
	if n.echo() {
		g.echoes = without(g.echoes, n.self)
	} else {
		g.full--
	}
	if g.full == 0 && len(g.echoes) == 0 {
		delete(x.groups, n.group)
	}
}

// eachOf calls visit for every record of a trace.
func (x *index) eachOf(t *trace, visit func(*node)) {
	for r := t.nodes; r != 0; {
		n := x.node(r)
		visit(n)
		r = n.next
	}
}

// eachByKey calls visit for every record that shares an id with n.
func (x *index) eachByKey(n *node, visit func(*node)) {
	for _, k := range n.keys {
		if k != (key{}) {
			x.byKey.each(k, func(r ref) { visit(x.node(r)) })
		}
	}
}

// isAlone tells whether the only record of its trace has no relative anywhere: it counts. What is
// decided for it is what resolve would decide.
func (x *index) isAlone(n *node) bool {
	if n.group != 0 {
		return false
	}
	if n.is&isSharing == 0 { // mostly
		return x.quietTwinOf(n) == nil
	}
	for _, k := range n.keys {
		if k != (key{}) && x.byKey.count(k) > 1 {
			return false
		}
	}
	alone := true
	x.eachTwin(n, func(*node) { alone = false })
	return alone && x.quietTwinOf(n) == nil
}

// warm prepares for taking records in: it reads the places where they will be looked for, each of which
// is most likely far from the processor.
func (x *index) warm(records []store.Record, gists []gist) {
	var sum uint32
	for i := range gists {
		g, c := &gists[i], &records[i].Call
		sum += x.byID.warm(g.id) + x.byTrace.warm(g.trace) + x.whos.facts.warm(g.who) +
			x.byKey.warm(x.byKey.tag(g.keys[0])) + x.byTwin.warm(twinKey{c.Process, c.Tokens.Input(), c.Start.UnixNano() / twinSlot}.tag())
	}
	x.warmed = sum
}

// warmOldest does the same for forgetting.
func (x *index) warmOldest(traces int) {
	var sum uint32
	for at := x.oldest; at != 0 && traces > 0; traces-- {
		t := x.traces.at(at)
		sum += x.byTrace.warm(tagOfBytes(t.id[:]))
		if t.nodes != 0 {
			n := x.node(t.nodes)
			sum += x.byID.warm(tagOfBytes(n.id[:])) + x.byKey.warm(x.byKey.tag(n.keys[0])) +
				x.byTwin.warm(twinKey{x.process(n), n.input, n.start / twinSlot}.tag())
		}
		at = t.younger
	}
	x.warmed = sum
}

// evict forgets the traces that were quiet for longest while there are more than maxSpans
// spans, and all that were quiet since before the given time. It tells how many spans had to
// go for lack of room.
func (x *index) evict(maxSpans int, quietSince time.Time) (forced int64) {
	since := quietSince.UnixNano()
	for i := 0; x.oldest != 0; i++ {
		if i%warmStep == 0 && (x.size > maxSpans || x.traces.at(x.oldest).seen < since) {
			x.warmOldest(min(warmStep, max(x.size-maxSpans, 1)))
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
	x.unsettled = x.unsettled[:0] // what is forgotten changes nothing of what was decided
	return forced
}

func (x *index) forget(number uint32, t *trace) {
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
