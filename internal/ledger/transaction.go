package ledger

import (
	"context"
	"reflect"
	"slices"
	"time"

	"github.com/tokenboard/tokenboard/internal/ledger/correlation"
	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// transaction computes the changes of one write. Its memory is reused for the next one.
type transaction struct {
	ledger    *Ledger
	now       time.Time
	watermark time.Time // what starts before it was dropped
	counters  Counters

	stored           storedRecords
	wanted           []storedAt       // what is to be read of the store
	late             []late           // deliveries that wait for it
	waited           bool             // some did: the records are not in the order of their requests
	changedDecisions []decisionChange // stored records whose decision changes
	evicted          []evictedRecord  // more complete deliveries of records that are not in the index
	evictedAt        map[storedAt]int
	puts             []store.Record // what is put, where it comes from several requests
	changes          []Change
	parents          []usage.SpanParent
	decided          []int64 // numbers of deliveries
}

func (t *transaction) begin(l *Ledger) {
	t.ledger, t.now, t.watermark = l, l.o.Now().UTC(), l.sums.Watermark()
	t.counters = l.counters // only the writer's goroutine writes counters
}

// end releases everything but the memory of the lists, which the next write uses again.
func (t *transaction) end() {
	if x := t.ledger.index; x != nil {
		x.End()
	}
	clear(t.stored)
	clear(t.late)
	clear(t.changedDecisions)
	clear(t.evicted)
	clear(t.evictedAt)
	clear(t.puts)
	clear(t.changes)
	t.waited, t.decided = false, t.decided[:0]
	t.wanted, t.late, t.changedDecisions = t.wanted[:0], reusable(t.late), reusable(t.changedDecisions)
	t.evicted, t.puts, t.changes, t.parents = reusable(t.evicted), reusable(t.puts), reusable(t.changes), reusable(t.parents)
}

// reusable returns an empty list with the memory of another one, unless that is more than usual writes need.
func reusable[T any](list []T) []T {
	const most = 8 << 20 // bytes; as much as a full group of requests needs
	if cap(list)*int(reflect.TypeFor[T]().Size()) > most {
		return nil
	}
	return list[:0]
}

// add puts the records of one batch into the index. Records that the store may have already are left to
// addLate.
func (t *transaction) add(r *request) {
	x := t.ledger.index
	for _, p := range r.parents {
		if p.Trace.IsZero() || p.Span.IsZero() || p.Parent.IsZero() {
			continue // the root of a trace leads nowhere
		}
		if x.AddSpanParent(p, t.now) {
			t.parents = append(t.parents, p)
		}
	}
	for i := range r.records {
		x.Prefetch(r.records, r.precomputed, i)
		t.addCall(&r.records[i], &r.precomputed[i])
	}
}

func (t *transaction) addCall(r *store.Record, p *correlation.Precomputed) {
	l, c := t.ledger, &r.Call
	switch {
	case c.ID == usage.ID{} || c.Role == usage.RoleNone || c.Start.Before(earliest):
		t.counters.RefusedBad++
		return
	case c.Start.After(t.now.Add(maxAhead)):
		t.counters.RefusedNew++
		return
	case c.Start.Before(t.watermark) || (l.o.MaxAge > 0 && c.Start.Before(t.now.Add(-l.o.MaxAge))):
		t.counters.RefusedOld++
		return
	}
	x := l.index
	if n := x.Find(c.ID, p); n != nil {
		t.addDelivery(n, r, p)
		return
	}
	if at := (storedAt{c.ID, c.Start.UnixNano()}); at.start <= x.CompleteAfter() {
		stored, known := t.stored[at]
		if !known {
			t.wait(at, r, p)
			return
		}
		if stored != nil {
			t.addEvicted(stored, c)
			return
		}
	}
	x.Add(r, p, t.now)
}

// addDelivery adds a further delivery of a record in the index: the more complete one is kept.
func (t *transaction) addDelivery(n *correlation.Node, r *store.Record, p *correlation.Precomputed) {
	if !p.MoreComplete(n) {
		t.counters.Duplicates++
		return
	}
	x := t.ledger.index
	if !x.Arrived(n) { // the stored delivery is subtracted from the sums, because this one replaces it
		at := storedAt{n.ID(), n.Start()}
		stored, known := t.stored[at]
		if !known {
			t.wait(at, r, p)
			return
		}
		if stored != nil && stored.Counted {
			t.changes = append(t.changes, Change{Call: &stored.Call, N: -1})
		}
	}
	t.counters.Replaced++
	x.Replace(n, r, p, t.now)
}

// decide decides over everything that is related to what changed, and returns the write and the changes of the sums
// that follow.
func (t *transaction) decide(ctx context.Context, group []*request) (store.Write, []Change, error) {
	w := store.Write{Links: t.parents, At: t.now}
	t.putEvicted(&w)
	t.ledger.index.Decide(t.ledger.o.Window, t.setDecision)
	if err := t.applyDecisions(ctx, &w); err != nil {
		return w, nil, err
	}
	t.put(&w, group)
	return w, t.changes, nil
}

// put adds the received records to the write.
func (t *transaction) put(w *store.Write, group []*request) {
	// Where all comes from one request, in its order, its own memory is used: a record is never before its place there.
	puts := group[0].records[:0]
	apart := len(group) > 1 || len(w.Put) > 0 || t.waited
	if apart {
		t.puts = append(slices.Grow(t.puts[:0], len(w.Put)+t.ledger.index.Arrivals()), w.Put...)
		puts = t.puts
	}
	t.ledger.index.EachArrival(func(r *store.Record, moved bool, from store.Ref) {
		if moved { // with another start it is another row
			w.Remove = append(w.Remove, from)
		}
		puts = append(puts, *r)
		if r := &puts[len(puts)-1]; r.Counted {
			t.changes = append(t.changes, Change{Call: &r.Call, N: 1})
		}
	})
	if apart {
		t.puts = puts
	}
	w.Put = puts
}

// setDecision puts what was decided of a record into what is to be stored of it.
func (t *transaction) setDecision(o *correlation.Outcome) {
	if o.Arrived == nil {
		t.changedDecisions = append(t.changedDecisions, decisionChange{at: storedAt{o.ID, o.Start}, was: o.Was, now: *o.Now})
		return
	}
	r := o.Arrived
	r.Counted, r.SupersededBy, r.Reason, r.StoredAt = o.Now.Counted, o.Now.By, o.Now.Reason, t.now
	if o.Now.Inherited != (usage.Attribution{}) {
		r.Inherit(o.Now.Inherited)
	}
	t.deduct(r, o.Now)
}

// deduct subtracts from a running sum what calls before it spent, with what that costs.
func (t *transaction) deduct(r *store.Record, now *correlation.Decision) {
	if r.Before != now.Before {
		r.Deduct(now.Before)
		t.ledger.setCost(&r.Call)
	}
}
