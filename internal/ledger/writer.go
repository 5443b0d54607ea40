package ledger

import (
	"context"
	"fmt"
	"time"

	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/usage"
)

const (
	maxWaiting = 1024  // requests that wait for the writer
	maxGroup   = 8_192 // records in one transaction, unless one request has more

	// maxAhead is how far in the future a record may start: clocks go wrong by time zones.
	maxAhead = 24 * time.Hour
)

// earliest is the oldest start that is taken for a time; before it, the emitter had no clock.
var earliest = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

// request is a batch that waits to be committed.
type request struct {
	batch  usage.Batch
	result chan error
}

// Commit puts a batch into the ledger. It returns nil only when all of the batch is on disk;
// after an error none of it is, and the batch may be sent again. Sending a batch that is in the
// ledger already changes nothing.
func (l *Ledger) Commit(ctx context.Context, b usage.Batch) error {
	if len(b.Calls)+len(b.Links) == 0 {
		return nil
	}
	r := &request{batch: b, result: make(chan error, 1)}
	select {
	case <-l.closing:
		return ErrClosed
	default:
	}
	select {
	case l.requests <- r:
	case <-l.closing:
		return ErrClosed
	case <-ctx.Done():
		return fmt.Errorf("wait for the ledger: %w", ctx.Err())
	}
	select {
	case err := <-r.result:
		return err
	case <-l.done: // the writer may have answered just before it ended
		select {
		case err := <-r.result:
			return err
		default:
			return ErrClosed
		}
	case <-ctx.Done():
		return fmt.Errorf("wait for the commit: %w", ctx.Err())
	}
}

// write is the one goroutine that changes the ledger. Requests that wait share a transaction.
func (l *Ledger) write() {
	defer close(l.done)
	// What waits when the ledger is closed is still committed; the engine's own time limits
	// end a write that hangs.
	ctx := context.Background()
	retention := time.NewTicker(l.o.RetentionInterval)
	defer retention.Stop()
	save := time.NewTicker(l.o.SaveInterval)
	defer save.Stop()
	more := make(chan struct{}, 1) // there is more to drop
	for {
		select {
		case r := <-l.requests:
			l.commitGroup(ctx, l.gather(r))
			l.foldSums()
			if err := l.engine.Fold(ctx); err != nil {
				l.noteSaved(err) // it is tried again; when too much waits, commits fail
			}
		case j := <-l.jobs:
			j.result <- j.run(ctx)
		case <-save.C:
			l.noteSaved(l.saveSums(ctx))
		case <-retention.C:
			if l.index != nil {
				l.index.evict(l.o.MaxSpans, l.o.Now().Add(-l.o.Window))
			}
			l.startRetention(ctx, more)
		case <-more:
			l.continueRetention(ctx, more)
		case <-l.closing:
			for {
				select {
				case r := <-l.requests:
					l.commitGroup(ctx, l.gather(r))
				default:
					l.noteSaved(l.saveSums(ctx))
					return
				}
			}
		}
	}
}

// noteSaved keeps the outcome for Status: who stores the sums has no caller to answer. Nothing is
// lost where it fails: the next start adds up the records.
func (l *Ledger) noteSaved(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.saveErr = err
}

// gather takes the requests that wait along with the first.
func (l *Ledger) gather(first *request) []*request {
	group := []*request{first}
	n := len(first.batch.Calls) + len(first.batch.Links)
	for n < maxGroup {
		select {
		case r := <-l.requests:
			group = append(group, r)
			n += len(r.batch.Calls) + len(r.batch.Links)
		default:
			return group
		}
	}
	return group
}

func (l *Ledger) commitGroup(ctx context.Context, group []*request) {
	err := l.commit(ctx, group)
	for _, r := range group {
		r.result <- err
	}
}

func (l *Ledger) commit(ctx context.Context, group []*request) error {
	t := &transaction{
		ledger: l, now: l.o.Now().UTC(), counters: l.counters, // only this goroutine writes counters
		puts: map[*node]*store.Record{}, touched: map[*trace]bool{}, stored: map[*node]store.Ref{},
	}
	if l.index == nil {
		if err := l.loadIndex(ctx); err != nil {
			l.index = nil
			return err
		}
	}
	l.index.begin()
	for _, r := range group {
		t.counters.Committed++
		if err := t.take(ctx, &r.batch); err != nil {
			l.index.rollback()
			return err
		}
	}
	w, changes, err := t.settle(ctx)
	if err != nil {
		l.index.rollback()
		return err
	}

	w.Untrue = l.untrueBy(changes)
	l.commits.Lock()
	defer l.commits.Unlock()
	w.Journal = l.journal(changes)
	l.touches.begin(changes)
	defer l.touches.end()
	if len(w.Put)+len(w.Mark)+len(w.Links) > 0 {
		if err := l.engine.Apply(ctx, w); err != nil {
			l.index.rollback()
			return fmt.Errorf("commit to the store: %w", err)
		}
	}
	l.index.commit()
	t.counters.Evicted += l.index.evict(l.o.MaxSpans, t.now.Add(-l.o.Window))
	l.mu.Lock()
	defer l.mu.Unlock()
	l.changed(&w, changes)
	if len(w.Put)+len(w.Mark) > 0 {
		l.last = t.now
	}
	l.counters = t.counters
	if len(changes) > 0 {
		l.commitNumber++
		l.observers.tell(Commit{Number: l.commitNumber, At: t.now, Changes: changes})
	}
	return nil
}

