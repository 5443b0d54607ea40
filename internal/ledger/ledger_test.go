package ledger

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/store/postgres/pgtest"
	"github.com/tokenboard/tokenboard/internal/store/sqlite"
	"github.com/tokenboard/tokenboard/internal/usage"
)

func TestMain(m *testing.M) {
	flag.Parse()
	if flag.Lookup("test.bench").Value.String() == "" {
		inMemory()
	}
	os.Exit(pgtest.Main(m, &server))
}

func now() time.Time { return testStart.Add(time.Hour) }

// open opens the ledger in a folder.
func open(t require.TestingT, dir string, o Options) (*Ledger, *failing) {
	engine, err := sqlite.Open(context.Background(), sqlite.Options{Path: filepath.Join(dir, "t.db")})
	require.NoError(t, err)
	return openOn(t, engine, o)
}

// openWith opens the ledger in a folder with something between it and the engine.
func openWith(t require.TestingT, dir string, o Options, between func(fullEngine) fullEngine) (*Ledger, *failing) {
	engine, err := sqlite.Open(context.Background(), sqlite.Options{Path: filepath.Join(dir, "t.db")})
	require.NoError(t, err)
	return openOn(t, between(engine), o)
}

func openOn(t require.TestingT, engine fullEngine, o Options) (*Ledger, *failing) {
	if o.Now == nil {
		o.Now = now
	}
	f := newFailing(engine)
	l, err := Open(context.Background(), f, o)
	require.NoError(t, err)
	return l, f
}

func commit(t require.TestingT, l *Ledger, records ...testRecord) {
	require.NoError(t, l.Commit(context.Background(), batchOf(records)))
}

func batchOf(records []testRecord) usage.Batch {
	var b usage.Batch
	for _, r := range records {
		if r.isLink() {
			b.Parents = append(b.Parents, r.link())
		} else {
			b.Calls = append(b.Calls, r.call())
		}
	}
	return b
}

// total is the sums of everything.
func total(t require.TestingT, l *Ledger) Sums {
	a, err := l.Query(context.Background(), Query{})
	require.NoError(t, err)
	if len(a.Groups) == 0 {
		return Sums{}
	}
	require.Len(t, a.Groups, 1)
	return a.Groups[0].Points[0]
}

// stored returns all records as the store has them.
func stored(t require.TestingT, l *Ledger) []store.Record {
	var out []store.Record
	require.NoError(t, l.Scan(context.Background(), store.Filter{Superseded: true}, func(r *store.Record) error {
		out = append(out, *r)
		return nil
	}))
	return out
}

// requireConsistent checks that the sums in memory are those of the stored records.
func requireConsistent(t require.TestingT, l *Ledger) {
	var want Sums
	for _, r := range stored(t, l) {
		if r.Counted {
			want.Add(&r.Call, 1)
		}
	}
	got := total(t, l)
	requireSums(t, &want, &got)
}

func requireSums(t require.TestingT, want, got *Sums) {
	w, g := *want, *got
	require.Equal(t, w.Duration.Count(), g.Duration.Count())
	require.Equal(t, w.TTFT.Count(), g.TTFT.Count())
	for _, s := range []*Sums{&w, &g} {
		s.Duration, s.TTFT, s.Tokens.Fields = Histogram{}, Histogram{}, 0
	}
	require.Equal(t, w, g)
}

func TestCommitIsKept(t *testing.T) {
	dir := t.TempDir()
	l, _ := open(t, dir, Options{})
	commit(t, l, testRecord{name: "a", out: 5}, testRecord{name: "b", trace: "2", out: 7}, testRecord{name: "c", trace: "3"})
	want := total(t, l)
	require.EqualValues(t, 3, want.Calls)
	require.EqualValues(t, 12, want.Tokens.Output())
	require.EqualValues(t, 1, want.NoUsage)
	require.EqualValues(t, 2, want.Unpriced)
	require.NoError(t, l.Close())
	require.ErrorIs(t, l.Commit(context.Background(), batchOf([]testRecord{{name: "z", out: 1}})), ErrClosed)

	l, _ = open(t, dir, Options{})
	got := total(t, l)
	requireSums(t, &want, &got)
	require.NoError(t, l.Close())
}

