package keyring

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"path/filepath"
	"slices"
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

var ctx = context.Background()

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

// world is a ring over a real ledger, which can be restarted.
type world struct {
	path      string
	clock     *clock
	ledger    *ledger.Ledger
	ring      *Registry
	directory store.Directory
	calls     int
	// retention is what the ledger is opened with; its zero value keeps everything.
	retention ledger.Options

	mu        sync.Mutex
	committed []ledger.Change // all changes
	stop      func()
}

func newWorld(dir string) *world {
	w := &world{path: filepath.Join(dir, "t.db"), clock: &clock{at: time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)}}
	w.open()
	return w
}

// update changes a stored key.
func (w *world) update(id string, change func(*store.Key)) error {
	for {
		keys, err := w.directory.KeysOf(ctx, []string{id})
		if err != nil || len(keys) == 0 {
			return errors.Join(err, store.ErrKeyUnknown)
		}
		change(&keys[0])
		if err := w.directory.UpdateKey(ctx, keys[0], store.AuditEntry{Action: "test"}); !errors.Is(err, store.ErrChanged) {
			return err
		}
	}
}

func (w *world) open() {
	engine, err := sqlite.Open(ctx, sqlite.Options{Path: w.path})
	if err != nil {
		panic(err)
	}
	w.directory = engine.Directory()
	o := w.retention
	o.Now = w.clock.now
	w.ledger, err = ledger.Open(ctx, engine, o)
	if err != nil {
		panic(err)
	}
	w.stop = w.ledger.Observe(func(c ledger.Commit) {
		w.mu.Lock()
		defer w.mu.Unlock()
		for _, d := range c.Changes { // which are valid only meanwhile
			call := *d.Call
			w.committed = append(w.committed, ledger.Change{Call: &call, N: d.N})
		}
	})
	w.ring = New(Options{Ledger: w.ledger, Keys: w.directory, Now: w.clock.now, Quota: store.Limits{Tokens: store.Budget{store.Ever: 1 << 40}}})
}

func (w *world) close() {
	w.ring.Close()
	w.stop()
	if err := w.ledger.Close(); err != nil {
		panic(err)
	}
}

func secret(i int) string { return fmt.Sprintf("key number %d", i) }

func (w *world) add(t require.TestingT, i int, change func(*store.Key)) store.Key {
	k := store.Key{ID: fmt.Sprint(i), Name: fmt.Sprint("name ", i), Fingerprint: usage.Fingerprint(secret(i)), CreatedAt: w.clock.now()}
	if change != nil {
		change(&k)
	}
	require.NoError(t, w.directory.AddKeys(ctx, 1<<30, []store.Key{k}, store.AuditEntry{Action: "test"}))
	w.ring.Stale()
	return k
}

// call makes a call that starts now.
func (w *world) call(i int, tokens int64) usage.Call {
	w.calls++
	n := w.calls
	c := usage.Call{
		Role: usage.RoleCall, Start: w.clock.now(), Model: "m", KeyFingerprint: usage.Fingerprint(secret(i)),
		Trace: usage.TraceID{1, byte(n >> 16), byte(n >> 8), byte(n)}, Span: usage.SpanID{2, byte(n >> 16), byte(n >> 8), byte(n)},
		Tokens:          usage.Tokens{OutputText: tokens, Fields: usage.HasOutput},
		HasReportedCost: true, ReportedCost: usage.NanoUSD(3 * tokens),
	}
	c.ID = usage.SpanRecordID(c.Trace, c.Span)
	return c
}

func (w *world) commit(t require.TestingT, calls ...usage.Call) {
	require.NoError(t, w.ledger.Commit(ctx, usage.Batch{Calls: calls}))
}

func (w *world) verify(t require.TestingT, q Query) Verdict {
	v, err := w.ring.Verify(ctx, q)
	require.NoError(t, err)
	return v
}

