package ledger

import (
	"context"
	"reflect"
	"slices"
	"time"

	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// transaction works out what one write changes. Its room is used again for the next one.
type transaction struct {
	ledger   *Ledger
	now      time.Time
	counters Counters

	stored           storedRecords
	wanted           []storedAt       // what is to be read of the store
	late             []late           // deliveries that wait for it
	waited           bool             // some did: the records are not in the order of their requests
	changedDecisions []decisionChange // stored records whose standing changes
	evicted          []evictedRecord  // fuller deliveries of records that are not in the index
	evictedAt        map[storedAt]int
	puts             []store.Record // what is put, where it comes from several requests
	changes          []Change
	links            []usage.SpanParent
	touched          []uint32 // traces whose shape changed
}

func (t *transaction) begin(l *Ledger) {
	t.ledger, t.now, t.counters = l, l.o.Now().UTC(), l.counters // only the writer's goroutine writes counters
}

// end forgets everything but the room.
func (t *transaction) end() {
	if x := t.ledger.index; x != nil {
		for _, tr := range t.touched {
			x.traces.at(tr).touched = false // of one that was forgotten, it is so already
		}
		x.resetResolving()
	}
	clear(t.stored)
	clear(t.late)
	clear(t.changedDecisions)
	clear(t.evicted)
	clear(t.evictedAt)
	clear(t.puts)
	clear(t.changes)
	t.waited = false
	t.wanted, t.late, t.changedDecisions = t.wanted[:0], kept(t.late), kept(t.changedDecisions)
	t.evicted, t.puts, t.changes, t.links, t.touched = kept(t.evicted), kept(t.puts), kept(t.changes), kept(t.links), kept(t.touched)
}

// kept gives the room of a list to be used again, unless it was needed for once.
func kept[T any](list []T) []T {
	const most = 8 << 20 // bytes; as much as a full group of requests needs
	if cap(list)*int(reflect.TypeFor[T]().Size()) > most {
		return nil
	}
	return list[:0]
}

// add puts one batch's records into the index and notes what is new. Those of which the store may know more are
// left to takeLate.
func (t *transaction) add(r *request) {
	x := t.ledger.index
	for _, k := range r.links {
		if k.Trace.IsZero() || k.Span.IsZero() || k.Parent.IsZero() {
			continue // the root of a trace leads nowhere
		}
		if tr, fresh := x.addLink(k, t.now); fresh {
			t.links = append(t.links, k)
			t.touchTrace(tr)
		}
	}
	for i := range r.records {
		if end := min(i+prefetchStep, len(r.records)); i%prefetchStep == 0 {
			x.Prefetch(r.records[i:end], r.precomputed[i:end])
		}
		t.addCall(&r.records[i], &r.precomputed[i])
	}
}

func (t *transaction) addCall(r *store.Record, g *Precomputed) {
	l, c := t.ledger, &r.Call
	switch {
	case c.ID == usage.ID{} || c.Role == usage.RoleNone || c.Start.Before(earliest):
		t.counters.RefusedBad++
		return
	case c.Start.After(t.now.Add(maxAhead)):
		t.counters.RefusedNew++
		return
	case c.Start.Before(l.watermark) || (l.o.MaxAge > 0 && c.Start.Before(t.now.Add(-l.o.MaxAge))):
		t.counters.RefusedOld++
		return
	}
	x := l.index
	if n := x.Find(c.ID, g.id); n != nil {
		t.addDelivery(n, r, g)
		return
	}
	if c.Start.UnixNano() <= x.completeAfter {
		stored, known := t.stored[storedAt{c.ID, c.Start.UnixNano()}]
		if !known {
			t.wait(storedAt{c.ID, c.Start.UnixNano()}, r, g)
			return
		}
		if stored != nil {
			t.addEvicted(stored, c)
			return
		}
	}
	n := x.add(c, g, t.now)
	p := x.pendingOf(n)
	p.put, p.fresh = r, true
	t.touchTrace(n.trace)
}

// addDelivery takes a further delivery of a record in the index: the fuller one is kept.
func (t *transaction) addDelivery(n *Node, r *store.Record, g *Precomputed) {
	if !n.completeness.less(g.completeness) {
		t.counters.Duplicates++
		return
	}
	x := t.ledger.index
	if x.putOf(n) == nil { // it is taken out of the sums, because another delivery replaces it
		stored, known := t.stored[storedAt{n.id, n.start}]
		if !known {
			t.wait(storedAt{n.id, n.start}, r, g)
			return
		}
		if stored != nil && stored.Counted {
			t.changes = append(t.changes, Change{Call: &stored.Call, N: -1})
		}
	}
	t.counters.Replaced++
	x.pendingOf(n) // with the start that it has in the store
	// what the earlier delivery was related to may have lost its reason not to count
	x.eachTwin(n, t.touch)
	x.touchNear(n, t.touch)
	x.eachByKey(n, t.touch)
	x.replace(n, &r.Call, g, t.now)
	x.pendingOf(n).put = r
	t.touch(n)
}

func (t *transaction) touch(n *Node) { t.touchTrace(n.trace) }

func (t *transaction) touchTrace(number uint32) {
	if tr := t.ledger.index.traces.at(number); !tr.touched {
		tr.touched = true
		t.touched = append(t.touched, number)
	}
}

// decide decides the standing of everything that is related to what changed, and gives the
// write and the changes of the sums that follow.
func (t *transaction) decide(ctx context.Context, group []*request) (store.Write, []Change, error) {
	x := t.ledger.index
	w := store.Write{Links: t.links, At: t.now}
	t.putEvicted(&w)
	came := len(x.pending)
	for i := range came {
		x.touchNear(x.pending[i].n, t.touch)
	}
	for _, r := range x.invalidated {
		n := x.node(r)
		t.touch(n)
		x.touchNear(n, t.touch)
	}
	alone := Decision{Counted: true}
	for _, number := range t.touched { // most calls have no relatives
		tr := x.traces.at(number)
		if tr.nodes == 0 {
			continue
		}
		if n := x.node(tr.nodes); !tr.several && x.isAlone(n) {
			t.setDecision(n, &alone)
			continue
		}
		x.eachOf(tr, x.visit)
	}
	x.relate()
	x.resolve(int64(t.ledger.o.Window))
	for i, n := range x.set {
		t.setDecision(n, &x.assessments[i].Decision)
	}
	if err := t.applyDecisions(ctx, &w); err != nil {
		return w, nil, err
	}
	t.put(&w, came, group)
	return w, t.changes, nil
}

// put adds what came to the write.
func (t *transaction) put(w *store.Write, came int, group []*request) {
	// Where all comes from one request, in its order, its own room is used: a record is never before its place there.
	puts := group[0].records[:0]
	apart := len(group) > 1 || len(w.Put) > 0 || t.waited
	if apart {
		t.puts = append(slices.Grow(t.puts[:0], len(w.Put)+came), w.Put...)
		puts = t.puts
	}
	for i := range t.ledger.index.pending[:came] {
		p := &t.ledger.index.pending[i]
		if p.put == nil {
			continue
		}
		if !p.fresh && p.was != p.put.Start.UnixNano() { // with another start it is another row
			w.Remove = append(w.Remove, store.Ref{ID: p.n.id, Start: time.Unix(0, p.was).UTC()})
		}
		puts = append(puts, *p.put)
		if r := &puts[len(puts)-1]; r.Counted {
			t.changes = append(t.changes, Change{Call: &r.Call, N: 1})
		}
	}
	if apart {
		t.puts = puts
	}
	w.Put = puts
}

// setDecision gives a record the standing that was decided.
func (t *transaction) setDecision(n *Node, now *Decision) {
	x := t.ledger.index
	if r := x.putOf(n); r != nil {
		r.Counted, r.SupersededBy, r.Reason, r.StoredAt = now.Counted, now.By, now.Reason, t.now
		if now.Inherited != (usage.Attribution{}) {
			r.Inherit(now.Inherited)
		}
		t.deduct(r, now)
		if x.pending[n.at-1].fresh {
			x.setDecision(n, now) // it goes as a whole where the write fails
			return
		}
	} else if was := x.decisionOf(n); *now == was {
		return
	} else {
		t.changedDecisions = append(t.changedDecisions, decisionChange{at: storedAt{n.id, n.start}, was: was, now: *now})
	}
	x.changeDecision(n, now)
}

// deduct takes from a running sum what calls before it spent, with what that costs.
func (t *transaction) deduct(r *store.Record, now *Decision) {
	if r.Before != now.Before {
		r.Deduct(now.Before)
		t.ledger.setCost(&r.Call)
	}
}

// relate makes the set complete: all records whose standing can depend on what changed. It is closed under
// "same trace", "same id", "echo of" and "can be a twin of".
func (x *Index) relate() {
	for i := 0; i < len(x.set); i++ { // the set grows
		n := x.set[i]
		x.eachOf(x.traces.at(n.trace), x.visit)
		x.eachByKey(n, x.visit)
		x.eachTwin(n, x.visit)
		if g := x.groups[n.group]; g != nil && !n.secondary() && x.putOf(n) != nil {
			for _, r := range g.secondary {
				if m := x.node(r); m.reason != store.ReasonEcho {
					x.visit(m)
				}
			}
		}
	}
}
