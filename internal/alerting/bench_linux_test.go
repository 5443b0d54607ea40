package alerting

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/alert"
	"github.com/tokenboard/tokenboard/internal/ledger"
	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/store/sqlite"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// benchRule is the i-th of the rules of the benchmarks: all kinds about calls, windows from minutes to a month, filters by one
// and two dimensions and none.
func benchRule(i int) alert.Rule {
	r := alert.Rule{Severity: alert.Warning, Enabled: true, Limit: 1e12, Window: []string{"5m", "1h", "24h", "day", "month"}[i%5]}
	r.Kind = []alert.Kind{alert.Spend, alert.Tokens, alert.ErrorShare, alert.Unpriced, alert.NoUsageShare, alert.LatencyP95, alert.Silence, alert.KeyFirstUse, alert.SpendUnusual, alert.TTFTP95}[i%10]
	switch r.Kind {
	case alert.LatencyP95, alert.TTFTP95:
		r.Window = []string{"5m", "1h", "24h"}[i%3]
	case alert.ErrorShare, alert.NoUsageShare:
		r.Limit = 100
	case alert.KeyFirstUse:
		r.Limit, r.Dimension, r.Window = 0, "model", ""
	case alert.Silence, alert.SpendUnusual:
		r.Window = ""
	}
	switch i % 4 {
	case 0:
		r.Filter.Key = []string{strconv.Itoa(i % 200)}
	case 1:
		r.Filter.Model = []string{fmt.Sprint("model", i%20)}
	case 2:
		r.Filter.User, r.Filter.Status = []string{fmt.Sprint("user", i%100)}, []string{"ok"}
	}
	return r
}

func benchCall(i int, at time.Time) usage.Call {
	c := usage.Call{
		Trace: usage.TraceID{1, byte(i >> 24), byte(i >> 16), byte(i >> 8), byte(i)}, Span: usage.SpanID{2, byte(i >> 24), byte(i >> 16), byte(i >> 8), byte(i)},
		Role: usage.RoleCall, Start: at, Duration: time.Duration(i%5000+100) * time.Millisecond, TTFT: time.Duration(i%900+50) * time.Millisecond,
		Model: fmt.Sprint("model", i%20), Provider: "p", KeyFingerprint: fmt.Sprint("fp", i%200), User: fmt.Sprint("user", i%100),
		Service: fmt.Sprint("service", i%7), Failed: i%50 == 0,
		Tokens:       usage.Tokens{InputUncached: int64(i % 4000), OutputText: int64(i % 700), Fields: usage.HasInput | usage.HasOutput},
		ReportedCost: usage.NanoUSD(i%1000) * 1e5, HasReportedCost: true,
	}
	c.ID = usage.SpanRecordID(c.Trace, c.Span)
	return c
}

// openBench stores calls over the last 30 days (RULES_CALLS of them; 200,000 by default) and 1,000 rules.
func openBench(b *testing.B, clock Clock) (*ledger.Ledger, store.Directory, int) {
	b.Helper()
	n := 200_000
	if text := os.Getenv("RULES_CALLS"); text != "" {
		var err error
		n, err = strconv.Atoi(text)
		require.NoError(b, err)
	}
	e, err := sqlite.Open(ctx, sqlite.Options{Path: filepath.Join(b.TempDir(), "t.db")})
	require.NoError(b, err)
	l, err := ledger.Open(ctx, e, ledger.Options{Now: clock.Now, NoTwins: true})
	require.NoError(b, err)
	b.Cleanup(func() { require.NoError(b, l.Close()) })
	const span, batch = 30 * 24 * time.Hour, 2000
	begin := clock.Now().Add(-span)
	for i := 0; i < n; i += batch {
		var calls []usage.Call
		for j := i; j < min(i+batch, n); j++ {
			calls = append(calls, benchCall(j, begin.Add(span/time.Duration(n)*time.Duration(j))))
		}
		require.NoError(b, l.Commit(ctx, usage.Batch{Calls: calls}))
	}
	d := e.Directory()
	for i := range alert.MaxRules {
		document, err := jsonOf(benchRule(i))
		require.NoError(b, err)
		name := fmt.Sprint("rule ", i)
		_, err = d.PutAlertRule(ctx, store.AlertRule{ID: name, Name: name, Document: document, CreatedAt: clock.Now(), UpdatedAt: clock.Now()}, alert.MaxRules, audit)
		require.NoError(b, err)
	}
	return l, d, n
}

