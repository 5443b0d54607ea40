package ledger

import (
	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// cold is a record that only the store still knows, and its fullest delivery in this transaction.
type cold struct {
	stored store.Record
	put    store.Record
	fuller bool // put replaces stored
}

// takeCold takes a further delivery of a record that only the store still knows. Its standing stays: its relatives
// are forgotten. What the transaction took of the record before counts as its delivery so far: senders repeat
// themselves within a moment.
func (t *transaction) takeCold(stored *store.Record, c *usage.Call) {
	ref := storedAt{c.ID, c.Start.UnixNano()}
	at, known := t.coldAt[ref]
	if !known {
		if t.coldAt == nil {
			t.coldAt = map[storedAt]int{}
		}
		at = len(t.cold)
		t.coldAt[ref] = at
		t.cold = append(t.cold, cold{stored: *stored, put: *stored})
	}
	r := &t.cold[at]
	own := r.put.Call
	own.Inherit(usage.Attribution{})
	own.Deduct(usage.Tokens{})
	if !fullnessOf(&own).less(fullnessOf(c)) {
		t.counters.Duplicates++
		return
	}
	t.counters.Replaced++
	r.put.Call, r.put.StoredAt, r.fuller = *c, t.now, true
	r.put.Inherit(r.stored.InheritedAttribution())
	t.deduct(&r.put, &standing{before: r.stored.Before})
}

// putCold adds the fuller deliveries of cold records to the write, and to the changes of the sums. It
// comes when all is taken: places in t.cold stay as they are from then on.
func (t *transaction) putCold(w *store.Write) {
	for i := range t.cold {
		r := &t.cold[i]
		if !r.fuller {
			continue
		}
		w.Put = append(w.Put, r.put)
		if r.stored.Counted {
			t.changes = append(t.changes, Change{Call: &r.stored.Call, N: -1}, Change{Call: &r.put.Call, N: 1})
		}
	}
}