// transaction works out what one write changes.
type transaction struct {
	ledger   *Ledger
	now      time.Time
	counters Counters

	puts    map[*node]*store.Record // new and fuller records
	order   []*node                 // of puts, as they came
	cold    []store.Record          // fuller deliveries of records that are not in the index
	changes []Change
	links   []usage.Link
	touched map[*trace]bool     // traces whose shape changed
	stored  map[*node]store.Ref // the stored records that fuller deliveries replace
}

// take puts one batch's records into the index and notes what is new.
func (t *transaction) take(ctx context.Context, b *usage.Batch) error {
	x := t.ledger.index
	for _, k := range b.Links {
		if k.Trace.IsZero() || k.Span.IsZero() || k.Parent.IsZero() {
			continue // the root of a trace leads nowhere
		}
		if tr, fresh := x.addLink(k, t.now); fresh {
			t.links = append(t.links, k)
			t.touched[tr] = true
		}
	}
	for i := range b.Calls {
		if err := t.takeCall(ctx, &b.Calls[i]); err != nil {
			return err
		}
	}
	return nil
}

func (t *transaction) takeCall(ctx context.Context, c *usage.Call) error {
	l := t.ledger
	c.Start = c.Start.UTC()
	switch {
	case c.ID == usage.ID{} || c.Role == usage.RoleNone || c.Start.Before(earliest):
		t.counters.RefusedBad++
		return nil
	case c.Start.After(t.now.Add(maxAhead)):
		t.counters.RefusedNew++
		return nil
	case c.Start.Before(l.floor) || (l.o.MaxAge > 0 && c.Start.Before(t.now.Add(-l.o.MaxAge))):
		t.counters.RefusedOld++
		return nil
	}
	l.settle(c)
	if n := l.index.byID[c.ID]; n != nil {
		return t.takeAgain(ctx, n, c)
	}
	if c.Start.UnixNano() <= l.index.completeAfter {
		stored, found, err := l.engine.Find(ctx, c.ID, c.Start)
		if err != nil {
			return fmt.Errorf("look for an earlier delivery: %w", err)
		}
		if found {
			t.takeCold(&stored, c)
			return nil
		}
	}
	n := newNode(c)
	l.index.add(n, c.Trace, t.now)
	t.puts[n] = &store.Record{Call: *c}
	t.order = append(t.order, n)
	t.touched[n.trace] = true
	return nil
}

// takeAgain takes a further delivery of a record in the index: the fuller one is kept.
func (t *transaction) takeAgain(ctx context.Context, n *node, c *usage.Call) error {
	full := fullnessOf(c)
	if !n.full.less(full) {
		t.counters.Duplicates++
		return nil
	}
	t.counters.Fuller++
	if t.puts[n] == nil {
		if err := t.takeOut(ctx, n); err != nil {
			return err
		}
		t.order = append(t.order, n)
		t.stored[n] = store.Ref{ID: n.id, Start: time.Unix(0, n.start).UTC()}
	}
	// what the earlier delivery was related to may have lost its reason not to count
	x := t.ledger.index
	x.eachTwin(n, t.touch)
	x.touchQuiet(n, t.touch)
	for _, k := range n.keys {
		for _, m := range x.byKey.of(k) {
			t.touch(m)
		}
	}
	x.replace(n, c, t.now)
	t.puts[n] = &store.Record{Call: *c}
	t.touched[n.trace] = true
	return nil
}

// takeOut takes a stored record out of the sums, because another delivery replaces it.
func (t *transaction) takeOut(ctx context.Context, n *node) error {
	stored, found, err := t.ledger.engine.Find(ctx, n.id, time.Unix(0, n.start).UTC())
	if err != nil {
		return fmt.Errorf("read the record to replace: %w", err)
	}
	if found && stored.Counted {
		t.changes = append(t.changes, Change{Call: stored.Call, N: -1})
	}
	return nil
}

