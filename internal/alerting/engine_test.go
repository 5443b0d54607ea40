package alerting

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/alert"
	"github.com/tokenboard/tokenboard/internal/leaktest"
	"github.com/tokenboard/tokenboard/internal/ledger"
	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/store/sqlite"
	"github.com/tokenboard/tokenboard/internal/usage"
)

func TestMain(m *testing.M) { leaktest.Main(m) }

var (
	ctx   = context.Background()
	audit = store.AuditEntry{Action: "test.change"}
	start = time.Date(2026, 11, 23, 12, 2, 0, 0, time.UTC)
)

// handClock is a clock that a test moves. Setting the clock moves the wall only.
type handClock struct {
	mu      sync.Mutex
	wall    time.Time
	elapsed time.Duration
}

func (c *handClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.wall
}

func (c *handClock) Elapsed() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.elapsed
}

func (c *handClock) pass(d time.Duration) { c.move(d, d) }
func (c *handClock) set(d time.Duration)  { c.move(d, 0) }

func (c *handClock) move(wall, elapsed time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.wall, c.elapsed = c.wall.Add(wall), c.elapsed+elapsed
}

// names are keys whose fingerprints are "fp" and their id.
type names struct{}

func (names) Fingerprints(id string) []string { return []string{"fp" + id} }
func (names) Name(f string) string            { return "key " + strings.TrimPrefix(f, "fp") }
func (names) ID(f string) string              { return strings.TrimPrefix(f, "fp") }

// Calls knows one team, of one member of each kind.
func (names) Calls(team string) store.AnyOf {
	if team != "team" {
		return store.AnyOf{}
	}
	return store.AnyOf{Keys: []string{"fp7"}, Users: []string{"v"}, Projects: []string{"p7"}}
}

// bed is a store with rules that are evaluated by hand.
type bed struct {
	*testing.T
	dir    string
	clock  *handClock
	ledger *ledger.Ledger
	store  store.Directory
	engine *Engine
	s      *session
	stop   func()
	calls  int
	wrap   func(store.Directory) store.Directory
}

func newBed(t *testing.T) *bed {
	b := &bed{T: t, dir: t.TempDir(), clock: &handClock{wall: start}}
	b.open()
	t.Cleanup(b.close)
	return b
}

func (b *bed) open() {
	b.Helper()
	e, err := sqlite.Open(ctx, sqlite.Options{Path: filepath.Join(b.dir, "t.db")})
	require.NoError(b, err)
	b.ledger, err = ledger.Open(ctx, e, ledger.Options{Now: b.clock.Now, NoTwins: true})
	require.NoError(b, err)
	b.store = e.Directory()
	if b.wrap != nil {
		b.store = b.wrap(b.store)
	}
	b.engine = New(Options{
		Ledger: b.ledger, Store: b.store, Clock: b.clock, Keys: func(context.Context) (Keys, error) { return names{}, nil },
	})
	lease, err := b.ledger.Leases().Acquire(ctx, store.TaskAlerts, "p", time.Minute)
	require.NoError(b, err)
	b.stop = b.ledger.Observe(b.engine.commit)
	b.s = newSession(b.engine, lease.Epoch)
	b.s.waits = true
}

func (b *bed) close() {
	b.stop()
	require.NoError(b, b.ledger.Close())
}

// restart is what a kill leaves: nothing of the session.
func (b *bed) restart() {
	b.close()
	b.open()
}

func (b *bed) rule(id string, r alert.Rule) {
	b.Helper()
	if r.Severity == "" {
		r.Severity = alert.Warning
	}
	r.Enabled = true
	require.NoError(b, r.Check())
	document, err := json.Marshal(r)
	require.NoError(b, err)
	_, err = b.store.PutAlertRule(ctx, store.AlertRule{ID: id, Name: id, Document: document, CreatedAt: start, UpdatedAt: start}, 2000, audit)
	require.NoError(b, err)
}

func (b *bed) channel(id string) {
	b.Helper()
	_, err := b.store.PutAlertChannel(ctx, store.AlertChannel{ID: id, Name: id, Document: json.RawMessage("{}"), CreatedAt: start, UpdatedAt: start}, 10, audit)
	require.NoError(b, err)
}

// commit stores a call that starts now and costs a dollar, changed by edit.
func (b *bed) commit(edit ...func(*usage.Call)) {
	b.Helper()
	b.calls++
	c := usage.Call{
		Trace: usage.TraceID{1, byte(b.calls >> 8), byte(b.calls)}, Span: usage.SpanID{2, byte(b.calls >> 8), byte(b.calls)},
		Role: usage.RoleCall, Start: b.clock.Now(), Duration: time.Second, Model: "m", Provider: "p", KeyFingerprint: "fp1", User: "u",
		Tokens: usage.Tokens{InputUncached: 100, Fields: usage.HasInput}, ReportedCost: 1e9, HasReportedCost: true,
	}
	for _, f := range edit {
		f(&c)
	}
	c.ID = usage.SpanRecordID(c.Trace, c.Span)
	require.NoError(b, b.ledger.Commit(ctx, usage.Batch{Calls: []usage.Call{c}}))
}

