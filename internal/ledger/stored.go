package ledger

import (
	"context"
	"fmt"
	"time"

	"github.com/tokenboard/tokenboard/internal/ledger/correlation"
	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// A commit of any size reads the stored versions of its records in at most two lookups: one for the deliveries of
// records that are stored, one for the records whose decision changes.

// storedAt names a stored record: identity and start (Unix ns).
type storedAt struct {
	id    usage.ID
	start int64
}

// storedRecords holds the records that a transaction has read from the store; nil for those that do not exist.
type storedRecords map[storedAt]*store.Record

// late is a delivery that waits for what the store has.
type late struct {
	record      *store.Record
	precomputed *correlation.Precomputed
}

// decisionChange is the change of the decision over a stored record.
type decisionChange struct {
	at       storedAt
	was, now correlation.Decision
}

// read looks records up, once each.
func (t *transaction) read(ctx context.Context, wanted []storedAt) error {
	var q store.Lookup
	for _, at := range wanted {
		if _, known := t.stored[at]; !known {
			if t.stored == nil {
				t.stored = storedRecords{}
			}
			t.stored[at] = nil
			q.Refs = append(q.Refs, store.Ref{ID: at.id, Start: time.Unix(0, at.start).UTC()})
		}
	}
	if len(q.Refs) == 0 {
		return nil
	}
	found, err := t.ledger.engine.Lookup(ctx, q)
	if err != nil {
		return fmt.Errorf("read what is stored of the records: %w", err)
	}
	for i := range found {
		t.stored[storedAt{found[i].ID, found[i].Start.UnixNano()}] = &found[i]
	}
	return nil
}

// wait leaves a delivery until it is known what the store has.
func (t *transaction) wait(at storedAt, r *store.Record, g *correlation.Precomputed) {
	t.late = append(t.late, late{r, g})
	t.wanted = append(t.wanted, at)
	t.waited = true
}

// addLate takes the deliveries that waited, in the order in which they came.
func (t *transaction) addLate(ctx context.Context) error {
	for len(t.late) > 0 {
		if err := t.read(ctx, t.wanted); err != nil {
			return err
		}
		waiting := t.late
		t.late, t.wanted = nil, t.wanted[:0]
		for _, r := range waiting {
			t.addCall(r.record, r.precomputed)
		}
	}
	return nil
}

// applyDecisions stores changed decisions: each record may move into the sums or out of them, or count for
// somebody else.
func (t *transaction) applyDecisions(ctx context.Context, w *store.Write) error {
	for i := range t.changedDecisions {
		if s := &t.changedDecisions[i]; s.moves() {
			t.wanted = append(t.wanted, s.at)
		}
	}
	if err := t.read(ctx, t.wanted); err != nil {
		return err
	}
	for i := range t.changedDecisions {
		t.applyDecision(&t.changedDecisions[i], w)
	}
	return nil
}

// moves reports whether the sums change with the decision.
func (s *decisionChange) moves() bool { return s.now.Counted != s.was.Counted || s.changes() }

// changes reports whether the record itself changes.
func (s *decisionChange) changes() bool {
	return s.now.Inherited != s.was.Inherited || s.now.Before != s.was.Before
}

func (t *transaction) applyDecision(s *decisionChange, w *store.Write) {
	mark := store.Mark{
		ID: s.at.id, Start: time.Unix(0, s.at.start).UTC(), Counted: s.now.Counted, SupersededBy: s.now.By, Reason: s.now.Reason,
	}
	if !s.moves() {
		w.Mark = append(w.Mark, mark)
		return
	}
	record := t.stored[s.at]
	if record == nil || record.Start.Before(t.watermark) {
		return // removed in the meantime, and out of the sums with it
	}
	now := *record
	if s.was.Counted {
		t.changes = append(t.changes, Change{Call: &record.Call, N: -1})
		if !s.now.Counted {
			t.counters.Superseded++
		}
	}
	if !s.changes() {
		w.Mark = append(w.Mark, mark)
	} else {
		now.Counted, now.SupersededBy, now.Reason = s.now.Counted, s.now.By, s.now.Reason
		t.inherit(&now, &s.now)
		t.deduct(&now, &s.now)
		w.Put = append(w.Put, now)
	}
	if s.now.Counted {
		t.changes = append(t.changes, Change{Call: &now.Call, N: 1})
	}
}