func TestOutcomes(t *testing.T) {
	w := newWorld(t.TempDir())
	defer w.close()
	now := w.clock.now()
	w.add(t, 1, nil)
	w.add(t, 2, func(k *store.Key) { k.RevokedAt = now })
	w.add(t, 3, func(k *store.Key) { k.ExpiresAt = now.Add(time.Hour) })
	w.add(t, 4, func(k *store.Key) { k.Disabled = true })
	w.add(t, 5, func(k *store.Key) { k.Models = []string{"gpt-*", "o3"} })
	w.add(t, 6, func(k *store.Key) {
		k.Older = []store.Secret{
			{Fingerprint: usage.Fingerprint("long gone"), Until: now.Add(-1)}, {Fingerprint: usage.Fingerprint("overlaps"), Until: now.Add(time.Minute)},
		}
	})
	check := func(want Outcome, key, model string) {
		t.Helper()
		require.Equal(t, want, w.verify(t, Query{Key: key, Model: model}).Outcome)
	}
	check(NoKey, "", "")
	check(Valid, secret(1), "")
	check(Unknown, secret(1)+" ", "")
	check(Unknown, usage.Fingerprint(secret(1)), "")
	check(Revoked, secret(2), "")
	check(Valid, secret(3), "")
	check(Disabled, secret(4), "")
	check(ModelMissing, secret(5), "")
	check(ModelRefused, secret(5), "claude")
	check(ModelRefused, secret(5), "o3-mini")
	check(Valid, secret(5), "GPT-5-mini")
	check(Valid, secret(6), "")
	check(Valid, "overlaps", "")
	check(Unknown, "long gone", "")
	w.clock.turn(time.Hour)
	check(Expired, secret(3), "")
	check(Unknown, "overlaps", "")
}

func TestMinuteLimits(t *testing.T) {
	w := newWorld(t.TempDir())
	defer w.close()
	w.add(t, 1, func(k *store.Key) { k.Limits.RequestsPerMinute = 3 })
	for range 3 {
		require.Equal(t, Valid, w.verify(t, Query{Key: secret(1)}).Outcome)
		w.clock.turn(10 * time.Second)
	}
	v := w.verify(t, Query{Key: secret(1)})
	require.Equal(t, OverLimit, v.Outcome)
	require.Equal(t, "requests_per_minute", v.Limit)
	require.Greater(t, v.RetryAfter, 25*time.Second)
	w.clock.turn(v.RetryAfter)
	require.Equal(t, Valid, w.verify(t, Query{Key: secret(1)}).Outcome)
	require.Equal(t, OverLimit, w.verify(t, Query{Key: secret(1)}).Outcome)

	w.add(t, 2, func(k *store.Key) { k.Limits.TokensPerMinute = 100 })
	require.Equal(t, Valid, w.verify(t, Query{Key: secret(2), Tokens: 60}).Outcome)
	require.Equal(t, OverLimit, w.verify(t, Query{Key: secret(2), Tokens: 60}).Outcome)
	w.commit(t, w.call(2, 90))
	v = w.verify(t, Query{Key: secret(2), Tokens: 20})
	require.Equal(t, "tokens_per_minute", v.Limit)
	require.EqualValues(t, 90, v.Left.TokensPerMinute.Used)
	require.Zero(t, v.Left.TokensPerMinute.Reserved)
	w.clock.turn(v.RetryAfter)
	require.Equal(t, Valid, w.verify(t, Query{Key: secret(2), Tokens: 20}).Outcome)
}

func TestPeriodsBeginAnew(t *testing.T) {
	w := newWorld(t.TempDir())
	defer w.close()
	w.add(t, 1, func(k *store.Key) {
		k.Limits.Tokens = store.Budget{100, 200, 300, 1000}
		k.Limits.Cost = store.Budget{store.Monthly: 1_000_000}
	})
	used := func() (out [4]int64) {
		require.NoError(t, w.ring.Fresh(ctx))
		for p, a := range w.ring.Left("1").Tokens {
			out[p] = a.Used
		}
		return out
	}
	w.commit(t, w.call(1, 70)) // a Wednesday
	require.Equal(t, [4]int64{70, 70, 70, 70}, used())
	tomorrow := w.call(1, 5)
	tomorrow.Start = w.clock.now().Add(13 * time.Hour)
	w.commit(t, tomorrow) // an emitter's clock runs ahead
	require.Equal(t, [4]int64{70, 75, 75, 75}, used())
	w.clock.turn(24 * time.Hour)
	require.Equal(t, [4]int64{5, 75, 75, 75}, used())
	late := w.call(1, 20)
	late.Start = w.clock.now().Add(-24 * time.Hour)
	w.commit(t, late) // yesterday's
	require.Equal(t, [4]int64{5, 95, 95, 95}, used())
	v := w.verify(t, Query{Key: secret(1), Tokens: 96})
	require.Equal(t, "tokens.day", v.Limit)
	require.Equal(t, 12*time.Hour, v.RetryAfter)
	w.clock.turn(4 * 24 * time.Hour) // Monday
	require.Equal(t, [4]int64{0, 0, 95, 95}, used())
	w.clock.turn(2 * 24 * time.Hour) // December
	require.Equal(t, [4]int64{0, 0, 0, 95}, used())
	before := used()
	w.close()
	w.open()
	require.Equal(t, before, used(), "the same after a restart")
	v = w.verify(t, Query{Key: secret(1), Tokens: 906})
	require.Equal(t, OverLimit, v.Outcome)
	require.Equal(t, never, v.RetryAfter)
}

