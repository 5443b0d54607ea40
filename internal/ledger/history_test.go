package ledger

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/tokenboard/tokenboard/internal/rollup"
	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/store/sqlite"
	"github.com/tokenboard/tokenboard/internal/store/storetest"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// TestEveryOrder is the property that the ledger stands for (ACCOUNTING.md, 6): whatever the order,
// the batches, the repetitions, the senders at once, the failed writes, those whose outcome is not known at
// once, and the restarts, the ledger and every sum equal those of the reference accountant over all records at once.
func TestEveryOrder(t *testing.T) {
	for name, history := range map[string]func(*rapid.T) []testRecord{"traces": traceHistory, "noise": noiseHistory} {
		t.Run(name, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) { requireReference(t, onSQLite, history(t), rapid.Uint64().Draw(t, "seed")) })
		})
	}
}

// onSQLite opens the database of a folder, with so many numbers for texts.
func onSQLite(t require.TestingT, dir tempDir, texts int) func() fullEngine {
	return func() fullEngine {
		e, err := sqlite.Open(context.Background(), sqlite.Options{Path: filepath.Join(dir.sub("store"), "t.db"), MaxTexts: texts})
		require.NoError(t, err)
		return e
	}
}

// requireReference plays a history into a ledger and compares it with the reference.
func requireReference(t require.TestingT, on func(require.TestingT, tempDir, int) func() fullEngine, records []testRecord, seed uint64) {
	dir, err := filepathTemp()
	require.NoError(t, err)
	defer dir.remove()
	rng := rand.New(rand.NewPCG(seed, 0))
	shuffled := slices.Clone(records)
	for _, r := range records {
		if rng.IntN(3) == 0 {
			shuffled = append(shuffled, r)
		}
	}
	rng.Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
	o, texts := Options{}, 0
	if rng.IntN(2) == 0 { // with room for few names
		o.MaxValues, texts = 1+rng.IntN(3), 1+rng.IntN(3)
	}
	engineOf := on(t, dir, texts)
	begin := func() (*Ledger, *failing) { return openOn(t, engineOf(), o) }
	l, engine := begin()
	for len(shuffled) > 0 {
		n := 1 + rng.IntN(len(shuffled))
		cut := rng.IntN(n + 1)
		if rng.IntN(4) == 0 {
			engine.fail.Store(true)
			_ = l.Commit(context.Background(), batchOf(shuffled[:n])) // fails, unless the batch has nothing new
			engine.fail.Store(false)
		}
		engine.Next(storetest.Fault(rng.IntN(int(storetest.FaultCount))), rng.IntN(3))
		var senders sync.WaitGroup // two at once
		var errs [2]error
		for i, part := range [][]testRecord{shuffled[:cut], shuffled[cut:n]} {
			senders.Go(func() { // as an exporter's queue does, until it is taken
				for errs[i] = storetest.ErrFault; errors.Is(errs[i], storetest.ErrFault); {
					errs[i] = l.Commit(context.Background(), batchOf(part))
				}
			})
		}
		senders.Wait()
		require.NoError(t, cmp.Or(errs[0], errs[1]))
		shuffled = shuffled[n:]
		if rng.IntN(4) == 0 {
			engine.Next(storetest.Fault(rng.IntN(int(storetest.FaultCount))), rng.IntN(3))
			engine.failSums.Store(rng.IntN(2) == 0)
			require.NoError(t, l.Close())
			l, engine = begin()
		}
	}
	requireVerdicts(t, l, batchOf(records))
	require.NoError(t, l.Close())
	l, _ = begin()
	requireVerdicts(t, l, batchOf(records))
	require.NoError(t, l.Close())
}

// requireVerdicts compares a ledger with the reference: which records count, for whom, and all sums.
func requireVerdicts(t require.TestingT, l *Ledger, b usage.Batch) {
	requireCounts(t, l, b)
	all := total(t, l)
	series := l.series.Total() // nobody writes now
	requireSums(t, &Sums{Counts: all.Counts}, &series)
}

