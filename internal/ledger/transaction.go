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

	stored   storedRecords
	wanted   []storedAt // what is to be read of the store
	late     []late     // deliveries that wait for it
	waited   bool       // some did: the records are not in the order of their requests
	restands []stand    // stored records whose standing changes
	cold     []cold     // fuller deliveries of records that are not in the index
	coldAt   map[storedAt]int
	puts     []store.Record // what is put, where it comes from several requests
	changes  []Change
	links    []usage.SpanParent
	touched  []uint32 // traces whose shape changed
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
		x.settled()
	}
	clear(t.stored)
	clear(t.late)
	clear(t.restands)
	clear(t.cold)
	clear(t.coldAt)
	clear(t.puts)
	clear(t.changes)
	t.waited = false
	t.wanted, t.late, t.restands = t.wanted[:0], kept(t.late), kept(t.restands)
	t.cold, t.puts, t.changes, t.links, t.touched = kept(t.cold), kept(t.puts), kept(t.changes), kept(t.links), kept(t.touched)
}

// kept gives the room of a list to be used again, unless it was needed for once.
func kept[T any](list []T) []T {
	const most = 8 << 20 // bytes; as much as a full group of requests needs
	if cap(list)*int(reflect.TypeFor[T]().Size()) > most {
		return nil
	}
	return list[:0]
}

// take puts one batch's records into the index and notes what is new. Those of which the store may know more are
// left to takeLate.
func (t *transaction) take(r *request) {
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
		if end := min(i+warmStep, len(r.records)); i%warmStep == 0 {
			x.warm(r.records[i:end], r.gists[i:end])
		}
		t.takeCall(&r.records[i], &r.gists[i])
	}
}

func (t *transaction) takeCall(r *store.Record, g *gist) {
	l, c := t.ledger, &r.Call
	switch {
	case c.ID == usage.ID{} || c.Role == usage.RoleNone || c.Start.Before(earliest):
		t.counters.RefusedBad++
		return
	case c.Start.After(t.now.Add(maxAhead)):
		t.counters.RefusedNew++
		return
	case c.Start.Before(l.floor) || (l.o.MaxAge > 0 && c.Start.Before(t.now.Add(-l.o.MaxAge))):
		t.counters.RefusedOld++
		return
	}
	x := l.index
	if n := x.find(c.ID, g.id); n != nil {
		t.takeAgain(n, r, g)
		return
	}
	if c.Start.UnixNano() <= x.completeAfter {
		stored, known := t.stored[storedAt{c.ID, c.Start.UnixNano()}]
		if !known {
			t.wait(storedAt{c.ID, c.Start.UnixNano()}, r, g)
			return
		}
		if stored != nil {
			t.takeCold(stored, c)
			return
		}
	}
	n := x.add(c, g, t.now)
	p := x.about(n)
	p.put, p.fresh = r, true
	t.touchTrace(n.trace)
}

// takeAgain takes a further delivery of a record in the index: the fuller one is kept.
func (t *transaction) takeAgain(n *node, r *store.Record, g *gist) {
	if !n.full.less(g.full) {
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
	x.about(n) // with the start that it has in the store
	// what the earlier delivery was related to may have lost its reason not to count
	x.eachTwin(n, t.touch)
	x.touchQuiet(n, t.touch)
	x.eachByKey(n, t.touch)
	x.replace(n, &r.Call, g, t.now)
	x.about(n).put = r
	t.touch(n)
}

func (t *transaction) touch(n *node) { t.touchTrace(n.trace) }

func (t *transaction) touchTrace(number uint32) {
	if tr := t.ledger.index.traces.at(number); !tr.touched {
		tr.touched = true
		t.touched = append(t.touched, number)
	}
}

// settle decides the standing of everything that is related to what changed, and gives the
// write and the changes of the sums that follow.
func (t *transaction) settle(ctx context.Context, group []*request) (store.Write, []Change, error) {
	x := t.ledger.index
	w := store.Write{Links: t.links, At: t.now}
	t.putCold(&w)
	came := len(x.pending)
	for i := range came {
		x.touchQuiet(x.pending[i].n, t.touch)
	}
	for _, r := range x.unsettled {
		n := x.node(r)
		t.touch(n)
		x.touchQuiet(n, t.touch)
	}
	alone := standing{counted: true}
	for _, number := range t.touched { // most calls have no relatives
		tr := x.traces.at(number)
		if tr.nodes == 0 {
			continue
		}
		if n := x.node(tr.nodes); !tr.several && x.isAlone(n) {
			t.stand(n, &alone)
			continue
		}
		x.eachOf(tr, x.visit)
	}
	x.relate()
	x.resolve(int64(t.ledger.o.Window))
	for i, n := range x.set {
		t.stand(n, &x.findings[i].standing)
	}
	if err := t.restand(ctx, &w); err != nil {
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

// stand gives a record the standing that was decided.
func (t *transaction) stand(n *node, now *standing) {
	x := t.ledger.index
	if r := x.putOf(n); r != nil {
		r.Counted, r.SupersededBy, r.Reason, r.StoredAt = now.counted, now.by, now.reason, t.now
		if now.lent != (usage.Attribution{}) {
			r.Inherit(now.lent)
		}
		t.deduct(r, now)
		if x.pending[n.at-1].fresh {
			x.setStanding(n, now) // it goes as a whole where the write fails
			return
		}
	} else if was := x.standingOf(n); *now == was {
		return
	} else {
		t.restands = append(t.restands, stand{at: storedAt{n.id, n.start}, was: was, now: *now})
	}
	x.stand(n, now)
}

// deduct takes from a running sum what calls before it spent, with what that costs.
func (t *transaction) deduct(r *store.Record, now *standing) {
	if r.Before != now.before {
		r.Deduct(now.before)
		t.ledger.settle(&r.Call)
	}
}

// relate makes the set complete: all records whose standing can depend on what changed. It is closed under
// "same trace", "same id", "echo of" and "can be a twin of".
func (x *index) relate() {
	for i := 0; i < len(x.set); i++ { // the set grows
		n := x.set[i]
		x.eachOf(x.traces.at(n.trace), x.visit)
		x.eachByKey(n, x.visit)
		x.eachTwin(n, x.visit)
		if g := x.groups[n.group]; g != nil && !n.echo() && x.putOf(n) != nil {
			for _, r := range g.echoes {
				if m := x.node(r); m.reason != store.ReasonEcho {
					x.visit(m)
				}
			}
		}
	}
}
