package correlation

import (
	"reflect"
	"time"

	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// One write of the ledger is: Begin, then AddSpanParent, Add and Replace for what came, then Decide, and at last Commit
// or Rollback, and End.

// Outcome is the result of Decide for one record.
type Outcome struct {
	// Arrived is the record as it is to be stored, where it came in this write. Nil: it is stored already, and its
	// decision was another one.
	Arrived *store.Record
	// The identity, the start (Unix ns) and the decision so far of a stored record.
	ID    usage.ID
	Start int64
	Was   Decision
	// Now is the decision. It is valid until End.
	Now *Decision
}

// Begin begins a write.
func (x *Index) Begin() { x.undo, x.invalidated = x.undo[:0], x.invalidated[:0] }

// End ends a write, after Commit or Rollback. Its memory is used again.
func (x *Index) End() {
	for _, number := range x.touched {
		x.traces.at(number).touched = false // of one that was evicted, it is so already
	}
	for i := range x.pending {
		x.pending[i].n.at = 0
	}
	clear(x.pending)
	clear(x.assessments)
	clear(x.set)
	clear(x.trees)
	x.pending, x.assessments, x.set, x.trees = reusable(x.pending), reusable(x.assessments), reusable(x.set), reusable(x.trees)
	x.touched, x.arrivals = reusable(x.touched), 0
}

// reusable returns an empty list with the memory of another one, unless that is more than usual writes need.
func reusable[T any](list []T) []T {
	const most = 8 << 20 // bytes; as much as a full group of requests needs
	if cap(list)*int(reflect.TypeFor[T]().Size()) > most {
		return nil
	}
	return list[:0]
}

// AddSpanParent adds the position of a span that is no call, and reports whether it was not there yet.
func (x *Index) AddSpanParent(p usage.SpanParent, at time.Time) (fresh bool) {
	number, fresh := x.addLink(p, at)
	if fresh {
		x.touchTrace(number)
	}
	return fresh
}

// Add adds a record that is in neither the index nor the store.
func (x *Index) Add(r *store.Record, p *Precomputed, at time.Time) {
	n := x.add(&r.Call, p, at)
	pending := x.pendingOf(n)
	pending.put, pending.fresh = r, true
	x.touchTrace(n.trace)
}

// Replace puts a more complete delivery of a record in the place of an earlier one.
func (x *Index) Replace(n *Node, r *store.Record, p *Precomputed, at time.Time) {
	x.pendingOf(n) // with the start that it has in the store
	// Records that were related to the earlier delivery may have lost their reason not to count.
	x.eachTwin(n, x.touch)
	x.touchNear(n, x.touch)
	x.eachByKey(n, x.touch)
	x.replace(n, &r.Call, p, at)
	x.pendingOf(n).put = r
	x.touch(n)
}

// Arrived reports whether a record came in this write already.
func (x *Index) Arrived(n *Node) bool { return x.putOf(n) != nil }

// Decide decides over every record that is related to one that came in this write, and reports the records that came
// and those whose decision is another one now. Window is how far apart in time records of one call can be.
func (x *Index) Decide(window time.Duration, report func(*Outcome)) {
	x.arrivals = len(x.pending)
	for i := range x.arrivals {
		x.touchNear(x.pending[i].n, x.touch)
	}
	for _, r := range x.invalidated {
		n := x.node(r)
		x.touch(n)
		x.touchNear(n, x.touch)
	}
	var o Outcome
	alone := Decision{Counted: true}
	for _, number := range x.touched {
		t := x.traces.at(number)
		if t.nodes == 0 {
			continue
		}
		if n := x.node(t.nodes); !t.several && x.isAlone(n) { // as most calls are
			x.report(n, &alone, &o, report)
			continue
		}
		x.eachOf(t, x.visit)
	}
	x.relate()
	x.resolve(int64(window))
	for i, n := range x.set {
		x.report(n, &x.assessments[i].Decision, &o, report)
	}
}

// report reports what was decided of a record, if that is new, and keeps it.
func (x *Index) report(n *Node, now *Decision, o *Outcome, report func(*Outcome)) {
	if put := x.putOf(n); put != nil {
		*o = Outcome{Arrived: put, Now: now}
		report(o)
		if x.pending[n.at-1].fresh {
			x.setDecision(n, now) // it goes as a whole where the write fails
			return
		}
	} else {
		was := x.decisionOf(n)
		if *now == was {
			return
		}
		*o = Outcome{ID: n.id, Start: n.start, Was: was, Now: now}
		report(o)
	}
	x.changeDecision(n, now)
}

// Arrivals returns at most how many records EachArrival visits. It is known after Decide.
func (x *Index) Arrivals() int { return x.arrivals }

// EachArrival visits the records that came in this write, in their order, and where each is stored so far, if its start
// was another one there. It comes after Decide.
func (x *Index) EachArrival(visit func(r *store.Record, moved bool, from store.Ref)) {
	for i := range x.pending[:x.arrivals] {
		p := &x.pending[i]
		if p.put == nil {
			continue
		}
		if !p.fresh && p.was != p.put.Start.UnixNano() {
			visit(p.put, true, store.Ref{ID: p.n.id, Start: time.Unix(0, p.was).UTC()})
			continue
		}
		visit(p.put, false, store.Ref{})
	}
}

// touch marks the trace of a record: its records are decided over again.
func (x *Index) touch(n *Node) { x.touchTrace(n.trace) }

func (x *Index) touchTrace(number uint32) {
	if t := x.traces.at(number); !t.touched {
		t.touched = true
		x.touched = append(x.touched, number)
	}
}

// relate makes the set complete: all records whose decision can depend on what changed. It is closed under "same
// trace", "same id", "secondary signal of" and "can be a twin of".
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
