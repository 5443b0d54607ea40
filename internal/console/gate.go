package console

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/tokenboard/tokenboard/internal/access"
	"github.com/tokenboard/tokenboard/internal/promapi"
)

// gate bounds how much of one kind of work is done at one time, by all and by each person. Who comes when
// it is full waits in a line of the person, and the lines take turns: nobody's many requests hold up the
// few of others.
type gate struct {
	slots, each int           // at one time, of all and of one person
	line        int           // the longest line of one person; all lines together are four times as long
	patience    time.Duration // in line

	mu      sync.Mutex
	busy    int
	of      map[string]int             // busy, by person
	lines   map[string][]chan struct{} // those who wait, by person; a channel is closed to let one in
	turns   []string                   // persons who have a line, the next one first
	waiting int
}

const linesAtOnce = 4

func newGate(slots, each, line int, patience time.Duration) *gate {
	return &gate{slots: slots, each: each, line: line, patience: patience, of: map[string]int{}, lines: map[string][]chan struct{}{}}
}

// errCrowded reports that too much of a kind of work is asked for.
var errCrowded = errors.New("too much is asked for at one time")

// enter waits for room. It returns what gives the room back, which is called once. It fails with errCrowded,
// or with the context's error.
func (g *gate) enter(ctx context.Context, who string) (leave func(), err error) {
	g.mu.Lock()
	if g.busy < g.slots && g.of[who] < g.each && len(g.lines[who]) == 0 {
		g.take(who)
		g.mu.Unlock()
		return func() { g.leave(who) }, nil
	}
	if len(g.lines[who]) >= g.line || g.waiting >= linesAtOnce*g.line {
		g.mu.Unlock()
		return nil, errCrowded
	}
	ready := make(chan struct{})
	if len(g.lines[who]) == 0 {
		g.turns = append(g.turns, who)
	}
	g.lines[who] = append(g.lines[who], ready)
	g.waiting++
	g.mu.Unlock()
	limit := time.NewTimer(g.patience)
	defer limit.Stop()
	select {
	case <-ready:
		return func() { g.leave(who) }, nil
	case <-ctx.Done():
		err = ctx.Err()
	case <-limit.C:
		err = errCrowded
	}
	if !g.giveUp(who, ready) { // it was let in meanwhile
		g.leave(who)
	}
	return nil, err
}

// take gives room to a person. The caller holds the lock.
func (g *gate) take(who string) {
	g.busy++
	g.of[who]++
}

func (g *gate) leave(who string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.busy--
	if g.of[who]--; g.of[who] == 0 {
		delete(g.of, who)
	}
	g.admit()
}

// admit lets those in who wait, as far as there is room. The caller holds the lock.
func (g *gate) admit() {
	for at := 0; at < len(g.turns) && g.busy < g.slots; {
		who := g.turns[at]
		if g.of[who] >= g.each {
			at++
			continue
		}
		g.turns = append(g.turns[:at], g.turns[at+1:]...)
		line := g.lines[who]
		close(line[0])
		g.take(who)
		g.waiting--
		if line = line[1:]; len(line) > 0 {
			g.lines[who] = line
			g.turns = append(g.turns, who) // at the end: the others are next
		} else {
			delete(g.lines, who)
		}
	}
}

// giveUp leaves the line; false where one was let in already.
func (g *gate) giveUp(who string, ready chan struct{}) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	line := g.lines[who]
	for i := range line {
		if line[i] != ready {
			continue
		}
		g.waiting--
		if line = append(line[:i:i], line[i+1:]...); len(line) > 0 {
			g.lines[who] = line
			return true
		}
		delete(g.lines, who)
		for k := range g.turns {
			if g.turns[k] == who {
				g.turns = append(g.turns[:k], g.turns[k+1:]...)
				break
			}
		}
		return true
	}
	return false
}

// shareOf names who a request acts for, for shares: all sessions and tokens of a user are one.
func shareOf(p access.Principal) string {
	if p.ID != "" {
		return p.ID
	}
	return p.Via + "/" + p.Name
}

// gates bound the routes that take long, or much memory. What answers from little work has none.
type gates struct {
	reads, exports, parquet, imports, scrapes, promql *gate
}

func newGates() *gates {
	const patience = 10 * time.Second
	return &gates{
		reads:   newGate(8, 4, 1000, patience),
		exports: newGate(12, 4, 20, patience),
		parquet: newGate(3, 2, 20, patience), // besides exports: a row group is in memory
		imports: newGate(2, 1, 4, patience),
		scrapes: newGate(2, 2, 20, patience),
		promql:  newGate(4, 2, 1000, time.Minute), // a dashboard asks for all of its panels at once
	}
}

// of gives the gates that a request goes through, besides that of shared reads.
func (g *gates) of(r *http.Request) []*gate {
	switch {
	case r.Method == http.MethodGet && r.URL.Path == base+"/export" && r.URL.Query().Get("format") == "parquet":
		return []*gate{g.exports, g.parquet}
	case r.Method == http.MethodGet && r.URL.Path == base+"/breakdown/export": // all rows are in memory, to be sorted
		return []*gate{g.exports, g.parquet}
	case r.Method == http.MethodGet && (r.URL.Path == base+"/export" || r.URL.Path == base+"/audit/export"):
		return []*gate{g.exports}
	case r.Method == http.MethodPost && r.URL.Path == base+"/logs/import":
		return []*gate{g.imports}
	case r.Method == http.MethodGet && r.URL.Path == "/metrics":
		return []*gate{g.scrapes}
	case r.Method == http.MethodGet && (r.URL.Path == base+"/keys" || r.URL.Path == base+"/audit"):
		return []*gate{g.reads}
	}
	if strings.HasPrefix(r.URL.Path, promapi.Base) {
		return []*gate{g.promql}
	}
	return nil
}

// bounded lets requests through the gates of their routes.
func (g *gates) bounded(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p := access.From(r.Context())
		if p.Role != access.Nobody { // who has not signed in is refused soon
			for _, one := range g.of(r) {
				leave, err := one.enter(r.Context(), shareOf(p))
				if err != nil {
					crowded(w)
					return
				}
				defer leave()
			}
		}
		next.ServeHTTP(w, r)
	})
}

// crowded answers a request for which there is no room.
func crowded(w http.ResponseWriter) {
	w.Header().Set("Retry-After", "5")
	writeProblem(w, http.StatusServiceUnavailable, "the server works on as many requests of this kind as it may; try again in a moment")
}
