package consoletest

import (
	"context"
	"encoding/binary"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/console"
	"github.com/tokenboard/tokenboard/internal/console/calls"
	"github.com/tokenboard/tokenboard/internal/console/importer"
	"github.com/tokenboard/tokenboard/internal/console/stats"
	"github.com/tokenboard/tokenboard/internal/ledger"
	"github.com/tokenboard/tokenboard/internal/pricing"
	"github.com/tokenboard/tokenboard/internal/store/sqlite"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// Mixed commits calls of several models, keys and users, one an hour back from a time.
func (b *Bench) Mixed(n int, until time.Time) {
	b.T.Helper()
	var batch usage.Batch
	for i := range n {
		c := usage.Call{
			Role: usage.RoleCall, Start: until.Add(-time.Duration(i) * time.Hour), Model: fmt.Sprint("m", i%3), Provider: fmt.Sprint("p", i%2),
			KeyFingerprint: usage.Fingerprint(fmt.Sprint("key", i%4)), KeyDisplay: fmt.Sprint("k…", i%4), User: fmt.Sprint("u", i%5),
			Service: "svc", Operation: []string{"chat", "embeddings"}[i%2], Status: []int{200, 429}[i%7/6], Failed: i%7 == 6, Tier: usage.Tier(i % 4),
			Tokens: usage.Tokens{InputUncached: int64(i), OutputText: 2, Fields: usage.HasInput | usage.HasOutput},
		}
		c.Trace, c.Span = usage.TraceID{3, byte(i >> 8), byte(i)}, usage.SpanID{4, byte(i >> 8), byte(i)}
		c.ID = usage.SpanRecordID(c.Trace, c.Span)
		batch.Calls = append(batch.Calls, c)
	}
	require.NoError(b.T, b.Ledger.Commit(context.Background(), batch))
}

// BookBench is a bench whose calls have prices.
func BookBench(t *testing.T, o ledger.Options) *Bench {
	t.Helper()
	ctx := context.Background()
	engine, err := sqlite.Open(ctx, sqlite.Options{Path: filepath.Join(t.TempDir(), "t.db")})
	require.NoError(t, err)
	book, err := pricing.Default()
	require.NoError(t, err)
	clock := func() time.Time { return TestNow }
	o.Now, o.Prices = clock, book
	l, err := ledger.Open(ctx, engine, idle(o))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, l.Close()) })
	return &Bench{T: t, Ledger: l, Handler: console.New(console.Options{Ledger: l, Directory: engine.Directory(), Version: "test", Open: true, Now: clock}).Handler()}
}

// History commits calls of every kind: priced and not, with caches, failed, from spans and logs, superseded.
func (b *Bench) History() {
	var batch usage.Batch
	for i := range 60 {
		one := CallOf(i, func(c *usage.Call) {
			c.Provider, c.Model = []string{"anthropic", "openai", "nobody"}[i%3], []string{"claude-sonnet-4-5", "gpt-4o", "=unheard-of"}[i%3]
			c.Start = TestNow.Add(-time.Duration(i)*time.Hour - 123456789)
			c.KeyFingerprint, c.KeyDisplay = usage.Fingerprint(fmt.Sprint("key", i%4)), fmt.Sprint("sk-…", i%4)
			c.Environment, c.Session, c.ResponseID, c.RequestModel = "prod", fmt.Sprint("s", i%7), fmt.Sprint("r", i), "asked"
			c.Duration, c.TTFT, c.Stream, c.Status = time.Duration(i)*time.Millisecond, time.Duration(i)*time.Microsecond, usage.Tristate(i%3), 200
			c.Tokens = usage.Tokens{InputUncached: int64(i), CacheRead: 7, CacheWrite: 9, CacheWrite1h: 4, OutputText: 3, Reasoning: 2,
				Fields: usage.HasInput | usage.HasOutput | usage.HasCacheRead | usage.HasCacheWrite | usage.HasCacheWrite1h | usage.HasReasoning}
			switch i % 5 {
			case 0:
				c.Signal, c.ID, c.Failed, c.Status, c.ErrorType = usage.SignalLog, usage.ID{9, byte(i)}, true, 429, "rate_limit"
			case 1:
				c.Tokens = usage.Tokens{}
			case 2:
				c.HasReportedCost, c.ReportedCost, c.Quality = true, usage.NanoUSD(1000*i), usage.Estimated
			case 3:
				c.Modalities = usage.Modalities{AudioInput: 3, AudioOutput: 1}
			}
		})
		batch.Calls = append(batch.Calls, one.Calls...)
	}
	b.Commit(batch)
	b.Commit(CallOf(200, func(c *usage.Call) {
		c.Role, c.Span = usage.RoleAggregate, usage.SpanID{1}
		c.ID = usage.SpanRecordID(c.Trace, c.Span)
	}))
	b.Commit(CallOf(200, func(c *usage.Call) { c.Parent = usage.SpanID{1} }))
}

