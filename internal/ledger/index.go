package ledger

import (
	"container/list"
	"crypto/sha256"
	"time"
	"unique"

	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// key is a hash of something that several records of one call share: a response id, a
// request id, or the name of an echo group. The zero key is "none".
type key [16]byte

func keyOf(kind byte, s string) key {
	if s == "" {
		return key{}
	}
	sum := sha256.Sum256(append([]byte{kind, 0}, s...))
	return key(sum[:16])
}

// source is where a record comes from. One emitter tells one call by one record, so that
// two records of one source are two calls even if they share a response id (a gateway that
// answers from its cache sends the id of the first answer again).
type source struct {
	signal  usage.Signal
	scope   string
	process uint64
}

// standing is a record's place in the ledger.
type standing struct {
	counted bool
	by      usage.ID
	reason  store.Reason
	lent    who // of a record that counts: what its relatives know and it does not
}

// who is a usage.Who that is kept once however many records share it. The zero value is one without facts.
type who struct{ handle unique.Handle[usage.Who] }

func whoOf(w usage.Who) who {
	if w == (usage.Who{}) {
		return who{}
	}
	return who{unique.Make(w)}
}

func (w who) facts() usage.Who {
	if w == (who{}) {
		return usage.Who{}
	}
	return w.handle.Value()
}

// node is what the ledger remembers of one call record, to find its relatives. It is small:
// the record itself is in the store.
type node struct {
	id       usage.ID
	start    int64 // Unix ns
	end      int64 // Unix ns
	span     usage.SpanID
	parent   usage.SpanID
	signal   usage.Signal
	role     usage.Role
	usage    bool
	echo     bool
	full     fullness
	keys     [2]key
	group    key
	src      source
	who      who // what it knows itself
	standing standing
	trace    *trace

	// What a twin must agree with.
	model, requestModel string
	input, output       int64
	failed, embeds      bool
}

// newNode makes the node of a record as it was told: what was lent to it is left out.
func newNode(c *usage.Call) *node {
	if c.Lent != 0 {
		own := *c
		own.Lend(usage.Who{})
		c = &own
	}
	return &node{
		id: c.ID, start: c.Start.UnixNano(), end: c.Start.Add(max(c.Duration, 0)).UnixNano(), span: c.Span, parent: c.Parent,
		signal: c.Signal, role: c.Role, usage: c.Tokens.Reported(), echo: c.Echo,
		full: fullnessOf(c), group: keyOf('g', c.Group), who: whoOf(c.Who()),
		keys:  [2]key{keyOf('r', c.ResponseID), keyOf('q', c.RequestID)},
		src:   source{signal: c.Signal, scope: c.Scope, process: c.Process},
		model: c.Model, requestModel: c.RequestModel, input: c.Tokens.Input(), output: c.Tokens.Output(),
		failed: c.Failed, embeds: c.Operation == "embeddings",
	}
}

// standingOf gives the standing that a stored record has.
func standingOf(r *store.Record) standing {
	return standing{counted: r.Counted, by: r.SupersededBy, reason: r.Reason, lent: whoOf(r.LentFacts())}
}

// link is a span that is no call: only its place in the trace matters.
type link struct {
	parent usage.SpanID
	tool   bool
}

// trace is the spans of one trace; a record without a trace id has one of its own.
type trace struct {
	id    usage.TraceID
	nodes []*node
	links map[usage.SpanID]link
	age   *list.Element // in index.ages; its value is the trace
	seen  time.Time
}

func (t *trace) size() int { return len(t.nodes) + len(t.links) }

// group is the records of one echo group.
type group struct {
	full   int // records of the fuller kind
	echoes []*node
}

// index finds the relatives of a record: its trace, the records that share an id with it, its
// echo group. It is bounded: the traces that were quiet for longest are forgotten first.
//
// All changes between begin and commit can be taken back, for a write that fails.
type index struct {
	traces map[usage.TraceID]*trace
	byID   map[usage.ID]*node
	byKey  kinBy[key]
	groups map[key]*group
	byTwin kinBy[twinKey] // nil where twins are not looked for
	// byQuiet finds records near in time, for those that tell no usage, see quiet.go.
	byQuiet kinBy[quietKey]
	ages    *list.List // of *trace, longest quiet first
	size    int

	// Every record that was stored and starts after completeAfter is in the index. Of an
	// older one that is not here, only the store knows.
	completeAfter int64

	undo []func()
	// unsettled are the records whose relations changed because something that they share became
	// too common to be an identity, or is so no more.
	unsettled []*node
}

func newIndex(twins bool) *index {
	x := &index{
		traces: map[usage.TraceID]*trace{}, byID: map[usage.ID]*node{},
		byKey: kinBy[key]{}, groups: map[key]*group{}, ages: list.New(),
	}
	if twins {
		x.byTwin, x.byQuiet = kinBy[twinKey]{}, kinBy[quietKey]{}
	}
	return x
}

func (x *index) begin()  { x.undo, x.unsettled = x.undo[:0], x.unsettled[:0] }
func (x *index) commit() { x.undo, x.unsettled = x.undo[:0], x.unsettled[:0] }
func (x *index) rollback() {
	for i := len(x.undo) - 1; i >= 0; i-- {
		x.undo[i]()
	}
	x.begin()
}

// traceOf gives the trace to put a span in, made where it is new.
func (x *index) traceOf(id usage.TraceID, seen time.Time) *trace {
	t := x.traces[id]
	if t == nil || id.IsZero() {
		t = &trace{id: id}
		t.age = x.ages.PushBack(t)
		if !id.IsZero() {
			x.traces[id] = t
		}
		x.undo = append(x.undo, func() {
			x.ages.Remove(t.age)
			if !id.IsZero() {
				delete(x.traces, id)
			}
		})
	}
	t.seen = seen // an undone write may leave a trace younger than it is, which does no harm
	x.ages.MoveToBack(t.age)
	return t
}

// addLink remembers the place of a span; false where it was known.
func (x *index) addLink(l usage.Link, seen time.Time) (*trace, bool) {
	t := x.traceOf(l.Trace, seen)
	if _, known := t.links[l.Span]; known {
		return t, false
	}
	if t.links == nil {
		t.links = map[usage.SpanID]link{}
	}
	t.links[l.Span] = link{parent: l.Parent, tool: l.Tool}
	x.size++
	x.undo = append(x.undo, func() { delete(t.links, l.Span); x.size-- })
	return t, true
}

// add remembers a record that is new.
func (x *index) add(n *node, traceID usage.TraceID, seen time.Time) {
	n.trace = x.traceOf(traceID, seen)
	n.trace.nodes = append(n.trace.nodes, n)
	x.byID[n.id] = n
	x.size++
	x.attach(n)
	x.undo = append(x.undo, func() {
		x.detach(n)
		n.trace.nodes = without(n.trace.nodes, n)
		delete(x.byID, n.id)
		x.size--
	})
}

// replace puts what a fuller delivery says in the place of what an earlier one said.
func (x *index) replace(n *node, c *usage.Call, seen time.Time) {
	old := *n
	x.detach(n)
	fresh := newNode(c)
	fresh.trace, fresh.standing = n.trace, n.standing
	*n = *fresh
	x.attach(n)
	n.trace.seen = seen
	x.ages.MoveToBack(n.trace.age)
	x.undo = append(x.undo, func() {
		x.detach(n)
		*n = old
		x.attach(n)
	})
}

// stand sets a record's standing.
func (x *index) stand(n *node, s standing) {
	old := n.standing
	n.standing = s
	x.undo = append(x.undo, func() { n.standing = old })
}

func (x *index) unsettle(nodes []*node) { x.unsettled = append(x.unsettled, nodes...) }

func (x *index) attach(n *node) {
	for _, k := range n.keys {
		if k != (key{}) {
			x.unsettle(x.byKey.add(k, n))
		}
	}
	if x.byTwin != nil {
		n.twinKeys(func(k twinKey) { x.unsettle(x.byTwin.add(k, n)) })
		n.quietKeys(func(k quietKey) { x.unsettle(x.byQuiet.add(k, n)) })
	}
	if n.group == (key{}) {
		return
	}
	g := x.groups[n.group]
	if g == nil {
		g = &group{}
		x.groups[n.group] = g
	}
	if n.echo {
		g.echoes = append(g.echoes, n)
	} else {
		g.full++
	}
}

func (x *index) detach(n *node) {
	for _, k := range n.keys {
		if k != (key{}) {
			x.unsettle(x.byKey.remove(k, n))
		}
	}
	if x.byTwin != nil {
		n.twinKeys(func(k twinKey) { x.unsettle(x.byTwin.remove(k, n)) })
		n.quietKeys(func(k quietKey) { x.unsettle(x.byQuiet.remove(k, n)) })
	}
	if g := x.groups[n.group]; g != nil {
		if n.echo {
			g.echoes = without(g.echoes, n)
		} else {
			g.full--
		}
		if g.full == 0 && len(g.echoes) == 0 {
			delete(x.groups, n.group)
		}
	}
}

// isAlone tells whether the only record of its trace has no relative anywhere: it counts. What is
// decided for it is what resolve would decide.
func (x *index) isAlone(n *node) bool {
	if n.group != (key{}) {
		return false
	}
	for _, k := range n.keys {
		if k != (key{}) && len(x.byKey.of(k)) > 1 {
			return false
		}
	}
	alone := true
	x.eachTwin(n, func(*node) { alone = false })
	return alone && x.quietTwinOf(n) == nil
}

// evict forgets the traces that were quiet for longest while there are more than maxSpans
// spans, and all that were quiet since before the given time. It tells how many spans had to
// go for lack of room.
func (x *index) evict(maxSpans int, quietSince time.Time) (forced int64) {
	for e := x.ages.Front(); e != nil; e = x.ages.Front() {
		t := e.Value.(*trace)
		old := t.seen.Before(quietSince)
		if !old && x.size <= maxSpans {
			break
		}
		if !old {
			forced += int64(t.size())
		}
		x.forget(t)
	}
	return forced
}

func (x *index) forget(t *trace) {
	for _, n := range t.nodes {
		x.detach(n)
		delete(x.byID, n.id)
		x.completeAfter = max(x.completeAfter, n.start)
	}
	x.size -= t.size()
	x.ages.Remove(t.age)
	if !t.id.IsZero() {
		delete(x.traces, t.id)
	}
}

// without gives a list that lacks n; the order of the others is kept.
func without(list []*node, n *node) []*node {
	for i, m := range list {
		if m == n {
			return append(list[:i:i], list[i+1:]...)
		}
	}
	return list
}