func TestDeliveredTwiceChangesNothing(t *testing.T) {
	dir := t.TempDir()
	l, _ := open(t, dir, Options{})
	records := []testRecord{{name: "p", role: usage.RoleAggregate, out: 5}, {name: "c", parent: "p", out: 5}}
	for range 3 {
		commit(t, l, records...)
		require.EqualValues(t, 1, total(t, l).Calls)
	}
	require.NoError(t, l.Close())
	l, _ = open(t, dir, Options{}) // a restart apart
	commit(t, l, records...)
	require.EqualValues(t, 1, total(t, l).Calls)
	require.Len(t, stored(t, l), 2)
	status, err := l.Status(context.Background())
	require.NoError(t, err)
	require.EqualValues(t, 2, status.Counters.Duplicates)
	require.NoError(t, l.Close())
}

// TestOldDuplicate delivers again what is older than the correlation window: only the store
// still has it.
func TestOldDuplicate(t *testing.T) {
	dir := t.TempDir()
	old := testRecord{name: "a", out: 5, at: -48 * time.Hour}
	l, _ := open(t, dir, Options{})
	commit(t, l, old)
	require.NoError(t, l.Close())
	later := Options{Now: func() time.Time { return now().Add(48 * time.Hour) }}
	l, _ = open(t, dir, later)
	commit(t, l, old)
	require.EqualValues(t, 1, total(t, l).Calls)
	old.out = 9
	commit(t, l, old)
	require.EqualValues(t, 1, total(t, l).Calls)
	require.EqualValues(t, 9, total(t, l).Tokens.Output())
	requireConsistent(t, l)
	require.NoError(t, l.Close())
}

func TestMoreCompleteDeliveryWins(t *testing.T) {
	partial := testRecord{name: "a", out: 1}
	full := testRecord{name: "a", out: 50, at: time.Second} // another start: another row of the store
	for name, order := range map[string][][]testRecord{
		"partial first":                {{partial}, {full}},
		"full first":                   {{full}, {partial}},
		"in one batch":                 {{partial, full}},
		"in one batch, full first":     {{full, partial}},
		"three times":                  {{partial}, {full, partial}, {full}},
		"partial, then twice the full": {{partial}, {full}, {full}},
	} {
		t.Run(name, func(t *testing.T) {
			l, _ := open(t, t.TempDir(), Options{})
			for _, b := range order {
				commit(t, l, b...)
			}
			require.EqualValues(t, 1, total(t, l).Calls)
			require.EqualValues(t, 50, total(t, l).Tokens.Output())
			require.Len(t, stored(t, l), 1)
			require.Equal(t, testStart.Add(time.Second), stored(t, l)[0].Start)
			require.NoError(t, l.Close())
		})
	}
}

// TestLateChild: a parent that was counted is superseded when its child comes, also after a
// restart, and the sums are corrected with it.
func TestLateChild(t *testing.T) {
	dir := t.TempDir()
	l, _ := open(t, dir, Options{})
	commit(t, l, testRecord{name: "p", role: usage.RoleAggregate, out: 5})
	require.EqualValues(t, 5, total(t, l).Tokens.Output())
	commit(t, l, testRecord{name: "x", parent: "p", role: linkRole})
	require.NoError(t, l.Close())

	l, _ = open(t, dir, Options{})
	commit(t, l, testRecord{name: "c", parent: "x", out: 4})
	sums := total(t, l)
	require.EqualValues(t, 1, sums.Calls)
	require.EqualValues(t, 4, sums.Tokens.Output())
	requireConsistent(t, l)
	for _, r := range stored(t, l) {
		if r.Role == usage.RoleAggregate {
			require.False(t, r.Counted)
			require.Equal(t, store.ReasonAncestor, r.Reason)
			require.Equal(t, testRecord{name: "c"}.call().ID, r.SupersededBy)
		}
	}
	require.NoError(t, l.Close())
}

