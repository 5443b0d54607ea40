package budget

import (
	"time"

	"github.com/tokenboard/tokenboard/internal/ledger"
	"github.com/tokenboard/tokenboard/internal/reservation"
)

// follow is called with each commit, within the ledger's writer.
func (s *Set) follow(c ledger.Commit) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.number = c.Number
	if c.Missed { // all is read again
		s.missed = c.Number
		s.forgetRead()
		for _, e := range s.entries {
			e.known = false
		}
		s.noteUnknown()
		return
	}
	if len(s.entries) == 0 {
		s.pending = nil
		return
	}
	now := s.now()
	for i := range c.Changes {
		d := &c.Changes[i]
		a := reservation.AmountOf(d.Call)
		s.mark++
		s.index.each(d.Call, func(g *group) {
			if g.mark == s.mark {
				return
			}
			g.mark = s.mark
			for _, e := range g.entries {
				switch {
				case e.loading:
					e.early = append(e.early, early{c.Number, d.Call.Start, a, d.N})
				case e.known:
					w := s.today.at(now, e.kind())
					if w.begin.After(e.from) {
						e.from = w.begin
					}
					e.spent.add(e.kind(), w, d.Call.Start, a, d.N)
					s.note(e)
				}
			}
		})
		s.aliases.learn(&s.index, d.Call)
	}
	s.settlePending()
}

// Watch tells which budgets have changed: what is used of them, or what they are. Take returns and forgets them.
type Watch struct {
	// C receives when there is something to take; it is never closed.
	C   <-chan struct{}
	c   chan struct{}
	set *Set
	ids map[string]bool // guarded by set.mu
}

// Watch returns a watch of all budgets, until its Stop. Its memory is bounded by the number of budgets.
func (s *Set) Watch() *Watch {
	c := make(chan struct{}, 1)
	w := &Watch{C: c, c: c, set: s, ids: map[string]bool{}}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.watches[w] = true
	return w
}

// Stop ends the watch.
func (w *Watch) Stop() {
	w.set.mu.Lock()
	defer w.set.mu.Unlock()
	delete(w.set.watches, w)
}

// Take returns the ids of the budgets that changed since the last call, in no order; of removed ones too.
func (w *Watch) Take() []string {
	w.set.mu.Lock()
	defer w.set.mu.Unlock()
	out := make([]string, 0, len(w.ids))
	for id := range w.ids {
		out = append(out, id)
	}
	clear(w.ids)
	return out
}

// note tells the watches that a budget has changed. s.mu is held.
func (s *Set) note(e *entry) { s.noteID(e.row.ID) }

func (s *Set) noteID(id string) {
	for w := range s.watches {
		w.ids[id] = true
		select {
		case w.c <- struct{}{}:
		default: // it was told
		}
	}
}

// settlements are what a commit settled, see Settle.
type settlements struct {
	commit            int64
	settled, reopened []Settlement
}

// settlePending settles reservations of commits that have been followed. s.mu is held.
func (s *Set) settlePending() {
	kept := s.pending[:0]
	for _, p := range s.pending {
		if p.commit > s.number {
			kept = append(kept, p)
			continue
		}
		s.settle(p)
	}
	s.pending = kept
}

// defaultLife is how long a reservation is kept where the check does not say.
const defaultLife = 10 * time.Minute
