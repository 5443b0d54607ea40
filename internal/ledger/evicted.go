package ledger

import (
	"github.com/tokenboard/tokenboard/internal/ledger/correlation"
	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// evictedRecord is a record that only the store still has, and its most complete delivery in this transaction.
type evictedRecord struct {
	stored   store.Record
	put      store.Record
	replaced bool // put replaces stored
}

// addEvicted takes a further delivery of a record that only the store still has. The decision about it stays,
// because its related records are no longer in the index. An earlier delivery in the same transaction counts as
// stored: senders may retry at once.
func (t *transaction) addEvicted(stored *store.Record, c *usage.Call) {
	ref := storedAt{c.ID, c.Start.UnixNano()}
	at, known := t.evictedAt[ref]
	if !known {
		if t.evictedAt == nil {
			t.evictedAt = map[storedAt]int{}
		}
		at = len(t.evicted)
		t.evictedAt[ref] = at
		t.evicted = append(t.evicted, evictedRecord{stored: *stored, put: *stored})
	}
	r := &t.evicted[at]
	own := r.put.Call
	own.Inherit(usage.Attribution{})
	own.Deduct(usage.Tokens{})
	if !correlation.MoreComplete(c, &own) {
		t.counters.Duplicates++
		return
	}
	t.counters.Replaced++
	r.put.Call, r.put.StoredAt, r.replaced = *c, t.now, true
	was := correlation.Decision{Inherited: r.stored.InheritedAttribution(), Before: r.stored.Before}
	t.inherit(&r.put, &was)
	t.deduct(&r.put, &was)
}

// putEvicted adds the more complete deliveries of evicted records to the write, and to the changes of the sums. It
// comes when all is taken: places in t.evicted stay as they are from then on.
func (t *transaction) putEvicted(w *store.Write) {
	for i := range t.evicted {
		r := &t.evicted[i]
		if !r.replaced {
			continue
		}
		w.Put = append(w.Put, r.put)
		if r.stored.Counted {
			t.changes = append(t.changes, Change{Call: &r.stored.Call, N: -1}, Change{Call: &r.put.Call, N: 1})
		}
	}
}