// processorTime is what the process has used so far; time on the wall would count what else the machine does.
func processorTime(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	require.NoError(b, syscall.Getrusage(syscall.RUSAGE_SELF, &u))
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkRules measures what 1,000 rules cost at 500 calls a second, of one core: what two looks a second take, at
// 250 new calls each, the copying of the calls within the commit, and what the beginning of an hour takes.
func BenchmarkRules(b *testing.B) {
	clock := &handClock{wall: start}
	l, d, n := openBench(b, clock)
	e := New(Options{Ledger: l, Store: d, Clock: clock, Keys: func(context.Context) (Keys, error) { return names{}, nil }})
	lease, err := l.Leases().Acquire(ctx, store.TaskAlerts, "p", time.Minute)
	require.NoError(b, err)
	s := newSession(e, lease.Epoch)
	s.waits = true
	clock.pass(time.Minute) // what is stored is known
	began := processorTime(b)
	require.NoError(b, s.tick(ctx))
	toStart := processorTime(b) - began
	const perLook, looksPerSecond = 250, 2
	changes := make([]ledger.Change, perLook)
	calls := make([]usage.Call, perLook)
	number := e.facts.number()
	look := func(i int) {
		clock.pass(time.Second / looksPerSecond)
		for j := range calls {
			calls[j] = benchCall(n+i*perLook+j, clock.Now())
			calls[j].Cost = calls[j].ReportedCost
			changes[j] = ledger.Change{Call: &calls[j], N: 1}
		}
	}
	for i := range 20 { // the lookups of first uses
		look(i)
		e.facts.add(ledger.Commit{Number: number + int64(i) + 1, At: clock.Now(), Changes: changes})
		require.NoError(b, s.tick(ctx))
	}
	runtime.GC()
	var spent time.Duration
	looks := 0
	for b.Loop() {
		look(20 + looks)
		looks++
		began := processorTime(b)
		e.facts.add(ledger.Commit{Number: number + 20 + int64(looks), At: clock.Now(), Changes: changes})
		require.NoError(b, s.tick(ctx))
		spent += processorTime(b) - began
	}
	const hours = 24 // in which every plan of what is usual is made anew
	began = processorTime(b)
	for i := range hours {
		clock.pass(time.Hour)
		look(20 + looks + i)
		e.facts.add(ledger.Commit{Number: number + 21 + int64(looks+i), At: clock.Now(), Changes: changes})
		require.NoError(b, s.tick(ctx))
	}
	perHour := (processorTime(b) - began).Seconds() / hours
	b.ReportMetric(100*(looksPerSecond*spent.Seconds()/float64(looks)+perHour/3600), "%core")
	b.ReportMetric(perHour, "s/hour")
	b.ReportMetric(toStart.Seconds(), "s/start")
	b.ReportMetric(float64(n), "calls")
}

// BenchmarkUntilFired measures how long after the commit that makes it true an alert is in the queue, beside 1,000 other rules.
func BenchmarkUntilFired(b *testing.B) {
	clock := systemClock{time.Now()}
	l, d, n := openBench(b, clock)
	_, err := d.PutAlertChannel(ctx, store.AlertChannel{ID: "c", Name: "c", Document: []byte("{}"), CreatedAt: start, UpdatedAt: start}, 10, audit)
	require.NoError(b, err)
	require.NoError(b, d.DeleteAlertRule(ctx, "rule 0", 0, audit))
	document, err := jsonOf(alert.Rule{Kind: alert.Spend, Severity: alert.Warning, Enabled: true, Limit: 1, Window: "5m", Filter: alert.Filter{Project: []string{"x"}}})
	require.NoError(b, err)
	e := New(Options{Ledger: l, Store: d, Keys: func(context.Context) (Keys, error) { return names{}, nil }})
	e.Start()
	b.Cleanup(e.Close)
	longest := time.Duration(0)
	fired := 0
	for b.Loop() {
		id := fmt.Sprint("fires ", fired)
		_, err = d.PutAlertRule(ctx, store.AlertRule{ID: id, Name: id, Document: document, CreatedAt: start, UpdatedAt: start}, alert.MaxRules, audit)
		require.NoError(b, err)
		time.Sleep(time.Duration(fired%4) * 500 * time.Millisecond)
		c := benchCall(n+fired, clock.Now())
		c.Project, c.ReportedCost = "x", 2e9
		began := time.Now()
		require.NoError(b, l.Commit(ctx, usage.Batch{Calls: []usage.Call{c}}))
		require.Eventually(b, func() bool {
			_, total, err := d.Deliveries(ctx, store.DeliveryQuery{Rules: []string{id}})
			return err == nil && total == 1
		}, time.Minute, 20*time.Millisecond)
		if fired > 0 { // the first one waits for the start
			longest = max(longest, time.Since(began))
		}
		require.NoError(b, d.DeleteAlertRule(ctx, id, 0, audit))
		fired++
	}
	b.ReportMetric(longest.Seconds(), "s/longest")
}
