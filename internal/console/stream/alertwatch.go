package stream

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/tokenboard/tokenboard/internal/console/alerts"
	"github.com/tokenboard/tokenboard/internal/store"
)

const (
	alertInterval  = time.Second // between two looks at what fires
	alertsKept     = 256         // events that are kept for slow readers
	alertsFollowed = 5000        // alerts that fire at one time; with more of them, readers are told that they missed something
)

// alertWatch tells streams which alerts begin and end. Another process may be the one that evaluates the rules, so that it
// looks at the store: at an interval, and only while somebody listens who may know. Each reader keeps its own position.
type alertWatch struct {
	store store.Alerts // nil: there are none
	every time.Duration

	mu        sync.Mutex
	listeners int
	cancel    context.CancelFunc
	begun     chan struct{} // closed after the first look
	running   sync.WaitGroup
	closed    bool
	ring      []alerts.Alert // at number % alertsKept; without id: something was missed
	next      uint64         // number of the next event
	changed   chan struct{}  // closed at the next change

	looking sync.Mutex // held by who looks at the store, and never while readers wait
	firing  map[string]store.Alert
	total   int // of those that fire; -1 before the first look
}

func newAlertWatch(s store.Alerts) *alertWatch {
	return &alertWatch{store: s, every: alertInterval, cancel: func() {}, ring: make([]alerts.Alert, alertsKept), changed: make(chan struct{}), total: -1}
}

// join begins to look for one listener more, and returns where its events begin. What fires before it returns is in the
// store for the listener to read, and what fires later is an event.
func (w *alertWatch) join(ctx context.Context) uint64 {
	w.mu.Lock()
	w.listeners++
	if w.listeners == 1 && !w.closed {
		watching, cancel := context.WithCancel(context.WithoutCancel(ctx))
		begun := make(chan struct{})
		w.cancel, w.begun = cancel, begun
		w.running.Go(func() { w.run(watching, begun) })
	}
	begun, closed := w.begun, w.closed
	w.mu.Unlock()
	if !closed {
		select {
		case <-begun:
		case <-ctx.Done():
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.next
}

func (w *alertWatch) leave() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.listeners--; w.listeners == 0 {
		w.cancel()
	}
}

// close ends what join began, and waits for it.
func (w *alertWatch) close() {
	w.mu.Lock()
	w.closed = true
	w.cancel()
	w.mu.Unlock()
	w.running.Wait()
}

// run looks until nobody listens. begun is closed after the first look.
func (w *alertWatch) run(ctx context.Context, begun chan<- struct{}) {
	w.looking.Lock() // the one before it may not have ended yet
	defer w.looking.Unlock()
	w.firing, w.total = nil, -1
	failed := w.look(ctx) != nil
	close(begun)
	tick := time.NewTicker(w.every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if w.look(ctx) == nil && failed { // what fired since the listeners came is not known
			failed = false
			w.put([]alerts.Alert{{}})
		}
	}
}

// look reads what fires, and makes an event of each difference.
func (w *alertWatch) look(ctx context.Context) error {
	const patience = 10 * time.Second
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	list, total, err := w.store.Alerts(ctx, store.AlertQuery{Firing: true, Limit: alertsFollowed})
	if err != nil {
		return err
	}
	now := make(map[string]store.Alert, len(list))
	var out []alerts.Alert
	for i := range slices.Backward(list) { // oldest first
		a := &list[i]
		if _, known := w.firing[a.ID]; !known && w.total >= 0 {
			out = append(out, told(a))
		}
		now[a.ID] = *a
	}
	for id, a := range w.firing {
		if _, still := now[id]; still {
			continue
		}
		ended, err := w.ended(ctx, a)
		if err != nil {
			return err
		}
		out = append(out, told(&ended))
	}
	if total > len(list) || w.total > len(w.firing) { // not all of them are known by name
		out = nil
		if total != w.total && w.total >= 0 {
			out = []alerts.Alert{{}}
		}
	}
	w.firing, w.total = now, total
	w.put(out)
	return nil
}

// ended is an alert that fired, as it is stored now.
func (w *alertWatch) ended(ctx context.Context, a store.Alert) (store.Alert, error) {
	found, _, err := w.store.Alerts(ctx, store.AlertQuery{Ended: true, From: a.StartedAt, To: a.StartedAt.Add(time.Millisecond), Limit: alertsKept})
	if err != nil {
		return a, err
	}
	if i := slices.IndexFunc(found, func(x store.Alert) bool { return x.ID == a.ID }); i >= 0 {
		return found[i], nil
	}
	a.EndedAt = time.Now() // it was dropped meanwhile
	return a, nil
}

// told is an alert as the API shows it; one that cannot be read is something that was missed.
func told(a *store.Alert) alerts.Alert {
	out, err := alerts.Of(a)
	if err != nil {
		return alerts.Alert{}
	}
	return out
}

func (w *alertWatch) put(events []alerts.Alert) {
	if len(events) == 0 {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for i := range events {
		w.ring[w.next%alertsKept] = events[i]
		w.next++
	}
	close(w.changed)
	w.changed = make(chan struct{})
}

// read returns the events from a place on, the place behind them, whether some before them are not kept any more, and a
// channel that is closed when there is more.
func (w *alertWatch) read(from uint64) (events []alerts.Alert, next uint64, missed bool, more <-chan struct{}) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.next > alertsKept && from < w.next-alertsKept {
		from, missed = w.next-alertsKept, true
	}
	for ; from < w.next; from++ {
		events = append(events, w.ring[from%alertsKept])
	}
	return events, from, missed, w.changed
}
