package ledger

import (
	"context"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/usage"
)

// perToken prices output tokens by model.
type perToken struct {
	version string
	models  map[string]usage.NanoUSD
}

func (p perToken) Version() string { return p.version }

func (p perToken) Price(c *usage.Call) (usage.NanoUSD, bool) {
	rate, ok := p.models[c.Model]
	return rate * usage.NanoUSD(c.Tokens.Output()), ok
}

var (
	oldPrices = perToken{"old", map[string]usage.NanoUSD{"a": 2, "b": 3, "gone": 7}}
	newPrices = perToken{"new", map[string]usage.NanoUSD{"a": 5, "b": 3, "c": 11}}
)

// repriceable is some of everything: calls that count and calls that do not, with and without a price
// before and after, more of one start than one chunk holds.
func repriceable() usage.Batch {
	models := []string{"a", "b", "c", "gone"}
	var records []testRecord
	for i := range 1_400 {
		n := strconv.Itoa(i)
		at := time.Duration(0)
		if i >= 700 {
			at = time.Duration(i) * time.Second
		}
		records = append(records, testRecord{name: n, parent: "p" + n, trace: n, out: int64(i%9 + 1), model: models[i%4], at: at, failed: i%5 == 0})
		if i%7 == 0 {
			records = append(records, testRecord{name: "p" + n, trace: n, role: usage.RoleAggregate, out: int64(i%9 + 1), model: models[i%4], at: at})
		}
	}
	records = append(records, testRecord{name: "silent", trace: "silent", model: "a"})
	b := batchOf(records)
	reported := testRecord{name: "reported", trace: "reported", out: 4, model: "gone"}.call()
	reported.ReportedCost, reported.HasReportedCost = 99, true
	estimated := testRecord{name: "estimated", trace: "estimated", out: 4, model: "a"}.call()
	estimated.Quality = usage.Estimated
	b.Calls = append(b.Calls, reported, estimated)
	return b
}

// opened returns a ledger with calls that were stored under the old prices, and the new prices now.
func opened(t *testing.T) (*Ledger, *failing) {
	t.Helper()
	dir := t.TempDir()
	l, _ := open(t, dir, Options{Prices: oldPrices})
	require.NoError(t, l.Commit(context.Background(), repriceable()))
	require.NoError(t, l.Close())
	l, f := open(t, dir, Options{Prices: newPrices})
	t.Cleanup(func() { require.NoError(t, l.Close()) })
	return l, f
}

// requirePricedAnew checks that a ledger is as if all had come under the new prices.
func requirePricedAnew(t *testing.T, l *Ledger) {
	t.Helper()
	fresh, _ := open(t, t.TempDir(), Options{Prices: newPrices})
	defer func() { require.NoError(t, fresh.Close()) }()
	require.NoError(t, fresh.Commit(context.Background(), repriceable()))
	require.Equal(t, stored(t, fresh), stored(t, l))
	want, got := total(t, fresh), total(t, l)
	requireSums(t, &want, &got)
	requireConsistent(t, l)
}