// TestFailedWrite: after an error nothing has changed, and the same batch can be sent again.
func TestFailedWrite(t *testing.T) {
	l, engine := open(t, t.TempDir(), Options{})
	commit(t, l, testRecord{name: "p", role: usage.RoleAggregate, out: 5})
	before := total(t, l)
	engine.fail.Store(true)
	batch := []testRecord{{name: "c", parent: "p", out: 4}, {name: "d", trace: "2", out: 1}, {name: "p", role: usage.RoleAggregate, out: 6}}
	for range 3 {
		require.ErrorIs(t, l.Commit(context.Background(), batchOf(batch)), errDiskFull)
		after := total(t, l)
		requireSums(t, &before, &after)
		requireConsistent(t, l)
	}
	engine.fail.Store(false)
	commit(t, l, batch...)
	require.EqualValues(t, 2, total(t, l).Calls)
	require.EqualValues(t, 5, total(t, l).Tokens.Output())
	requireConsistent(t, l)
	require.NoError(t, l.Close())
}

func TestRefused(t *testing.T) {
	l, _ := open(t, t.TempDir(), Options{MaxAge: 30 * 24 * time.Hour})
	noClock := testRecord{name: "n", out: 1}.call()
	noClock.Start = time.Unix(0, 0)
	noID := testRecord{name: "i", out: 1}.call()
	noID.ID = usage.ID{}
	b := batchOf([]testRecord{
		{name: "old", trace: "1", out: 1, at: -40 * 24 * time.Hour},
		{name: "ahead", trace: "2", out: 1, at: 48 * time.Hour},
		{name: "good", trace: "3", out: 1},
	})
	b.Calls = append(b.Calls, noClock, noID)
	require.NoError(t, l.Commit(context.Background(), b))
	require.EqualValues(t, 1, total(t, l).Calls)
	status, err := l.Status(context.Background())
	require.NoError(t, err)
	require.EqualValues(t, 1, status.Counters.RefusedOld)
	require.EqualValues(t, 1, status.Counters.RefusedNew)
	require.EqualValues(t, 2, status.Counters.RefusedBad)
	require.NoError(t, l.Close())
}

// TestConcurrentCommits: what many senders got an answer for is all there, once.
func TestConcurrentCommits(t *testing.T) {
	l, _ := open(t, t.TempDir(), Options{})
	var wg sync.WaitGroup
	const senders, each = 8, 50
	for s := range senders {
		wg.Go(func() {
			for i := range each {
				r := testRecord{name: fmt.Sprint(s, "-", i), trace: fmt.Sprint(s, "-", i/5), out: 1}
				if l.Commit(context.Background(), batchOf([]testRecord{r, r})) != nil {
					t.Error("commit failed")
				}
				if i%10 == 0 {
					total(t, l)
				}
			}
		})
	}
	wg.Wait()
	require.EqualValues(t, senders*each, total(t, l).Calls)
	requireConsistent(t, l)
	require.NoError(t, l.Close())
}

// TestMemoryIsBounded: over MaxSpans the traces that were quiet for longest are forgotten, and
// the count of them is reported; a duplicate of a forgotten record is still one.
func TestMemoryIsBounded(t *testing.T) {
	l, _ := open(t, t.TempDir(), Options{MaxSpans: 10})
	for i := range 30 {
		commit(t, l, testRecord{name: fmt.Sprint(i), trace: fmt.Sprint(i), out: 1})
	}
	require.LessOrEqual(t, l.index.Size(), 10)
	commit(t, l, testRecord{name: "0", trace: "0", out: 1})
	require.EqualValues(t, 30, total(t, l).Calls)
	status, err := l.Status(context.Background())
	require.NoError(t, err)
	require.EqualValues(t, 20, status.Counters.Evicted)
	require.NoError(t, l.Close())
}

// fixed prices every call with output at one amount, and has no other.
type fixed usage.NanoUSD