func (b *bed) tick() {
	b.Helper()
	require.NoError(b, b.s.tick(ctx))
}

// wait lets time pass, with a look at the rules every five seconds.
func (b *bed) wait(d time.Duration) {
	b.Helper()
	for d > 0 {
		step := min(d, 5*time.Second)
		b.clock.pass(step)
		d -= step
		b.tick()
	}
}

// history lists what fired, oldest first: rule, subject, + where it fires.
func (b *bed) history() (out []string) {
	b.Helper()
	alerts, _, err := b.store.Alerts(ctx, store.AlertQuery{})
	require.NoError(b, err)
	for i := range alerts {
		a := &alerts[len(alerts)-1-i]
		text := strings.TrimSpace(a.Rule + " " + a.Subject)
		if a.EndedAt.IsZero() {
			text += " +"
		}
		out = append(out, text)
	}
	return out
}

// sent lists the notifications, oldest first.
func (b *bed) sent() (out []alert.Notification) {
	b.Helper()
	deliveries, _, err := b.store.Deliveries(ctx, store.DeliveryQuery{})
	require.NoError(b, err)
	for i := range deliveries {
		var n alert.Notification
		require.NoError(b, json.Unmarshal(deliveries[len(deliveries)-1-i].Notification, &n))
		out = append(out, n)
	}
	return out
}

func states(sent []alert.Notification) (out []string) {
	for i := range sent {
		text := string(sent[i].State)
		if sent[i].Repeated {
			text += " again"
		}
		out = append(out, text)
	}
	return out
}

var spend = alert.Rule{Kind: alert.Spend, Limit: 3, Window: "5m", Resolved: true}

// TestSpend: a rule fires with the look after the commit that makes it true, says why, ends when the window has passed, and
// says so.
func TestSpend(t *testing.T) {
	b := newBed(t)
	b.rule("spend", spend)
	b.channel("c")
	b.tick()
	b.commit()
	b.commit()
	b.tick()
	require.Empty(t, b.history())
	b.commit(func(c *usage.Call) { c.Model = "other" })
	b.tick()
	require.Equal(t, []string{"spend +"}, b.history())
	n := b.sent()
	require.Len(t, n, 1)
	require.InDelta(t, 3, n[0].Value, 0)
	require.Equal(t, []any{3.0, alert.USD, alert.Firing, "spend"}, []any{n[0].Limit, n[0].Unit, n[0].State, n[0].RuleName})
	require.Equal(t, []alert.Cause{
		{Dimension: "key", Name: "key 1", Value: 3, Unit: alert.USD}, {Dimension: "user", Name: "u", Value: 3, Unit: alert.USD},
		{Dimension: "model", Name: "m", Value: 2, Unit: alert.USD},
	}, n[0].Causes)
	require.Contains(t, n[0].Path, "/explore?from=")
	b.wait(4 * time.Minute)
	require.Equal(t, []string{"spend +"}, b.history())
	b.wait(2 * time.Minute)
	require.Equal(t, []string{"spend"}, b.history())
	require.Equal(t, []string{"firing", "resolved"}, states(b.sent()))
	require.Equal(t, n[0].ID, b.sent()[1].ID)
}