// TestTotalDoesNotFillUp: what retention drops stays spent, also after a restart.
func TestTotalDoesNotFillUp(t *testing.T) {
	w := newWorld(t.TempDir())
	w.add(t, 1, func(k *store.Key) { k.Limits.Tokens = store.Budget{store.Monthly: 500, store.Ever: 1000} })
	for range 40 {
		w.commit(t, w.call(1, 10))
		w.clock.turn(time.Hour)
	}
	spent := func() [2]int64 {
		require.NoError(t, w.ring.Fresh(ctx))
		l := w.ring.Left("1")
		return [2]int64{l.Tokens[store.Monthly].Used, l.Tokens[store.Ever].Used}
	}
	require.Equal(t, [2]int64{400, 400}, spent())
	w.close()
	engine, err := sqlite.Open(ctx, sqlite.Options{Path: w.path})
	require.NoError(t, err)
	w.directory = engine.Directory()
	w.ledger, err = ledger.Open(ctx, engine, ledger.Options{Now: w.clock.now, MaxRecords: 7, RetentionInterval: time.Millisecond})
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		s, err := w.ledger.Status(ctx)
		return err == nil && s.Info.Records <= 7
	}, 2*time.Minute, time.Millisecond)
	w.ring = New(Options{Ledger: w.ledger, Keys: w.directory, Now: w.clock.now, Quota: store.Limits{Tokens: store.Budget{store.Ever: 5000}}})
	require.Equal(t, [2]int64{400, 400}, spent())
	require.EqualValues(t, 400, w.ring.Quota().Tokens[store.Ever].Used)
	w.close()
	w.open()
	defer w.close()
	require.Equal(t, [2]int64{400, 400}, spent())
	a, err := w.ledger.Query(ctx, ledger.Query{})
	require.NoError(t, err)
	require.LessOrEqual(t, a.Groups[0].Points[0].Tokens.Total(), int64(70), "the calls themselves are gone")
}

func TestReservationsSettleOnce(t *testing.T) {
	w := newWorld(t.TempDir())
	defer w.close()
	w.add(t, 1, func(k *store.Key) { k.Limits.Tokens = store.Budget{store.Ever: 10_000} })
	left := func() [2]int64 {
		a := w.ring.Left("1").Tokens[store.Ever]
		return [2]int64{a.Used, a.Reserved}
	}
	for range 3 {
		require.Equal(t, Valid, w.verify(t, Query{Key: secret(1), Tokens: 100}).Outcome)
	}
	require.Equal(t, [2]int64{0, 300}, left())
	agent := w.call(1, 7)
	agent.Role = usage.RoleAggregate
	w.commit(t, agent)
	require.Equal(t, [2]int64{7, 200}, left())
	w.commit(t, agent) // again
	require.Equal(t, [2]int64{7, 200}, left())
	chat := w.call(1, 9)
	chat.Trace, chat.Parent = agent.Trace, agent.Span
	chat.ID = usage.SpanRecordID(chat.Trace, chat.Span)
	w.commit(t, chat) // stands for the agent's: no further call
	require.Equal(t, [2]int64{9, 200}, left())
	old := w.call(1, 50)
	old.Start = w.clock.now().Add(-time.Hour)
	w.commit(t, old) // of before: no reservation was for it
	require.Equal(t, [2]int64{59, 200}, left())
	w.clock.turn(11 * time.Minute)
	require.Equal(t, [2]int64{59, 0}, left(), "expired")
	w.commit(t, w.call(1, 1)) // arrives after all
	require.Equal(t, [2]int64{60, 0}, left())
}

