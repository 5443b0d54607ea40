package ledger

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"sync"
	"time"

	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/usage"
)

const (
	maxWaiting = 1024  // requests that wait for the writer
	maxGroup   = 8_192 // records in one transaction, unless one request has more

	// maxAhead is how far in the future a record may start: clocks go wrong by time zones.
	maxAhead = 24 * time.Hour

	// maxJournaled is how many bytes of journals there are at most before the sums are stored, so that much
	// traffic makes neither the file nor the next start long.
	maxJournaled = 16 << 20
)

// earliest is the oldest start that is taken for a time; before it, the emitter had no clock.
var earliest = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

// request is a batch that waits to be committed.
type request struct {
	records []store.Record // the batch's calls, with their costs
	gists   []gist         // of the records
	links   []usage.Link
	result  chan error
}

func (r *request) size() int { return len(r.records) + len(r.links) }

// requests are used again: a batch's records are most of what a commit allocates.
var requests = sync.Pool{New: func() any { return &request{result: make(chan error, 1)} }}

// request does for a batch what needs nothing of the ledger's state.
func (l *Ledger) request(b *usage.Batch) *request {
	r := requests.Get().(*request)
	n := len(b.Calls)
	r.records, r.gists = slices.Grow(r.records[:0], n)[:n], slices.Grow(r.gists[:0], n)[:n]
	r.links = append(r.links[:0], b.Links...) // the caller may leave before the writer comes to it
	for i := range b.Calls {
		c := &r.records[i].Call
		*c = b.Calls[i]
		c.Start = c.Start.UTC()
		c.KeyFingerprint = l.keyed.Of(c.KeyFingerprint)
		if c.Lent != 0 { // what counts is what a record knows itself
			c.Lend(usage.Who{})
		}
		l.settle(c)
		r.gists[i] = gistOf(c)
	}
	return r
}

// done gives a request back that nobody else has any more.
func (r *request) done() {
	clear(r.records)
	requests.Put(r)
}

