// Package gate bounds how many requests of a kind are worked on at one time, by all and by one person.
package gate

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/tokenboard/tokenboard/internal/access"
	"github.com/tokenboard/tokenboard/internal/console/api"
	"github.com/tokenboard/tokenboard/internal/promapi"
)

// Gate limits the concurrent work of one kind, in total and for each person. When it is full, requests
// wait in one queue per person, and the queues take turns: many requests of one person do not delay the
// few of others.
type Gate struct {
	slots, each int           // at one time, of all and of one person
	line        int           // the longest line of one person; all lines together are four times as long
	patience    time.Duration // in line

	Mu      sync.Mutex
	Busy    int
	of      map[string]int             // Busy, by person
	lines   map[string][]chan struct{} // those who wait, by person; a channel is closed to let one in
	turns   []string                   // persons who have a line, the next one first
	Waiting int
}

const linesAtOnce = 4

// NewGate returns a gate with a number of slots, at most each of them for one person. Up to line requests of a person
// wait for a slot, for at most patience.
func NewGate(slots, each, line int, patience time.Duration) *Gate {
	return &Gate{slots: slots, each: each, line: line, patience: patience, of: map[string]int{}, lines: map[string][]chan struct{}{}}
}

// errCrowded reports that too much of a kind of work is asked for.
var errCrowded = errors.New("too much is asked for at one time")

// Enter waits for a free slot. It returns the function that frees it, to be called once. It fails with errCrowded,
// or with the context's error.
func (g *Gate) Enter(ctx context.Context, who string) (leave func(), err error) {
	g.Mu.Lock()
	if g.Busy < g.slots && g.of[who] < g.each && len(g.lines[who]) == 0 {
		g.take(who)
		g.Mu.Unlock()
		return func() { g.leave(who) }, nil
	}
	if len(g.lines[who]) >= g.line || g.Waiting >= linesAtOnce*g.line {
		g.Mu.Unlock()
		return nil, errCrowded
	}
	ready := make(chan struct{})
	if len(g.lines[who]) == 0 {
		g.turns = append(g.turns, who)
	}
	g.lines[who] = append(g.lines[who], ready)
	g.Waiting++
	g.Mu.Unlock()
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

// take gives a slot to a person. The caller holds the lock.
func (g *Gate) take(who string) {
	g.Busy++
	g.of[who]++
}

func (g *Gate) leave(who string) {
	g.Mu.Lock()
	defer g.Mu.Unlock()
	g.Busy--
	if g.of[who]--; g.of[who] == 0 {
		delete(g.of, who)
	}
	g.admit()
}

// admit lets waiting requests in, as far as slots are free. The caller holds the lock.
func (g *Gate) admit() {
	for at := 0; at < len(g.turns) && g.Busy < g.slots; {
		who := g.turns[at]
		if g.of[who] >= g.each {
			at++
			continue
		}
		g.turns = append(g.turns[:at], g.turns[at+1:]...)
		line := g.lines[who]
		close(line[0])
		g.take(who)
		g.Waiting--
		if line = line[1:]; len(line) > 0 {
			g.lines[who] = line
			g.turns = append(g.turns, who) // at the end: the others are next
		} else {
			delete(g.lines, who)
		}
	}
}

// giveUp leaves the line; false where one was let in already.
func (g *Gate) giveUp(who string, ready chan struct{}) bool {
	g.Mu.Lock()
	defer g.Mu.Unlock()
	line := g.lines[who]
	for i := range line {
		if line[i] != ready {
			continue
		}
		g.Waiting--
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

// ShareOf names who a request acts for, for shares: all sessions and tokens of a user are one.
func ShareOf(p access.Principal) string {
	if p.ID != "" {
		return p.ID
	}
	return p.Via + "/" + p.Name
}

// gates bound the routes that take long, or much memory. Cheap routes have none.
type gates struct {
	Reads, exports, parquet, imports, scrapes, promql, mcp *Gate
}

// New returns the gates of a console.
func New() *gates {
	const patience = 10 * time.Second
	return &gates{
		Reads:   NewGate(8, 4, 1000, patience),
		exports: NewGate(12, 4, 20, patience),
		parquet: NewGate(3, 2, 20, patience), // besides exports: a row group is in memory
		imports: NewGate(2, 1, 4, patience),
		scrapes: NewGate(2, 2, 20, patience),
		promql:  NewGate(4, 2, 1000, time.Minute), // a dashboard asks for all of its panels at once
		mcp:     NewGate(16, 4, 50, patience),     // each asks the API, which has its own gates
	}
}

// of returns the gates that a request goes through, besides the gate of shared reads.
func (g *gates) of(r *http.Request) []*Gate {
	switch {
	case r.Method == http.MethodGet && r.URL.Path == api.Base+"/export" && r.URL.Query().Get("format") == "parquet":
		return []*Gate{g.exports, g.parquet}
	case r.Method == http.MethodGet && (r.URL.Path == api.Base+"/breakdown/export" || r.URL.Path == api.Base+"/bills/export" || r.URL.Path == api.Base+"/export/focus"): // many rows are in memory, to be sorted
		return []*Gate{g.exports, g.parquet}
	case r.Method == http.MethodGet && (r.URL.Path == api.Base+"/export" || r.URL.Path == api.Base+"/audit/export"):
		return []*Gate{g.exports}
	case r.Method == http.MethodPost && r.URL.Path == api.Base+"/logs/import":
		return []*Gate{g.imports}
	case r.Method == http.MethodGet && r.URL.Path == "/metrics":
		return []*Gate{g.scrapes}
	case r.URL.Path == "/mcp":
		return []*Gate{g.mcp}
	case r.Method == http.MethodGet && (r.URL.Path == api.Base+"/keys" || r.URL.Path == api.Base+"/audit"):
		return []*Gate{g.Reads}
	}
	if strings.HasPrefix(r.URL.Path, promapi.Base) {
		return []*Gate{g.promql}
	}
	return nil
}

// Bounded lets requests through the gates of their routes.
func (g *gates) Bounded(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p := access.From(r.Context())
		if p.Role != access.Nobody { // a request without a sign-in is refused soon
			for _, one := range g.of(r) {
				leave, err := one.Enter(r.Context(), ShareOf(p))
				if err != nil {
					Crowded(w)
					return
				}
				defer leave()
			}
		}
		next.ServeHTTP(w, r)
	})
}

// Crowded answers a request that found no free slot.
func Crowded(w http.ResponseWriter) {
	w.Header().Set("Retry-After", "5")
	api.WriteProblem(w, http.StatusServiceUnavailable, "the server works on as many requests of this kind as it may; try again in a moment")
}