// Sums are the sums that two ledgers with the same calls must agree on.
func (b *Bench) Sums() (stats.Stats, []calls.LogItem, stats.Trend) {
	s := Data[stats.Stats](b, "GET", "/stats", "", 200)
	s.AsOf = nil
	items := Data[calls.LogPage](b, "GET", "/logs?limit=1000", "", 200).Items
	for i := range items {
		items[i].Quality = nil // a cost that no price gives is reported from then on
		if items[i].Key != nil {
			items[i].Key.Display = ""
		}
	}
	t := Data[stats.Trend](b, "GET", "/usage-trend?days=30", "", 200)
	t.AsOf = nil
	return s, items, t
}

// Imported imports a file, which must succeed, and returns the result.
func (b *Bench) Imported(format, file string) importer.Import {
	b.T.Helper()
	return Data[importer.Import](b, "POST", "/logs/import?format="+format, file, 200)
}

// ReaderFunc is a function that reads.
type ReaderFunc func([]byte) (int, error)

func (f ReaderFunc) Read(p []byte) (int, error) { return f(p) }

// AllLogs returns all records of the log, page by page.
func (b *Bench) AllLogs(t *testing.T, query string) (out []calls.LogItem) {
	t.Helper()
	for cursor := ""; ; {
		page := Data[calls.LogPage](b, "GET", "/logs?"+query+"&cursor="+cursor, "", 200)
		out = append(out, page.Items...)
		if cursor = page.NextCursor; cursor == "" {
			return out
		}
	}
}

// Huge commits n calls with a key, each with the same figures.
func (b *Bench) Huge(first, n int, key string, t usage.Tokens, cost usage.NanoUSD) {
	b.T.Helper()
	var batch usage.Batch
	for i := range n {
		c := usage.Call{
			Role: usage.RoleCall, Start: TestNow.Add(-time.Hour), Model: "of no known price", KeyFingerprint: key, Tokens: t,
			ReportedCost: cost, HasReportedCost: true,
		}
		c.Trace[0] = 9
		binary.BigEndian.PutUint32(c.Trace[1:], uint32(i/100))
		binary.BigEndian.PutUint32(c.Span[:], uint32(first+i))
		c.ID = usage.SpanRecordID(c.Trace, c.Span)
		batch.Calls = append(batch.Calls, c)
	}
	require.NoError(b.T, b.Ledger.Commit(context.Background(), batch))
}

// Spend commits one call of some output tokens with a key.
func (b *Bench) Spend(n byte, fingerprint, model string, tokens int64) usage.Call {
	b.T.Helper()
	c := usage.Call{
		ID: usage.ID{9, n}, Trace: usage.TraceID{9, n}, Span: usage.SpanID{9, n}, Role: usage.RoleCall, Start: TestNow.Add(-time.Hour),
		Model: model, Provider: "p", KeyFingerprint: fingerprint, KeyDisplay: "tb-…",
		Tokens: usage.Tokens{OutputText: tokens, Fields: usage.HasOutput},
	}
	require.NoError(b.T, b.Ledger.Commit(context.Background(), usage.Batch{Calls: []usage.Call{c}}))
	return c
}

// ManyGroups commits calls of 40 models and 60 users. Model "spread" has the most tokens and cost of all, in
// rows each of which is among the smallest; the calls of model m7 have no price.
func (b *Bench) ManyGroups() {
	b.T.Helper()
	var batch usage.Batch
	n := 0
	add := func(model, user string, tokens int64) {
		n++
		c := usage.Call{
			Role: usage.RoleCall, Start: TestNow.Add(-time.Duration(n) * time.Second), Model: model, Provider: "p", User: user, Service: "svc",
			Tokens: usage.Tokens{InputUncached: tokens, Fields: usage.HasInput | usage.HasOutput}, ReportedCost: usage.NanoUSD(tokens * 1000),
		}
		c.HasReportedCost = model != "m7"
		binary.BigEndian.PutUint64(c.Trace[:], uint64(n))
		binary.BigEndian.PutUint64(c.Span[:], uint64(n))
		c.ID = usage.SpanRecordID(c.Trace, c.Span)
		batch.Calls = append(batch.Calls, c)
	}
	for m := range 39 {
		for u := range 30 {
			add(fmt.Sprint("m", m), fmt.Sprint("u", (m+u)%60), int64(100+m))
		}
	}
	for u := range 60 {
		add("spread", fmt.Sprint("u", u), 90)
	}
	require.NoError(b.T, b.Ledger.Commit(context.Background(), batch))
}

// CallOf returns a batch with the n-th call of the tests, as change makes it.
func CallOf(n int, change func(*usage.Call)) usage.Batch {
	c := usage.Call{
		Role: usage.RoleCall, Start: TestNow.Add(-time.Hour).Add(time.Duration(n) * time.Second), Model: "m", User: fmt.Sprint("u", n%3),
		Tokens: usage.Tokens{InputUncached: int64(n), OutputText: 2, Fields: usage.HasInput | usage.HasOutput},
	}
	c.Trace, c.Span = usage.TraceID{7, byte(n >> 8), byte(n)}, usage.SpanID{8, byte(n >> 8), byte(n)}
	c.ID = usage.SpanRecordID(c.Trace, c.Span)
	if change != nil {
		change(&c)
	}
	return usage.Batch{Calls: []usage.Call{c}}
}

// Commit commits a batch, which must succeed.
func (b *Bench) Commit(batch usage.Batch) {
	b.T.Helper()
	require.NoError(b.T, b.Ledger.Commit(context.Background(), batch))
}