func TestReprice(t *testing.T) {
	l, _ := opened(t)
	before, records := total(t, l), stored(t, l)
	dry, err := l.Reprice(context.Background(), RepriceRequest{DryRun: true})
	require.NoError(t, err)
	require.Equal(t, records, stored(t, l), "a dry run changes nothing")
	require.Equal(t, before, total(t, l))

	start, err := l.Query(context.Background(), Query{})
	require.NoError(t, err)
	followed := start.Groups[0].Points[0]
	var mu sync.Mutex
	last := start.Commit
	stop := l.Observe(func(c Commit) {
		mu.Lock()
		defer mu.Unlock()
		last = c.Number
		for i := range c.Changes {
			followed.Add(c.Changes[i].Call, c.Changes[i].N)
		}
	})
	defer stop()
	done, err := l.Reprice(context.Background(), RepriceRequest{})
	require.NoError(t, err)
	requirePricedAnew(t, l)
	mu.Lock()
	after := total(t, l)
	requireSums(t, &after, &followed)
	require.Greater(t, last, start.Commit+1, "in chunks")
	mu.Unlock()

	require.True(t, dry.DryRun)
	dry.DryRun = false
	require.Equal(t, dry, done, "a dry run reports what the run does")
	require.Equal(t, "new", done.PriceVersion)
	require.Equal(t, int64(len(records)), done.Records)
	require.Equal(t, before.Calls, done.Total.Calls)
	require.Equal(t, before.Cost, done.Total.Old)
	require.Equal(t, after.Cost, done.Total.New)
	require.Equal(t, after.Unpriced-before.Unpriced, done.Total.NowUnpriced-done.Total.NewlyPriced)
	by := map[string]Repriced{}
	var sum Repriced
	for _, m := range done.Models {
		by[m.Model] = m.Repriced
		sum.Calls += m.Calls
		sum.Old += m.Old
		sum.New += m.New
	}
	require.Equal(t, done.Total.Calls, sum.Calls)
	require.Equal(t, done.Total.New-done.Total.Old, sum.New-sum.Old)
	require.EqualValues(t, 350, by["c"].NewlyPriced)
	require.Zero(t, by["c"].Old)
	require.EqualValues(t, 350, by["gone"].NowUnpriced, "the one with a reported cost shows that")
	require.EqualValues(t, 99, by["gone"].New)
	require.Zero(t, by["b"].Changed)
	require.EqualValues(t, 351, by["a"].Changed, "not the one without usage")

	again, err := l.Reprice(context.Background(), RepriceRequest{})
	require.NoError(t, err)
	require.Zero(t, again.Written, "done before")
	require.Zero(t, again.Total.Changed)
	require.Equal(t, after.Cost, again.Total.Old)
}

// TestRepriceARange: what is not asked for stays.
func TestRepriceARange(t *testing.T) {
	for _, tc := range []struct {
		name string
		ask  RepriceRequest
		want func(c *usage.Call) bool
	}{
		{"from", RepriceRequest{From: testStart.Add(900 * time.Second)}, func(c *usage.Call) bool { return !c.Start.Before(testStart.Add(900 * time.Second)) }},
		{"to", RepriceRequest{To: testStart.Add(900 * time.Second)}, func(c *usage.Call) bool { return c.Start.Before(testStart.Add(900 * time.Second)) }},
		{"model", RepriceRequest{Models: []string{"a", "none"}}, func(c *usage.Call) bool { return c.Model == "a" }},
		{"provider", RepriceRequest{Providers: []string{"nobody"}}, func(*usage.Call) bool { return false }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			l, _ := opened(t)
			before := stored(t, l)
			_, err := l.Reprice(context.Background(), tc.ask)
			require.NoError(t, err)
			for i, r := range stored(t, l) {
				if !tc.want(&r.Call) {
					require.Equal(t, before[i], r)
					continue
				}
				want := r.Call
				l.setCost(&want)
				require.Equal(t, want, r.Call)
			}
			requireConsistent(t, l)
		})
	}
}

// TestRepriceInterrupted: what ends it early leaves a ledger that is whole; again does the rest.
func TestRepriceInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	l, f := opened(t)
	stop := l.Observe(func(Commit) { cancel() }) // after the first chunk
	report, err := l.Reprice(ctx, RepriceRequest{})
	require.ErrorIs(t, err, context.Canceled)
	require.EqualValues(t, repriceChunk, report.Records, "it reports how far it came")
	requireConsistent(t, l)
	stop()

	stop = l.Observe(func(Commit) { f.fail.Store(true) })
	report, err = l.Reprice(context.Background(), RepriceRequest{})
	require.ErrorIs(t, err, errDiskFull)
	require.Positive(t, report.Written)
	require.Less(t, report.Written, int64(repriceChunk)*2)
	requireConsistent(t, l)
	stop()
	f.fail.Store(false)

	_, err = l.Reprice(context.Background(), RepriceRequest{})
	require.NoError(t, err)
	requirePricedAnew(t, l)
}