func (f fixed) Version() string { return "fixed" }

func (f fixed) Price(c *usage.Call) (usage.NanoUSD, bool) {
	return usage.NanoUSD(f), c.Tokens.Fields&usage.HasOutput != 0
}

// flexOnly is a fixed price that is known for the tier flex only.
type flexOnly struct{ fixed }

func (flexOnly) PricesTier(c *usage.Call) bool { return c.Tier == usage.TierFlex }

func TestCost(t *testing.T) {
	flex, scale, reportedScale := usage.Call{Tier: usage.TierFlex}, usage.Call{Tier: usage.TierScale}, usage.Call{Tier: usage.TierScale, HasReportedCost: true, ReportedCost: 7}
	for _, c := range []*usage.Call{&flex, &scale, &reportedScale} {
		c.Tokens = usage.Tokens{OutputText: 1, Fields: usage.HasOutput}
	}
	scale.Quality = usage.TierUnpriced // it says so of another price book
	reported := usage.Call{HasReportedCost: true, ReportedCost: 7, Tokens: usage.Tokens{OutputText: 1, Fields: usage.HasOutput}}
	told := usage.Call{Tokens: usage.Tokens{OutputText: 1, Fields: usage.HasOutput}}
	unknown := usage.Call{Tokens: usage.Tokens{InputUncached: 1, Fields: usage.HasInput}}
	silent := usage.Call{}
	for _, tc := range []struct {
		name    string
		o       Options
		call    usage.Call
		cost    usage.NanoUSD
		quality usage.Quality
	}{
		{"no book, reported", Options{}, reported, 7, usage.ReportedCost},
		{"no book, not reported", Options{}, told, 0, usage.Unpriced},
		{"computed before reported", Options{Prices: fixed(5)}, reported, 5, 0},
		{"reported before computed", Options{Prices: fixed(5), PreferReported: true}, reported, 7, usage.ReportedCost},
		{"computed where nothing is reported", Options{Prices: fixed(5), PreferReported: true}, told, 5, 0},
		{"not in the book", Options{Prices: fixed(5)}, unknown, 0, usage.Unpriced},
		{"a tier with a price", Options{Prices: flexOnly{5}}, flex, 5, 0},
		{"a tier without a price", Options{Prices: flexOnly{5}}, scale, 5, usage.TierUnpriced},
		{"a book without tiers", Options{Prices: fixed(5)}, scale, 5, 0},
		{"a tier without a price, reported", Options{Prices: flexOnly{5}, PreferReported: true}, reportedScale, 7, usage.ReportedCost},
		{"no usage", Options{Prices: fixed(5)}, silent, 0, usage.NoUsage},
	} {
		l := &Ledger{o: tc.o}
		c := tc.call
		l.setCost(&c)
		require.Equal(t, tc.cost, c.Cost, tc.name)
		require.Equal(t, tc.quality, c.Quality, tc.name)
	}
}

// TestMoreCompleteDeliveryLosesItsTwin: a call that was a partial record's twin counts again when the full
// record shows that it is another call.
func TestMoreCompleteDeliveryLosesItsTwin(t *testing.T) {
	l, _ := open(t, t.TempDir(), Options{})
	a := testRecord{name: "a", trace: "1", out: 5, process: 1, scope: "x", lasts: time.Second}
	b := testRecord{name: "b", trace: "2", out: 6, process: 1, scope: "y", lasts: time.Second}
	commit(t, l, a, b)
	require.EqualValues(t, 6, total(t, l).Tokens.Output(), "twins")
	b.out = 50
	commit(t, l, b)
	require.EqualValues(t, 55, total(t, l).Tokens.Output())
	requireConsistent(t, l)
	require.NoError(t, l.Close())

	l, _ = open(t, t.TempDir(), Options{NoTwins: true})
	b.out = 6
	commit(t, l, a, b)
	require.EqualValues(t, 11, total(t, l).Tokens.Output(), "twins are not looked for")
	require.NoError(t, l.Close())
}