// Commit puts a batch into the ledger. It returns nil only when all of the batch is on disk;
// after an error none of it is, and the batch may be sent again. Sending a batch that is in the
// ledger already changes nothing. The batch is the caller's again when Commit returns, but for its
// texts, which must never change.
func (l *Ledger) Commit(ctx context.Context, b usage.Batch) error {
	if len(b.Calls)+len(b.Links) == 0 {
		return nil
	}
	select {
	case <-l.closing:
		return ErrClosed
	default:
	}
	r := l.request(&b)
	select {
	case l.requests <- r:
	case <-l.closing:
		return ErrClosed
	case <-ctx.Done():
		return fmt.Errorf("wait for the ledger: %w", ctx.Err())
	}
	select {
	case err := <-r.result:
		r.done()
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
			if l.journaled > maxJournaled {
				l.noteSaved(l.saveSums(ctx))
			}
		case j := <-l.jobs:
			j.result <- j.run(ctx)
		case <-save.C:
			err := l.saveSums(ctx)
			if err == nil {
				err = l.engine.Compact(ctx) // journals were replaced
			}
			l.noteSaved(err)
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
	n := first.size()
	for n < maxGroup {
		select {
		case r := <-l.requests:
			group = append(group, r)
			n += r.size()
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
	t := &l.transaction
	t.begin(l)
	defer t.end()
	if l.index == nil {
		if err := l.loadIndex(ctx); err != nil {
			l.index = nil
			return err
		}
	}
	l.index.begin()
	for _, r := range group {
		t.counters.Committed++
		if err := t.take(ctx, r); err != nil {
			l.index.rollback()
			return err
		}
	}
	w, changes, err := t.settle(ctx, group)
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
		l.journaled += len(w.Journal)
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

// transaction works out what one write changes. Its room is used again for the next one.
type transaction struct {
	ledger   *Ledger
	now      time.Time
	counters Counters

	cold    []store.Record // fuller deliveries of records that are not in the index
	puts    []store.Record // what is put, where it comes from several requests
	changes []Change
	links   []usage.Link
	touched []uint32 // traces whose shape changed
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
	clear(t.cold)
	clear(t.puts)
	clear(t.changes)
	t.cold, t.puts, t.changes, t.links, t.touched = t.cold[:0], kept(t.puts), kept(t.changes), kept(t.links), kept(t.touched)
}

// kept gives the room of a list to be used again, unless it was needed for once.
func kept[T any](list []T) []T {
	const most = 8 << 20 // bytes; as much as a full group of requests needs
	if cap(list)*int(reflect.TypeFor[T]().Size()) > most {
		return nil
	}
	return list[:0]
}

// take puts one batch's records into the index and notes what is new.
func (t *transaction) take(ctx context.Context, r *request) error {
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
		if err := t.takeCall(ctx, &r.records[i], &r.gists[i]); err != nil {
			return err
		}
	}
	return nil
}

func (t *transaction) takeCall(ctx context.Context, r *store.Record, g *gist) error {
	l, c := t.ledger, &r.Call
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
	x := l.index
	if n := x.find(c.ID, g.id); n != nil {
		return t.takeAgain(ctx, n, r, g)
	}
	if c.Start.UnixNano() <= x.completeAfter {
		stored, found, err := l.engine.Find(ctx, c.ID, c.Start)
		if err != nil {
			return fmt.Errorf("look for an earlier delivery: %w", err)
		}
		if found {
			t.takeCold(&stored, c)
			return nil
		}
	}
	n := x.add(c, g, t.now)
	p := x.about(n)
	p.put, p.fresh = r, true
	t.touchTrace(n.trace)
	return nil
}

// takeAgain takes a further delivery of a record in the index: the fuller one is kept.
func (t *transaction) takeAgain(ctx context.Context, n *node, r *store.Record, g *gist) error {
	if !n.full.less(g.full) {
		t.counters.Duplicates++
		return nil
	}
	t.counters.Fuller++
	x := t.ledger.index
	if x.about(n).put == nil {
		if err := t.takeOut(ctx, n); err != nil {
			return err
		}
	}
	// what the earlier delivery was related to may have lost its reason not to count
	x.eachTwin(n, t.touch)
	x.touchQuiet(n, t.touch)
	x.eachByKey(n, t.touch)
	x.replace(n, &r.Call, g, t.now)
	x.about(n).put = r
	t.touch(n)
	return nil
}

// takeOut takes a stored record out of the sums, because another delivery replaces it.
func (t *transaction) takeOut(ctx context.Context, n *node) error {
	stored, found, err := t.ledger.engine.Find(ctx, n.id, time.Unix(0, n.start).UTC())
	if err != nil {
		return fmt.Errorf("read the record to replace: %w", err)
	}
	if found && stored.Counted {
		t.changes = append(t.changes, Change{Call: &stored.Call, N: -1})
	}
	return nil
}

// takeCold takes a further delivery of a record that only the store still knows. Its standing
// stays: its relatives are forgotten.
func (t *transaction) takeCold(stored *store.Record, c *usage.Call) {
	own := stored.Call
	own.Lend(usage.Who{})
	if !fullnessOf(&own).less(fullnessOf(c)) {
		t.counters.Duplicates++
		return
	}
	t.counters.Fuller++
	fuller := *c
	fuller.Lend(stored.LentFacts())
	if stored.Counted {
		t.changes = append(t.changes, Change{Call: &stored.Call, N: -1}, Change{Call: &fuller, N: 1})
	}
	t.cold = append(t.cold, store.Record{
		Call: fuller, Counted: stored.Counted, SupersededBy: stored.SupersededBy, Reason: stored.Reason, Seen: t.now,
	})
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
	w := store.Write{Links: t.links, Put: t.cold, Seen: t.now}
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
			if err := t.stand(ctx, n, &alone, &w); err != nil {
				return w, nil, err
			}
			continue
		}
		x.eachOf(tr, x.visit)
	}
	x.relate()
	x.resolve(int64(t.ledger.o.Window))
	for i, n := range x.set {
		if err := t.stand(ctx, n, &x.findings[i].standing, &w); err != nil {
			return w, nil, err
		}
	}
	t.put(&w, came, group)
	return w, t.changes, nil
}

// put adds what came to the write.
func (t *transaction) put(w *store.Write, came int, group []*request) {
	// Where all comes from one request, its own room is used: a record is never before its place there.
	puts := group[0].records[:0]
	if len(group) > 1 || len(w.Put) > 0 {
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
	if len(group) > 1 || len(w.Put) > 0 {
		t.puts = puts
	}
	w.Put = puts
}

// stand gives a record the standing that was decided.
func (t *transaction) stand(ctx context.Context, n *node, now *standing, w *store.Write) error {
	x := t.ledger.index
	if r := x.putOf(n); r != nil {
		r.Counted, r.SupersededBy, r.Reason, r.Seen = now.counted, now.by, now.reason, t.now
		if now.lent != (usage.Who{}) {
			r.Lend(now.lent)
		}
		if x.pending[n.at-1].fresh {
			x.setStanding(n, now) // it goes as a whole where the write fails
			return nil
		}
	} else if was := x.standingOf(n); *now == was {
		return nil
	} else if err := t.restand(ctx, n, &was, now, w); err != nil {
		return err
	}
	x.stand(n, now)
	return nil
}

// restand gives a stored record another standing: it may move into the sums or out of them, or
// count for somebody else.
func (t *transaction) restand(ctx context.Context, n *node, was, now *standing, w *store.Write) error {
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
		old := stored.Call
		t.changes = append(t.changes, Change{Call: &old, N: -1})
		if !now.counted {
			t.counters.Superseded++
		}
	}
	if now.lent == was.lent {
		w.Mark = append(w.Mark, mark)
	} else {
		stored.Counted, stored.SupersededBy, stored.Reason = now.counted, now.by, now.reason
		stored.Lend(now.lent)
		w.Put = append(w.Put, stored)
	}
	if now.counted {
		t.changes = append(t.changes, Change{Call: &stored.Call, N: 1})
	}
	return nil
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
