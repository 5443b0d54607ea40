package alerting

import (
	"context"
	"encoding/json"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/alert"
	"github.com/tokenboard/tokenboard/internal/sources"
	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// TestFirstUse: a key's first use of a model fires once, also where the process ended between the commit and the look; what
// was used before the rule was made, and again, does not.
func TestFirstUse(t *testing.T) {
	b := newBed(t)
	model := func(m string) func(*usage.Call) { return func(c *usage.Call) { c.Model = m } }
	b.commit(model("old"))
	b.clock.pass(2 * time.Second)
	b.rule("first", alert.Rule{Kind: alert.KeyFirstUse, Dimension: "model", Resolved: true})
	b.channel("c")
	b.tick()
	b.commit(model("old"))
	b.commit(func(c *usage.Call) { c.KeyFingerprint = "" })
	b.wait(10 * time.Second)
	require.Empty(t, b.history())
	b.commit(model("new"))
	b.tick()
	require.Equal(t, []string{"first 1 new +"}, b.history())
	n := b.sent()
	require.Equal(t, "key 1: new", n[0].Subject)
	require.Equal(t, alert.Filter{Key: []string{"1"}, Model: []string{"new"}}, n[0].Filter)
	b.wait(10 * time.Second)
	b.commit(model("new"))
	b.commit(model("unseen"))
	b.restart()
	b.clock.pass(time.Minute)
	b.tick()
	require.ElementsMatch(t, []string{"first 1 new +", "first 1 unseen +"}, b.history())
	b.wait(2 * time.Hour)
	require.ElementsMatch(t, []string{"first 1 new", "first 1 unseen"}, b.history())
	b.restart()
	b.commit(model("new"))
	b.commit(model("old"))
	b.wait(time.Minute)
	require.ElementsMatch(t, []string{"first 1 new", "first 1 unseen"}, b.history())
	require.Equal(t, []string{"firing", "firing"}, states(b.sent()), "the end of a moment is nothing to tell")
}

// TestByTheClock: rules about keys, budgets, receivers and silence fire without a commit.
func TestByTheClock(t *testing.T) {
	b := newBed(t)
	var board sources.Board
	state := sources.State{Kind: "cliproxy", Name: "proxy", Up: true, LastContact: start}
	board.Add(func() sources.State { return state })
	budget := Budget{ID: "b1", Name: "team", Cost: true, Used: 79, Limit: 100, Projected: 99, Resets: start.Add(time.Hour)}
	b.engine.o.Sources = &board
	b.engine.o.Budgets = func(context.Context) ([]Budget, error) { return []Budget{budget}, nil }
	key := store.Key{ID: "k", Name: "ci", Fingerprint: "f", CreatedAt: start, ExpiresAt: start.Add(7*24*time.Hour + time.Minute)}
	require.NoError(t, b.store.AddKeys(ctx, 9, []store.Key{key}, audit))
	b.rule("expiry", alert.Rule{Kind: alert.KeyExpiry, Limit: 7})
	b.rule("used", alert.Rule{Kind: alert.BudgetUsed, Limit: 80})
	b.rule("projected", alert.Rule{Kind: alert.BudgetProjected, Limit: 100})
	b.rule("other", alert.Rule{Kind: alert.BudgetUsed, Limit: 1, Budget: "another"})
	b.rule("gap", alert.Rule{Kind: alert.SourceGap, Limit: 60})
	b.rule("silence", alert.Rule{Kind: alert.Silence, Limit: 300, Filter: alert.Filter{Service: []string{"s"}}})
	b.rule("store", alert.Rule{Kind: alert.StoreTrouble})
	b.channel("c")
	b.tick()
	b.wait(50 * time.Second)
	require.Empty(t, b.history())
	b.wait(20 * time.Second)
	require.Equal(t, []string{"expiry k +"}, b.history())
	require.Equal(t, "ci", b.sent()[0].Subject)
	budget.Used, budget.Projected = 80, 101
	state.Up, state.LastContact = false, b.clock.Now()
	b.wait(40 * time.Second)
	require.ElementsMatch(t, []string{"expiry k +", "used b1 +", "projected b1 +"}, b.history())
	b.wait(30 * time.Second)
	require.Contains(t, b.history(), "gap proxy +")
	state.Up, state.Lost = true, 3
	budget.Used = 0
	b.wait(10 * time.Second)
	require.ElementsMatch(t, []string{"expiry k +", "used b1", "projected b1 +", "gap proxy", "gap proxy gap +"}, b.history())
	b.commit() // of another service
	b.wait(2*time.Minute + 30*time.Second)
	require.Contains(t, b.history(), "silence +")
	b.commit(func(c *usage.Call) { c.Service = "s" })
	b.tick()
	require.Contains(t, b.history(), "silence")
	b.wait(time.Hour)
	require.Contains(t, b.history(), "gap proxy gap")
}

// TestUnusual: spend is compared with the same hour of other weeks, and with nothing before there is a history.
func TestUnusual(t *testing.T) {
	b := newBed(t)
	b.rule("unusual", alert.Rule{Kind: alert.SpendUnusual, Limit: 3})
	b.tick()
	for range 50 {
		b.commit()
	}
	b.tick()
	require.Empty(t, b.history(), "there is no history")

	b = newBed(t)
	for h := range 21 * 24 { // 4 USD an hour by day, 1 by night
		at := start.Truncate(time.Hour).Add(-time.Duration(h+1) * time.Hour)
		b.commit(func(c *usage.Call) {
			c.Start, c.ReportedCost = at, 1e9
			if at.Hour() >= 8 && at.Hour() < 20 {
				c.ReportedCost = 4e9
			}
		})
	}
	b.rule("unusual", alert.Rule{Kind: alert.SpendUnusual, Limit: 3})
	b.tick()
	for range 8 { // twice as much as at this hour
		b.commit()
	}
	b.tick()
	require.Empty(t, b.history())
	for range 6 {
		b.commit()
	}
	b.tick()
	require.Equal(t, []string{"unusual +"}, b.history())
}

// TestRulesChange: a rule that is disabled or removed ends its alerts and says so, where it sends ends; one whose limit is raised is evaluated
// anew; one that cannot be read stops no other.
func TestRulesChange(t *testing.T) {
	b := newBed(t)
	b.rule("a", spend)
	b.rule("b", spend)
	b.rule("c", spend)
	_, err := b.store.PutAlertRule(ctx, store.AlertRule{ID: "bad", Name: "bad", Document: []byte(`{"kind":"none"}`), CreatedAt: start, UpdatedAt: start}, 9, audit)
	require.NoError(t, err)
	b.channel("c")
	for range 3 {
		b.commit()
	}
	b.tick()
	require.ElementsMatch(t, []string{"a +", "b +", "c +"}, b.history())
	rules, _, err := b.store.AlertRules(ctx, 0)
	require.NoError(t, err)
	for i := range rules {
		r := &rules[i]
		switch r.ID {
		case "a":
			r.Document = []byte(`{"kind":"spend","severity":"info","enabled":false,"limit":3,"window":"5m","send_resolved":true}`)
			_, err = b.store.PutAlertRule(ctx, *r, 9, audit)
		case "b":
			err = Remove(ctx, b.store, r, start, audit)
		case "c":
			r.Document = []byte(`{"kind":"spend","severity":"info","enabled":true,"limit":4,"window":"5m","send_resolved":true}`)
			_, err = b.store.PutAlertRule(ctx, *r, 9, audit)
		}
		require.NoError(t, err)
	}
	b.tick()
	require.ElementsMatch(t, []string{"a", "b", "c"}, b.history())
	require.ElementsMatch(t, []string{"firing", "firing", "firing", "resolved", "resolved", "resolved"}, states(b.sent()))
	ended := map[string]string{}
	for _, n := range b.sent() {
		if n.State == alert.Firing {
			ended[n.ID] = n.Rule
		}
	}
	for _, n := range b.sent() {
		if n.State == alert.Resolved {
			require.Equal(t, ended[n.ID], n.Rule, "the alert that was told of")
			delete(ended, n.ID)
		}
	}
	require.Empty(t, ended)
	b.commit()
	b.tick()
	require.ElementsMatch(t, []string{"a", "b", "c", "c +"}, b.history())
}

// slowClock passes by a third of a second whenever it is looked at.
type slowClock struct {
	Clock
	looks atomic.Int64
}

func (c *slowClock) Elapsed() time.Duration {
	return c.Clock.Elapsed() + time.Duration(c.looks.Add(1))*(time.Second/3)
}

// TestPlansDoNotHoldUp: where it takes long to find out what is usual, as after a start with much history, other rules do not wait
// for it, and what fired goes on.
func TestPlansDoNotHoldUp(t *testing.T) {
	b := newBed(t)
	for h := range 21 * 24 {
		at := start.Truncate(time.Hour).Add(-time.Duration(h+1) * time.Hour)
		b.commit(func(c *usage.Call) { c.Start = at })
	}
	for i := range 5 {
		b.rule(fmt.Sprint("unusual", i), alert.Rule{Kind: alert.SpendUnusual, Limit: 3})
	}
	for range 9 {
		b.commit()
	}
	b.tick()
	require.Len(t, b.history(), 5)
	b.restart()
	b.rule("z spend", alert.Rule{Kind: alert.Spend, Limit: 1, Window: "5m"})
	b.engine.o.Clock = &slowClock{Clock: b.clock}
	planned := func() (n int) {
		for _, w := range b.s.watches {
			if w.unusual.plan != nil {
				n++
			}
		}
		return n
	}
	for look, want := range []int{2, 4, 5} {
		b.tick()
		require.Equal(t, want, planned(), "look %d", look)
		require.ElementsMatch(t, []string{"unusual0 +", "unusual1 +", "unusual2 +", "unusual3 +", "unusual4 +", "z spend +"}, b.history(), "look %d", look)
	}
}

// between evaluates the rules between the reading of the states of a rule that is removed and its removal.
type between struct {
	store.Directory
	once func()
}

func (d *between) AlertStates(ctx context.Context) ([]store.AlertState, error) {
	states, err := d.Directory.AlertStates(ctx)
	if once := d.once; once != nil {
		d.once = nil
		once()
	}
	return states, err
}

// TestRemovedWhileItFires: a rule that fires while it is removed is ended all the same; one that sends no ends, and what nobody was
// told of, end in silence.
func TestRemovedWhileItFires(t *testing.T) {
	for name, tc := range map[string]struct {
		rule alert.Rule
		want []string
	}{
		"sends ends": {alert.Rule{Kind: alert.Spend, Limit: 3, Window: "5m", Resolved: true}, []string{"firing", "resolved"}},
		"sends none": {alert.Rule{Kind: alert.Spend, Limit: 3, Window: "5m"}, []string{"firing"}},
		"nobody was told": {
			alert.Rule{Kind: alert.Spend, Limit: 3, Window: "5m", Resolved: true, Quiet: []alert.Quiet{{From: "00:00", To: "00:00", TimeZone: "UTC"}}}, nil,
		},
		"waits": {alert.Rule{Kind: alert.Spend, Limit: 3, Window: "5m", Resolved: true, For: 60}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBed(t)
			b.rule("r", tc.rule)
			b.channel("c")
			b.tick()
			for range 3 {
				b.commit()
			}
			rules, _, err := b.store.AlertRules(ctx, 0)
			require.NoError(t, err)
			require.NoError(t, Remove(ctx, &between{b.store, b.tick}, &rules[0], b.clock.Now(), audit))
			b.tick()
			require.Equal(t, tc.want, states(b.sent()))
			for _, a := range b.history() {
				require.NotContains(t, a, "+", "it has ended")
			}
			left, err := b.store.AlertStates(ctx)
			require.NoError(t, err)
			require.Empty(t, left)
		})
	}
}