// TestReopen: two records that settled two reservations, and turn out to be one call, give one back.
func TestReopen(t *testing.T) {
	w := newWorld(t.TempDir())
	defer w.close()
	w.add(t, 1, func(k *store.Key) { k.Limits.Tokens = store.Budget{store.Ever: 10_000} })
	for range 2 {
		w.verify(t, Query{Key: secret(1), Tokens: 100})
	}
	parent, child := w.call(1, 7), w.call(1, 7)
	child.Trace, child.Parent = parent.Trace, usage.SpanID{77}
	child.ID = usage.SpanRecordID(child.Trace, child.Span)
	w.commit(t, parent)
	w.commit(t, child)
	require.Zero(t, w.ring.Left("1").Tokens[store.Ever].Reserved)
	require.NoError(t, w.ledger.Commit(ctx, usage.Batch{Parents: []usage.SpanParent{{Trace: parent.Trace, Span: usage.SpanID{77}, Parent: parent.Span}}}))
	a := w.ring.Left("1").Tokens[store.Ever]
	require.EqualValues(t, 7, a.Used)
	require.EqualValues(t, 100, a.Reserved)
}

// TestParallelChecksDoNotOvershoot: of many concurrent checks as many are valid as the limit allows.
func TestParallelChecksDoNotOvershoot(t *testing.T) {
	w := newWorld(t.TempDir())
	defer w.close()
	w.add(t, 1, func(k *store.Key) { k.Limits.Tokens[store.Daily] = 1_000 })
	var mu sync.Mutex
	valid := 0
	var all sync.WaitGroup
	for range 200 {
		all.Go(func() {
			v, err := w.ring.Verify(ctx, Query{Key: secret(1), Tokens: 100})
			mu.Lock()
			defer mu.Unlock()
			if err == nil && v.Outcome == Valid {
				valid++
			}
		})
	}
	all.Wait()
	require.Equal(t, 10, valid)
}

func TestLooking(t *testing.T) {
	w := newWorld(t.TempDir())
	defer w.close()
	for i := range 5 {
		w.add(t, i, func(k *store.Key) { k.Owner = fmt.Sprint("owner ", i%2) })
		w.clock.turn(time.Second)
	}
	require.NoError(t, w.ring.Fresh(ctx))
	ids := func(keys []*store.Key) (out []string) {
		for _, k := range keys {
			out = append(out, k.ID)
		}
		return out
	}
	require.Equal(t, []string{"0", "1", "2", "3", "4"}, ids(w.ring.All()))
	require.Equal(t, []string{"1", "3"}, ids(w.ring.Owned("owner 1")))
	require.Equal(t, []string{"2"}, ids(w.ring.Named("NAME 2")))
	require.NoError(t, w.update("3", func(k *store.Key) { k.Name, k.Owner = "Änder", "x" }))
	require.Empty(t, w.ring.Named("änder"), "read a moment ago")
	w.clock.turn(fresh)
	require.NoError(t, w.ring.Fresh(ctx))
	require.Equal(t, []string{"3"}, ids(w.ring.Named("änder")))
	require.Equal(t, []string{"1"}, ids(w.ring.Owned("owner 1")))
	require.Nil(t, w.ring.Key("unknown"))
	require.Nil(t, w.ring.ID("9"))
	require.Nil(t, w.ring.Left("9"))
}

func TestMatches(t *testing.T) {
	for pattern, models := range map[string][2][]string{
		"gpt-*":      {{"gpt-", "gpt-5", "GPT-5"}, {"gpt", "xgpt-5", ""}},
		"*":          {{"", "a"}, {}},
		"*mini*":     {{"mini", "gpt-5-mini-2026"}, {"min", "m-i-n-i"}},
		"a*b*c":      {{"abc", "aXbYc", "abbcbc"}, {"abcd", "ac", "acb"}},
		"llama3:8b":  {{"llama3:8b"}, {"llama3:8", "llama3:8bb"}},
		"":           {{""}, {"a"}},
		"a?c":        {{"a?c"}, {"abc"}},
		"meta/[a-z]": {{"meta/[a-z]"}, {"meta/a"}},
	} {
		for i, want := range []bool{true, false} {
			for _, m := range models[i] {
				require.Equal(t, want, matches(pattern, m), "%q, %q", pattern, m)
			}
		}
	}
}