// requireCounts is requireVerdicts without the series.
func requireCounts(t require.TestingT, l *Ledger, b usage.Batch) {
	want := reference(b, 24*time.Hour)
	got := map[usage.ID]refVerdict{}
	users := map[string]int64{}
	for _, r := range stored(t, l) {
		v := refVerdict{counted: r.Counted}
		if r.Counted {
			v.who = usage.Attribution{KeyFingerprint: r.KeyFingerprint, KeyDisplay: r.KeyDisplay, User: r.User, Project: r.Project, Session: r.Session, Account: r.Account, Tier: r.Tier, ErrorMessage: r.ErrorMessage}
			require.Equal(t, store.ReasonNone, r.Reason)
			users[r.User] += r.Tokens.Total()
		} else {
			require.NotEqual(t, store.ReasonNone, r.Reason, "who does not count has a reason")
		}
		got[r.ID] = v
	}
	require.Equal(t, names(want, b), names(got, b))
	require.Equal(t, want, got)
	requireConsistent(t, l)
	a, err := l.Query(context.Background(), Query{By: ByUser})
	require.NoError(t, err)
	sums, others := map[string]int64{}, int64(0)
	for _, g := range a.Groups {
		sums[g.Value] = g.Points[0].Tokens.Total()
	}
	for user, tokens := range users {
		if l.o.MaxValues > 0 { // some calls may be summed as those of others
			require.LessOrEqual(t, sums[user], tokens)
			others += tokens - sums[user]
			sums[user] = tokens
		}
		of, err := l.Query(context.Background(), Query{Filter: store.Filter{Users: []string{user}}})
		require.NoError(t, err)
		require.Len(t, of.Groups, 1)
		require.Equal(t, tokens, of.Groups[0].Points[0].Tokens.Total(), "a question about one value is exact")
	}
	require.Equal(t, others, sums[rollup.Overflow.Value])
	delete(sums, rollup.Overflow.Value)
	require.Equal(t, users, sums)
}

