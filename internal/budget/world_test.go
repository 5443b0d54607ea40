package budget

import (
	"context"
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/leaktest"
	"github.com/tokenboard/tokenboard/internal/ledger"
	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/store/sqlite"
	"github.com/tokenboard/tokenboard/internal/usage"
)

func TestMain(m *testing.M) { leaktest.Main(m) }

var (
	ctx     = context.Background()
	audited = store.AuditEntry{Action: "test"}
)

// clock is a clock that a test turns.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) turn(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// world is budgets over a real ledger, which can be restarted.
type world struct {
	t         require.TestingT
	path      string
	zone      *time.Location
	clock     *clock
	engine    store.Engine
	ledger    *ledger.Ledger
	directory store.Directory
	set       *Set
	fixed     []store.BudgetRow
	options   ledger.Options
	calls     int
}

func newWorld(t require.TestingT, dir string) *world {
	w := &world{t: t, path: filepath.Join(dir, "t.db"), zone: time.UTC, clock: &clock{at: time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)}}
	return w
}

// open opens a world for one test.
func open(t *testing.T) *world {
	w := newWorld(t, t.TempDir())
	w.open()
	t.Cleanup(w.close)
	return w
}

func (w *world) open() {
	engine, err := sqlite.Open(ctx, sqlite.Options{Path: w.path})
	require.NoError(w.t, err)
	w.engine, w.directory = engine, engine.Directory()
	o := w.options
	o.Now = w.clock.now
	w.ledger, err = ledger.Open(ctx, engine, o)
	require.NoError(w.t, err)
	w.set = New(Options{Ledger: w.ledger, Directory: w.directory, Location: w.zone, Now: w.clock.now, Fixed: w.fixed})
}

func (w *world) close() {
	w.set.Close()
	require.NoError(w.t, w.ledger.Close())
}

func (w *world) addKey(id string, fingerprints ...string) {
	k := store.Key{ID: id, Name: id, Fingerprint: fingerprints[0], CreatedAt: w.clock.now()}
	for _, f := range fingerprints[1:] {
		k.Older = append(k.Older, store.Secret{Fingerprint: f})
	}
	require.NoError(w.t, w.directory.AddKeys(ctx, 1<<20, []store.Key{k}, audited))
	w.set.Stale()
}

func (w *world) addTeam(t store.Team) store.Team {
	t.CreatedAt = w.clock.now()
	require.NoError(w.t, w.directory.AddTeam(ctx, MaxTeams, t, audited))
	w.set.Stale()
	return t
}

func (w *world) addBudget(b store.BudgetRow) store.BudgetRow {
	b.CreatedAt = w.clock.now()
	if b.Limit == 0 {
		b.Limit = 1 << 40
	}
	if b.Name == "" {
		b.Name = b.ID
	}
	require.NoError(w.t, w.directory.AddBudget(ctx, MaxBudgets, b, audited))
	w.set.Stale()
	return b
}

// team returns a team as it is stored.
func (w *world) team(id string) store.Team {
	list, _, err := w.directory.Budgets(ctx, 0)
	require.NoError(w.t, err)
	for _, t := range list.Teams {
		if t.ID == id {
			return t
		}
	}
	require.Fail(w.t, "no team "+id)
	return store.Team{}
}

// call makes a call that starts now.
func (w *world) call(tokens int64) usage.Call {
	w.calls++
	n := w.calls
	c := usage.Call{
		Role: usage.RoleCall, Start: w.clock.now(), Model: "m", Provider: "p",
		Trace: usage.TraceID{1, byte(n >> 16), byte(n >> 8), byte(n)}, Span: usage.SpanID{2, byte(n >> 16), byte(n >> 8), byte(n)},
		Tokens:          usage.Tokens{OutputText: tokens, Fields: usage.HasOutput},
		HasReportedCost: true, ReportedCost: usage.NanoUSD(3*tokens + 1),
	}
	c.ID = usage.SpanRecordID(c.Trace, c.Span)
	return c
}

func (w *world) commit(calls ...usage.Call) {
	require.NoError(w.t, w.ledger.Commit(ctx, usage.Batch{Calls: calls}))
}

// state returns the state of a budget.
func (w *world) state(id string) State {
	states, err := w.set.Get(ctx, id)
	require.NoError(w.t, err)
	require.Len(w.t, states, 1, id)
	return states[0]
}

func fingerprint(i int) string { return usage.Fingerprint(fmt.Sprint("key number ", i)) }