// TestEndsWithoutFigures: the alert of a rule that was switched off or deleted, or of what is not there any more, keeps the figure, the
// name and the causes that it had; so does one of a moment that is told again.
func TestEndsWithoutFigures(t *testing.T) {
	for name, end := range map[string]func(*bed, store.AlertRule) error{
		"switched off": func(b *bed, r store.AlertRule) (err error) {
			off := spend
			off.Severity = alert.Warning
			if r.Document, err = jsonOf(off); err == nil {
				_, err = b.store.PutAlertRule(ctx, r, 9, audit)
			}
			return err
		},
		"deleted": func(b *bed, r store.AlertRule) error { return Remove(ctx, b.store, &r, b.clock.Now(), audit) },
	} {
		t.Run(name, func(t *testing.T) {
			b := newBed(t)
			b.rule("spend", spend)
			b.channel("c")
			b.tick()
			for range 4 {
				b.commit()
			}
			b.tick()
			rules, _, err := b.store.AlertRules(ctx, -1)
			require.NoError(t, err)
			require.NoError(t, end(b, rules[0]))
			b.wait(10 * time.Second)
			alerts, _, err := b.store.Alerts(ctx, store.AlertQuery{})
			require.NoError(t, err)
			require.Len(t, alerts, 1)
			require.False(t, alerts[0].EndedAt.IsZero())
			var n alert.Notification
			require.NoError(t, json.Unmarshal(alerts[0].Document, &n))
			require.InDelta(t, 4, n.Value, 0)
			require.NotEmpty(t, n.Causes)
			sent := b.sent()
			require.Equal(t, []string{"firing", "resolved"}, states(sent))
			require.InDelta(t, 4, sent[1].Value, 0)
			require.Equal(t, sent[0].Path, sent[1].Path)
			require.Empty(t, sent[1].Causes, "they are told once")
		})
	}
	b := newBed(t)
	b.rule("first", alert.Rule{Kind: alert.KeyFirstUse, Dimension: "model", Repeat: 600})
	b.channel("c")
	b.tick()
	b.commit()
	b.tick()
	b.wait(11 * time.Minute)
	sent := b.sent()
	require.Equal(t, []string{"firing", "firing again"}, states(sent))
	require.Equal(t, "key 1: m", sent[1].Subject)
	require.Equal(t, sent[0].Filter, sent[1].Filter)
}