// TestFullerDeliveriesAtOnce: fuller deliveries of a call that the ledger has forgotten but for its record,
// two of them in one commit, are spent once, while the registry follows and when it reads again.
func TestFullerDeliveriesAtOnce(t *testing.T) {
	w := newWorld(t.TempDir())
	defer func() { w.close() }()
	w.add(t, 1, func(k *store.Key) { k.Limits = generous })
	call := w.call(1, 129)
	w.commit(t, call)
	w.clock.turn(20 * day) // longer than records of one call may lie apart
	w.close()
	w.open()
	require.NoError(t, w.ring.Fresh(ctx))
	fuller := call
	fuller.Tokens.InputUncached, fuller.Tokens.Fields = 11, fuller.Tokens.Fields|usage.HasInput
	w.commit(t, fuller, fuller)
	used := func() int64 {
		require.NoError(t, w.ring.Fresh(ctx))
		return w.ring.Left("1").Tokens[store.Ever].Used
	}
	require.EqualValues(t, 140, used())
	w.close()
	w.open()
	require.EqualValues(t, 140, used(), "after a restart")
}

// TestGuessing: invalid keys of one source are limited, other sources and keys that cannot be guessed are not affected.
func TestGuessing(t *testing.T) {
	w := newWorld(t.TempDir())
	defer w.close()
	w.add(t, 1, func(k *store.Key) { k.Fingerprint = usage.Fingerprint("created here") })
	w.add(t, 2, func(k *store.Key) { k.Fingerprint, k.Imported = usage.Fingerprint("imported"), true })
	source, other := netip.MustParseAddr("2001:db8::1"), netip.MustParseAddr("2001:db8:0:1::1")
	for range defaultFailures {
		require.Equal(t, Unknown, w.verify(t, Query{Key: "wrong", Source: source}).Outcome)
	}
	neighbour := netip.MustParseAddr("2001:db8::2")
	require.Equal(t, Verdict{Outcome: TooManyFailures, RetryAfter: 3 * time.Second}, w.verify(t, Query{Key: "wrong", Source: neighbour}))
	require.Equal(t, TooManyFailures, w.verify(t, Query{Key: "imported", Source: source}).Outcome, "it may be a guess")
	require.Equal(t, Valid, w.verify(t, Query{Key: "created here", Source: source}).Outcome)
	require.Equal(t, Unknown, w.verify(t, Query{Key: "wrong", Source: other}).Outcome)
	require.Equal(t, Valid, w.verify(t, Query{Key: "imported", Source: other}).Outcome)
	w.clock.turn(3 * time.Second)
	require.Equal(t, Valid, w.verify(t, Query{Key: "imported", Source: source}).Outcome)
	require.Equal(t, Unknown, w.verify(t, Query{Key: "wrong", Source: source}).Outcome, "valid keys do not count")
	require.Equal(t, TooManyFailures, w.verify(t, Query{Key: "wrong", Source: source}).Outcome)
}

// BenchmarkVerify measures a check among 100,000 keys, each with limits.
func BenchmarkVerify(b *testing.B) {
	w := newWorld(b.TempDir())
	defer w.close()
	const n = 100_000
	keys := make([]store.Key, n)
	for i := range keys {
		keys[i] = store.Key{
			ID: fmt.Sprint(i), Name: fmt.Sprint(i), Fingerprint: usage.Fingerprint(secret(i)), CreatedAt: w.clock.now(), Models: []string{"gpt-*", "claude-*"},
			Limits: store.Limits{RequestsPerMinute: 1e9, TokensPerMinute: 1 << 50, Tokens: store.Budget{1 << 50, 1 << 50, 1 << 50, 1 << 50}},
		}
	}
	require.NoError(b, w.directory.AddKeys(ctx, n, keys, store.AuditEntry{Action: "test"}))
	started := time.Now()
	require.NoError(b, w.ring.Fresh(ctx))
	b.ReportMetric(time.Since(started).Seconds(), "s-to-load")
	w.ring.o.Now = time.Now
	took := make([]time.Duration, 0, b.N)
	for i := 0; b.Loop(); i++ {
		at := time.Now()
		v, err := w.ring.Verify(ctx, Query{Key: secret(i * 7919 % n), Model: "claude-opus"})
		took = append(took, time.Since(at))
		if err != nil || v.Outcome != Valid {
			b.Fatal(v.Outcome, err)
		}
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds()), "µs-p99")
}