// TestKinds: each kind that looks at calls fires at its limit, and not before.
func TestKinds(t *testing.T) {
	failed := func(c *usage.Call) { c.Failed, c.Status = true, 500 }
	noUsage := func(c *usage.Call) { c.Tokens, c.HasReportedCost, c.ReportedCost = usage.Tokens{}, false, 0 }
	unpriced := func(c *usage.Call) { c.HasReportedCost, c.ReportedCost = false, 0 }
	slow := func(c *usage.Call) { c.Duration, c.TTFT = 30*time.Second, 20*time.Second }
	plain := func(*usage.Call) {}
	for name, tc := range map[string]struct {
		rule   alert.Rule
		before []func(*usage.Call)
		then   func(*usage.Call)
	}{
		"tokens":     {alert.Rule{Kind: alert.Tokens, Limit: 300, Window: "day"}, []func(*usage.Call){plain, plain}, plain},
		"errors":     {alert.Rule{Kind: alert.ErrorShare, Limit: 50, Window: "5m", MinCalls: 3}, []func(*usage.Call){failed, failed}, plain},
		"few calls":  {alert.Rule{Kind: alert.ErrorShare, Limit: 50, Window: "5m"}, []func(*usage.Call){plain, plain, failed}, failed},
		"no usage":   {alert.Rule{Kind: alert.NoUsageShare, Limit: 30, Window: "1h"}, []func(*usage.Call){plain, plain}, noUsage},
		"unpriced":   {alert.Rule{Kind: alert.Unpriced, Limit: 2, Window: "24h"}, []func(*usage.Call){plain, unpriced}, unpriced},
		"latency":    {alert.Rule{Kind: alert.LatencyP95, Limit: 20000, Window: "5m"}, []func(*usage.Call){plain, plain, plain}, slow},
		"ttft":       {alert.Rule{Kind: alert.TTFTP95, Limit: 15000, Window: "15m"}, []func(*usage.Call){plain, plain, plain}, slow},
		"by model":   {alert.Rule{Kind: alert.Spend, Limit: 1, Window: "30d", Filter: alert.Filter{Model: []string{"x"}}}, []func(*usage.Call){plain, plain}, func(c *usage.Call) { c.Model = "x" }},
		"by key":     {alert.Rule{Kind: alert.Spend, Limit: 1, Window: "month", Filter: alert.Filter{Key: []string{"7"}}}, []func(*usage.Call){plain}, func(c *usage.Call) { c.KeyFingerprint = "fp7" }},
		"by two":     {alert.Rule{Kind: alert.Spend, Limit: 1, Window: "week", Filter: alert.Filter{Model: []string{"m"}, User: []string{"v"}}}, []func(*usage.Call){plain}, func(c *usage.Call) { c.User = "v" }},
		"by account": {alert.Rule{Kind: alert.Spend, Limit: 1, Window: "month", Filter: alert.Filter{Account: []string{usage.AccountDisplay("a@example.com", "1")}}}, []func(*usage.Call){plain}, func(c *usage.Call) { c.Account = usage.AccountDisplay("a@example.com", "1") }},
		"by team": {
			alert.Rule{Kind: alert.Spend, Limit: 3, Window: "1h", Filter: alert.Filter{Team: []string{"team"}}},
			[]func(*usage.Call){func(c *usage.Call) { c.KeyFingerprint, c.User, c.Project = "fp7", "v", "p7" }, func(c *usage.Call) { c.Project = "p7" }, plain}, func(c *usage.Call) { c.User = "v" },
		},
		"by no team": {alert.Rule{Kind: alert.Silence, Limit: 1e6, Filter: alert.Filter{Team: []string{"gone"}}}, []func(*usage.Call){plain}, nil},
		"by status":  {alert.Rule{Kind: alert.Tokens, Limit: 100, Window: "7d", Filter: alert.Filter{Status: []string{"500"}}}, []func(*usage.Call){plain}, failed},
		"by failure": {alert.Rule{Kind: alert.Tokens, Limit: 100, Window: "6h", Filter: alert.Filter{Status: []string{"error"}}}, []func(*usage.Call){plain}, failed},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBed(t)
			b.rule("r", tc.rule)
			b.commit(tc.before[0]) // before the rule is known
			b.tick()
			for _, edit := range tc.before[1:] {
				b.commit(edit)
			}
			b.tick()
			require.Empty(t, b.history())
			if tc.then == nil {
				return
			}
			b.commit(tc.then)
			b.tick()
			require.Equal(t, []string{"r +"}, b.history())
			b.restart()
			b.tick()
			require.Equal(t, []string{"r +"}, b.history(), "it is read from the ledger again")
		})
	}
}

// TestProgress: for, repeat, quiet times and resolved messages, and that a restart changes nothing.
func TestProgress(t *testing.T) {
	for _, restart := range []bool{false, true} {
		t.Run(fmt.Sprint("restart ", restart), func(t *testing.T) {
			b := newBed(t)
			r := spend
			r.Window, r.For, r.Repeat = "1h", 600, 900
			r.Quiet = []alert.Quiet{{From: "14:10", To: "14:40", TimeZone: "Europe/Berlin"}} // 13:10 to 13:40 UTC
			b.rule("r", r)
			b.channel("c")
			b.tick()
			for range 3 {
				b.commit()
			}
			again := func(d time.Duration) {
				if restart {
					b.restart()
				}
				b.wait(d)
			}
			again(5 * time.Second)
			again(9 * time.Minute)
			require.Empty(t, b.history())
			again(time.Minute)
			require.Equal(t, []string{"r +"}, b.history())
			again(16 * time.Minute)
			require.Equal(t, []string{"firing", "firing again"}, states(b.sent()))
			again(40 * time.Minute) // the window has passed
			require.Equal(t, []string{"r"}, b.history())
			require.Equal(t, []string{"firing", "firing again", "firing again", "firing again", "resolved"}, states(b.sent()))

			for range 3 {
				b.commit()
			}
			again(15 * time.Minute) // 13:18: it fires in the quiet time
			require.Equal(t, []string{"r", "r +"}, b.history())
			require.Len(t, b.sent(), 5)
			again(20 * time.Minute)
			require.Equal(t, "firing", states(b.sent())[5], "sent when the quiet time ends")
			require.True(t, b.sent()[5].At.Before(start.Add(time.Hour+39*time.Minute)), b.sent()[5].At)
		})
	}
}

func jsonOf(r alert.Rule) (json.RawMessage, error) { return json.Marshal(r) }