// takeCold takes a further delivery of a record that only the store still knows. Its standing
// stays: its relatives are forgotten.
func (t *transaction) takeCold(stored *store.Record, c *usage.Call) {
	if !newNode(&stored.Call).full.less(fullnessOf(c)) {
		t.counters.Duplicates++
		return
	}
	t.counters.Fuller++
	c.Lend(stored.LentFacts())
	if stored.Counted {
		t.changes = append(t.changes, Change{Call: stored.Call, N: -1}, Change{Call: *c, N: 1})
	}
	t.cold = append(t.cold, store.Record{
		Call: *c, Counted: stored.Counted, SupersededBy: stored.SupersededBy, Reason: stored.Reason, Seen: t.now,
	})
}

func (t *transaction) touch(n *node) { t.touched[n.trace] = true }

// settle decides the standing of everything that is related to what changed, and gives the
// write and the changes of the sums that follow.
func (t *transaction) settle(ctx context.Context) (store.Write, []Change, error) {
	x := t.ledger.index
	w := store.Write{Links: t.links, Put: t.cold, Seen: t.now}
	for _, n := range t.order {
		x.touchQuiet(n, t.touch)
	}
	for _, n := range x.unsettled {
		t.touch(n)
		x.touchQuiet(n, t.touch)
	}
	for tr := range t.touched { // most calls have no relatives
		if len(tr.nodes) == 1 && x.isAlone(tr.nodes[0]) {
			if err := t.stand(ctx, tr.nodes[0], standing{counted: true}, &w); err != nil {
				return w, nil, err
			}
			delete(t.touched, tr)
		}
	}
	set := t.related()
	decided := resolve(set, x, int64(t.ledger.o.Window))
	for _, n := range set {
		if err := t.stand(ctx, n, decided[n], &w); err != nil {
			return w, nil, err
		}
	}
	for _, n := range t.order {
		r := t.puts[n]
		if old, replaced := t.stored[n]; replaced && !old.Start.Equal(r.Start) {
			w.Remove = append(w.Remove, old) // with another start it is another row
		}
		w.Put = append(w.Put, *r)
		if r.Counted {
			t.changes = append(t.changes, Change{Call: r.Call, N: 1})
		}
	}
	return w, t.changes, nil
}

// stand gives a record the standing that was decided.
func (t *transaction) stand(ctx context.Context, n *node, now standing, w *store.Write) error {
	if r := t.puts[n]; r != nil {
		r.Counted, r.SupersededBy, r.Reason, r.Seen = now.counted, now.by, now.reason, t.now
		r.Lend(now.lent.facts())
	} else if now == n.standing {
		return nil
	} else if err := t.restand(ctx, n, now, w); err != nil {
		return err
	}
	t.ledger.index.stand(n, now)
	return nil
}

// restand gives a stored record another standing: it may move into the sums or out of them, or
// count for somebody else.
func (t *transaction) restand(ctx context.Context, n *node, now standing, w *store.Write) error {
	was := n.standing
	start := time.Unix(0, n.start).UTC()
	mark := store.Mark{ID: n.id, Start: start, Counted: now.counted, SupersededBy: now.by, Reason: now.reason}
	if now.counted == was.counted && now.lent == was.lent {
		w.Mark = append(w.Mark, mark)
		return nil
	}
	stored, found, err := t.ledger.engine.Find(ctx, n.id, start)
	if err != nil {
		return fmt.Errorf("read the record to correct: %w", err)
	}
	if !found || stored.Start.Before(t.ledger.floor) {
		return nil // dropped in the meantime, and out of the sums with it
	}
	if was.counted {
		t.changes = append(t.changes, Change{Call: stored.Call, N: -1})
		if !now.counted {
			t.counters.Superseded++
		}
	}
	if now.lent == was.lent {
		w.Mark = append(w.Mark, mark)
	} else {
		stored.Counted, stored.SupersededBy, stored.Reason = now.counted, now.by, now.reason
		stored.Lend(now.lent.facts())
		w.Put = append(w.Put, stored)
	}
	if now.counted {
		t.changes = append(t.changes, Change{Call: stored.Call, N: 1})
	}
	return nil
}

// related gives all records whose standing can depend on what changed: a set closed under
// "same trace", "same id", "echo of" and "can be a twin of".
func (t *transaction) related() []*node {
	x := t.ledger.index
	var set []*node
	in := map[*node]bool{}
	visit := func(n *node) {
		if !in[n] {
			in[n] = true
			set = append(set, n)
		}
	}
	for tr := range t.touched {
		for _, n := range tr.nodes {
			visit(n)
		}
	}
	for i := 0; i < len(set); i++ { // set grows
		n := set[i]
		for _, m := range n.trace.nodes {
			visit(m)
		}
		for _, k := range n.keys {
			for _, m := range x.byKey.of(k) {
				visit(m)
			}
		}
		x.eachTwin(n, visit)
		if g := x.groups[n.group]; g != nil && !n.echo && t.puts[n] != nil {
			for _, m := range g.echoes {
				if m.standing.reason != store.ReasonEcho {
					visit(m)
				}
			}
		}
	}
	return set
}