// names lists what counts in words, for a failure that can be read.
func names(verdicts map[usage.ID]refVerdict, b usage.Batch) []string {
	var out []string
	for _, c := range b.Calls {
		if v := verdicts[c.ID]; v.counted {
			out = append(out, fmt.Sprintf("%s span %s %s out=%d", c.Trace, c.Span, c.Start.Format(time.TimeOnly), c.Tokens.Output()))
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// traceHistory makes applications: an agent whose steps call models through layers (a framework, an
// SDK, a gateway of another process), each of which may report usage, an id, a key or a user; tools,
// retries, calls without usage, log records beside spans, other libraries that see the same call,
// and partial deliveries. Lines are up to six spans deep.
func traceHistory(t *rapid.T) []testRecord {
	g := &historian{T: t}
	for trace := range rapid.IntRange(1, 3).Draw(t, "traces") {
		g.trace = fmt.Sprint(trace)
		g.at = time.Duration(rapid.IntRange(0, 3).Draw(t, "begins")) * 500 * time.Millisecond
		g.agent("", 0)
	}
	return g.out
}

type historian struct {
	*rapid.T
	out   []testRecord
	trace string
	at    time.Duration
}

func (g *historian) chance(n int, of string) bool { return rapid.IntRange(1, n).Draw(g.T, of) == 1 }

// report adds a record and returns its name.
func (g *historian) report(r testRecord) string {
	r.name = fmt.Sprint("s", len(g.out))
	if r.trace == "" {
		r.trace = g.trace
	}
	if g.chance(4, "has an owner") {
		r.attribution = usage.Attribution{User: rapid.SampledFrom([]string{"", "ann", "bob"}).Draw(g.T, "user"), KeyFingerprint: rapid.SampledFrom([]string{"", "k1"}).Draw(g.T, "key")}
		r.attribution.Account = rapid.SampledFrom([]string{"", "01ab", "02cd"}).Draw(g.T, "account")
		r.attribution.ErrorMessage = rapid.SampledFrom([]string{"", "slow down", "bad key"}).Draw(g.T, "message")
		r.attribution.Tier = rapid.SampledFrom([]usage.Tier{usage.TierUnknown, usage.TierStandard, usage.TierBatch}).Draw(g.T, "tier")
	}
	g.out = append(g.out, r)
	if r.out > 2 && !r.isLink() && g.chance(5, "partial first") {
		r.out -= 2
		g.out = append(g.out, r)
	}
	return r.name
}

// agent returns an agent, its steps, and what they call.
func (g *historian) agent(parent string, depth int) {
	agent := testRecord{parent: parent, role: usage.RoleAggregate, scope: "framework", process: 1, at: g.at, out: int64(rapid.IntRange(1, 9).Draw(g.T, "sum"))}
	if g.chance(2, "no usage on the agent") {
		agent.role, agent.out = linkRole, 0
	}
	top := g.report(agent)
	for range rapid.IntRange(1, 3).Draw(g.T, "steps") {
		under := top
		if g.chance(3, "foreign span") {
			under = g.report(testRecord{parent: top, role: linkRole})
		}
		g.call(under, depth)
		if depth < 1 && g.chance(4, "tool") {
			tool := g.report(testRecord{parent: under, role: usage.RoleTool, scope: "framework", process: 1})
			g.agent(tool, depth+1)
		}
	}
}

// call returns one model call, by one to three layers, with or without retries.
func (g *historian) call(parent string, depth int) {
	failed := g.chance(6, "failed")
	out := int64(rapid.IntRange(3, 6).Draw(g.T, "out"))
	response := rapid.SampledFrom([]string{"", "r1", "r2"}).Draw(g.T, "response")
	layers := rapid.IntRange(1, 3).Draw(g.T, "layers")
	for layer := range layers {
		r := testRecord{
			parent: parent, role: usage.RoleCall, at: g.at + time.Duration(layer)*time.Millisecond, lasts: time.Second - 2*time.Duration(layer)*time.Millisecond,
			scope: []string{"framework", "sdk", "gateway"}[layer], process: []uint64{1, 1, 2}[layer], failed: failed, response: response, in: 10, out: out,
			operation: "chat", model: rapid.SampledFrom([]string{"m", "m", "m-2026-01-01"}).Draw(g.T, "model"),
		}
		if failed || g.chance(5, "no usage") {
			r.out = 0
		}
		if g.chance(3, "one off") && r.out > 0 {
			r.out++
		}
		if g.chance(2, "no id") {
			r.response = ""
		}
		if g.chance(4, "another trace") {
			r.parent, r.trace = "", fmt.Sprint("apart", len(g.out))
		}
		name := g.report(r)
		if r.trace == "" {
			parent = name
		}
		if g.chance(5, "log") {
			l := r
			l.log, l.parent, l.scope = true, name, "events"
			if g.chance(2, "traceless") {
				l.trace = "-"
			}
			g.report(l)
		}
	}
	g.at += time.Duration(rapid.IntRange(0, 4).Draw(g.T, "pause")) * 300 * time.Millisecond
}

// noiseHistory makes records that no emitter sends: spans that are each other's parents, ids shared
// by what has nothing in common, everything at once.
func noiseHistory(t *rapid.T) []testRecord {
	var out []testRecord
	for i := range rapid.IntRange(1, 30).Draw(t, "records") {
		r := testRecord{
			name:      fmt.Sprint("s", i),
			trace:     rapid.SampledFrom([]string{"1", "2", "3"}).Draw(t, "trace"),
			role:      rapid.SampledFrom([]usage.Role{usage.RoleCall, usage.RoleCall, usage.RoleAggregate, usage.RoleTool, linkRole}).Draw(t, "role"),
			scope:     rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "scope"),
			process:   rapid.Uint64Range(0, 1).Draw(t, "process"),
			at:        time.Duration(rapid.IntRange(0, 5).Draw(t, "at")) * time.Second,
			out:       rapid.Int64Range(0, 3).Draw(t, "out"),
			lasts:     time.Duration(rapid.IntRange(0, 3).Draw(t, "lasts")) * time.Second,
			log:       rapid.IntRange(0, 5).Draw(t, "log") == 0,
			failed:    rapid.IntRange(0, 5).Draw(t, "failed") == 0,
			operation: rapid.SampledFrom([]string{"chat", "chat", "embeddings"}).Draw(t, "operation"),
			attribution: usage.Attribution{User: rapid.SampledFrom([]string{"", "", "ann", "bob"}).Draw(t, "user"), Tier: rapid.SampledFrom([]usage.Tier{usage.TierUnknown, usage.TierFlex}).Draw(t, "tier"),
				ErrorMessage: rapid.SampledFrom([]string{"", "slow down", "bad key"}).Draw(t, "message")},
		}
		if i > 0 && rapid.IntRange(0, 3).Draw(t, "root") > 0 {
			p := rapid.IntRange(0, i+1).Draw(t, "parent") // sometimes itself, or a span that comes later
			r.parent = fmt.Sprint("s", p)
			if p < i {
				if r.trace = out[min(p, len(out)-1)].trace; r.trace == "-" {
					r.trace = "1"
				}
			}
		}
		if rapid.IntRange(0, 3).Draw(t, "has id") == 0 {
			r.response = rapid.SampledFrom([]string{"r1", "r2"}).Draw(t, "response")
		}
		if rapid.IntRange(0, 3).Draw(t, "has request") == 0 {
			r.request = rapid.SampledFrom([]string{"q1", "q2"}).Draw(t, "request")
		}
		if rapid.IntRange(0, 4).Draw(t, "has group") == 0 {
			r.group, r.echo = "g", rapid.Bool().Draw(t, "echo")
		}
		if r.log {
			r.role = usage.RoleCall
			if rapid.IntRange(0, 2).Draw(t, "traceless") == 0 {
				r.trace = "-"
			}
		}
		if r.role == usage.RoleAggregate && r.out == 0 {
			r.role = linkRole
		}
		out = append(out, r)
		if r.out > 1 && !r.isLink() && rapid.IntRange(0, 4).Draw(t, "partial") == 0 {
			r.out, r.at = r.out-1, r.at+time.Second
			out = append(out, r)
		}
	}
	return out
}