// TestRepriceUnderLoad: senders commit in between, and nothing is lost or counted twice.
func TestRepriceUnderLoad(t *testing.T) {
	l, _ := opened(t)
	want := total(t, l).Calls
	var senders sync.WaitGroup
	for s := range 4 {
		senders.Go(func() {
			for i := range 20 {
				n := strconv.Itoa(s*100 + i)
				commit(t, l, testRecord{name: "more", trace: "more" + n, out: 3, model: "a", at: time.Duration(i) * time.Minute})
				commit(t, l, testRecord{name: "late", parent: strconv.Itoa(s*20 + i), trace: strconv.Itoa(s*20 + i), out: 5, model: "b"}) // supersedes one
			}
		})
	}
	for range 3 {
		_, err := l.Reprice(context.Background(), RepriceRequest{})
		require.NoError(t, err)
	}
	senders.Wait()
	requireConsistent(t, l)
	require.Equal(t, want+80, total(t, l).Calls)
	for _, r := range stored(t, l) {
		fresh := r.Call
		l.setCost(&fresh)
		require.Equal(t, fresh, r.Call)
	}
}

func TestRepriceOneAtATime(t *testing.T) {
	l, _ := opened(t)
	l.repricing.Lock()
	_, err := l.Reprice(context.Background(), RepriceRequest{})
	require.ErrorIs(t, err, ErrRepricing)
	_, err = l.Reprice(context.Background(), RepriceRequest{DryRun: true})
	require.NoError(t, err)
	l.repricing.Unlock()

	closed, _ := open(t, t.TempDir(), Options{Prices: newPrices})
	require.NoError(t, closed.Close())
	_, err = closed.Reprice(context.Background(), RepriceRequest{})
	require.ErrorIs(t, err, ErrClosed)
}

// TestRepricedModelsAreBounded: names are hostile text.
func TestRepricedModelsAreBounded(t *testing.T) {
	l, _ := open(t, t.TempDir(), Options{Prices: oldPrices})
	defer func() { require.NoError(t, l.Close()) }()
	var records []testRecord
	for i := range maxRepriced + 50 {
		records = append(records, testRecord{name: "x", trace: strconv.Itoa(i), out: 1, model: "model " + strconv.Itoa(i)})
	}
	commit(t, l, records...)
	report, err := l.Reprice(context.Background(), RepriceRequest{DryRun: true})
	require.NoError(t, err)
	require.Len(t, report.Models, maxRepriced)
	require.EqualValues(t, 50, report.Rest.Calls)
	require.EqualValues(t, maxRepriced+50, report.Total.Calls)
}

// BenchmarkReprice prices a record of a large store, all of which change.
func BenchmarkReprice(b *testing.B) {
	dir := b.TempDir()
	l, _ := open(b, dir, Options{Prices: oldPrices})
	const calls = 100_000
	for n := 0; n < calls; {
		var batch usage.Batch
		for range 4_000 {
			c := testRecord{name: "x", trace: strconv.Itoa(n), out: int64(n%9 + 1), model: []string{"a", "c"}[n%2], at: time.Duration(n) * time.Millisecond * 30}.call()
			batch.Calls = append(batch.Calls, c)
			n++
		}
		require.NoError(b, l.Commit(context.Background(), batch))
	}
	require.NoError(b, l.Close())
	books := []Options{{Prices: newPrices}, {Prices: oldPrices}}
	for _, dry := range []bool{true, false} {
		b.Run(map[bool]string{true: "dry", false: "all change"}[dry], func(b *testing.B) {
			for i := 0; b.Loop(); i++ {
				b.StopTimer()
				l, _ := open(b, dir, books[i%2])
				b.StartTimer()
				r, err := l.Reprice(context.Background(), RepriceRequest{DryRun: dry})
				require.NoError(b, err)
				require.EqualValues(b, calls, r.Records)
				b.StopTimer()
				require.NoError(b, l.Close())
				b.StartTimer()
			}
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N)/calls, "µs/record")
		})
	}
}
