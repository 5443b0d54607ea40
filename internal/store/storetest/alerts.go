package storetest

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/store"
)

func aRule(id, name string) store.AlertRule {
	return store.AlertRule{ID: id, Name: name, Document: json.RawMessage(`{"kind":"spend"}`), CreatedAt: start, UpdatedAt: start}
}

func aChannel(id, name string) store.AlertChannel {
	return store.AlertChannel{
		ID: id, Name: name, Document: json.RawMessage(`{"kind":"webhook"}`), Secret: []byte{0, 255, 1}, CreatedAt: start, UpdatedAt: start,
	}
}

func aDelivery(id, channel string, at time.Time) store.AlertDelivery {
	return store.AlertDelivery{
		ID: id, Channel: channel, Rule: "r", Alert: "a", Notification: json.RawMessage(`{"id":"n"}`),
		CreatedAt: at, UpdatedAt: at, NextAt: at, Status: store.DeliveryWaiting, Version: 1,
	}
}

// testAlertRules: rules come back with every field, have names of their own, are bounded, and are changed as
// of the version that was read.
func testAlertRules(t *testing.T, open Open) {
	s := fresh(t, open)
	_, none, err := s.AlertRules(ctx, 0)
	require.NoError(t, err)
	r := aRule("1", "Spend")
	r.Version, err = s.PutAlertRule(ctx, r, 2, audited)
	require.NoError(t, err)
	require.Greater(t, r.Version, none)
	_, err = s.PutAlertRule(ctx, aRule("2", "SPEND"), 2, audited)
	require.ErrorIs(t, err, store.ErrAlertName)
	second := aRule("2", "other")
	second.CreatedAt = start.Add(time.Second)
	second.Version, err = s.PutAlertRule(ctx, second, 2, audited)
	require.NoError(t, err)
	_, err = s.PutAlertRule(ctx, aRule("3", "third"), 2, audited)
	require.ErrorIs(t, err, store.ErrTooManyRules)
	_, err = s.PutAlertRule(ctx, aRule("4", "fourth"), 9, store.AuditEntry{})
	require.Error(t, err, "no entry, no change")
	s.restart()
	rules, version, err := s.AlertRules(ctx, 0)
	require.NoError(t, err)
	require.Equal(t, []store.AlertRule{r, second}, rules)
	require.Equal(t, second.Version, version)
	rules, _, err = s.AlertRules(ctx, version)
	require.NoError(t, err)
	require.Empty(t, rules, "nothing changed since")

	renamed := r
	renamed.Name, renamed.Document, renamed.UpdatedAt, renamed.CreatedAt = "x", json.RawMessage(`{}`), start.Add(1), start.Add(9)
	renamed.Version, err = s.PutAlertRule(ctx, renamed, 0, audited)
	require.NoError(t, err)
	_, err = s.PutAlertRule(ctx, r, 9, audited)
	require.ErrorIs(t, err, store.ErrChanged)
	unknown := r
	unknown.ID, unknown.Name = "9", "nine"
	_, err = s.PutAlertRule(ctx, unknown, 9, audited)
	require.ErrorIs(t, err, store.ErrAlertUnknown)
	taken := renamed
	taken.Name = "Other"
	_, err = s.PutAlertRule(ctx, taken, 9, audited)
	require.ErrorIs(t, err, store.ErrAlertName)
	require.ErrorIs(t, s.DeleteAlertRule(ctx, "1", r.Version, audited), store.ErrChanged)
	require.ErrorIs(t, s.DeleteAlertRule(ctx, "9", 0, audited), store.ErrAlertUnknown)
	require.NoError(t, s.DeleteAlertRule(ctx, "2", 0, audited))
	rules, _, err = s.AlertRules(ctx, version)
	require.NoError(t, err)
	renamed.CreatedAt = start
	require.Equal(t, []store.AlertRule{renamed}, rules)
}

// testAlertChannels: channels come back with every field, and are changed as of the version that was read.
func testAlertChannels(t *testing.T, open Open) {
	s := fresh(t, open)
	_, err := s.PutAlertRule(ctx, aRule("1", "Spend"), 1, audited)
	require.NoError(t, err)
	c := aChannel("1", "Spend")
	c.Version, err = s.PutAlertChannel(ctx, c, 1, audited)
	require.NoError(t, err, "a channel may have a rule's name")
	_, err = s.PutAlertChannel(ctx, aChannel("2", "second"), 1, audited)
	require.ErrorIs(t, err, store.ErrTooManyRules)
	s.restart()
	channels, err := s.AlertChannels(ctx)
	require.NoError(t, err)
	require.Equal(t, []store.AlertChannel{c}, channels)
	stale := c
	c.Secret = []byte("new")
	c.Version, err = s.PutAlertChannel(ctx, c, 1, audited)
	require.NoError(t, err)
	_, err = s.PutAlertChannel(ctx, stale, 1, audited)
	require.ErrorIs(t, err, store.ErrChanged)
	channels, err = s.AlertChannels(ctx)
	require.NoError(t, err)
	require.Equal(t, []store.AlertChannel{c}, channels)
	require.NoError(t, s.DeleteAlertChannel(ctx, "1", c.Version, audited))
	channels, err = s.AlertChannels(ctx)
	require.NoError(t, err)
	require.Empty(t, channels)
}

// withAlerts adds a rule and a channel, and returns a write that makes the rule fire.
func (s *opened) withAlerts() store.AlertWrite {
	_, err := s.PutAlertRule(ctx, aRule("r", "r"), 9, audited)
	require.NoError(s.t, err)
	_, err = s.PutAlertChannel(ctx, aChannel("c", "c"), 9, audited)
	require.NoError(s.t, err)
	return store.AlertWrite{
		States: []store.AlertState{{Rule: "r", Subject: "k", Data: []byte{1, 0}}},
		Alerts: []store.Alert{{
			ID: "a", Rule: "r", Subject: "k", Severity: "critical", StartedAt: start, Document: json.RawMessage(`{"value":1}`),
		}},
		Deliveries: []store.AlertDelivery{aDelivery("d", "c", start)},
	}
}

// outcome is what the store has of alerts: versions of states, alerts and deliveries.
func (s *opened) outcome() string {
	states, err := s.AlertStates(ctx)
	require.NoError(s.t, err)
	alerts, _, err := s.Alerts(ctx, store.AlertQuery{})
	require.NoError(s.t, err)
	deliveries, _, err := s.Deliveries(ctx, store.DeliveryQuery{})
	require.NoError(s.t, err)
	text := ""
	for _, x := range states {
		text += fmt.Sprintf("state %s/%s %d; ", x.Rule, x.Subject, x.Version)
	}
	for _, x := range alerts {
		text += fmt.Sprintf("alert %s %v; ", x.ID, x.EndedAt.IsZero())
	}
	for _, x := range deliveries {
		text += fmt.Sprintf("delivery %s %s; ", x.ID, x.Status)
	}
	return text
}

// testWriteAlerts: a change of a state, its alert and its deliveries are stored together or not at all; of two writes from
// one state one is made; none is made under a lease that another process took; what goes with a rule ends with it.
func testWriteAlerts(t *testing.T, open Open) {
	s := fresh(t, open)
	w := s.withAlerts()
	lease, err := s.Acquire(ctx, store.TaskAlerts, "p", time.Minute)
	require.NoError(t, err)
	w.Epoch = lease.Epoch
	require.NoError(t, s.WriteAlerts(ctx, w))
	fired := "state r/k 1; alert a true; delivery d waiting; "
	require.Equal(t, fired, s.outcome())
	alerts, _, err := s.Alerts(ctx, store.AlertQuery{})
	require.NoError(t, err)
	require.Equal(t, w.Alerts, alerts)
	states, err := s.AlertStates(ctx)
	require.NoError(t, err)
	require.Equal(t, []store.AlertState{{Rule: "r", Subject: "k", Data: []byte{1, 0}, Version: 1}}, states)

	repeated := w
	repeated.Alerts = []store.Alert{{ID: "b", Rule: "r", StartedAt: start, Document: json.RawMessage("{}")}}
	require.ErrorIs(t, s.WriteAlerts(ctx, repeated), store.ErrChanged, "the state is there already")
	repeated.States = []store.AlertState{{Rule: "r", Subject: "k", Data: []byte{2}, Version: 9}}
	require.ErrorIs(t, s.WriteAlerts(ctx, repeated), store.ErrChanged)
	repeated.States = []store.AlertState{{Rule: "none", Data: []byte{2}}}
	require.ErrorIs(t, s.WriteAlerts(ctx, repeated), store.ErrChanged, "there is no such rule")
	require.Equal(t, fired, s.outcome())

	require.NoError(t, s.Release(ctx, lease))
	other, err := s.Acquire(ctx, store.TaskAlerts, "q", time.Minute)
	require.NoError(t, err)
	resolved := store.AlertWrite{
		Epoch: lease.Epoch, States: []store.AlertState{{Rule: "r", Subject: "k", Version: 1}},
		Alerts:     []store.Alert{{ID: "a", Rule: "r", Subject: "k", Severity: "critical", StartedAt: start, EndedAt: start.Add(1), Document: json.RawMessage(`{}`)}},
		Deliveries: []store.AlertDelivery{aDelivery("e", "c", start.Add(1)), aDelivery("d", "c", start), aDelivery("f", "gone", start)},
	}
	require.ErrorIs(t, s.WriteAlerts(ctx, resolved), store.ErrFenced)
	require.Equal(t, fired, s.outcome())
	resolved.Epoch = other.Epoch
	require.NoError(t, s.WriteAlerts(ctx, resolved))
	require.Equal(t, "alert a false; delivery e waiting; delivery f dead; delivery d waiting; ", s.outcome())
	require.NoError(t, s.Release(ctx, other))

	again := store.AlertWrite{States: w.States, Alerts: []store.Alert{{ID: "b", Rule: "r", StartedAt: start.Add(2), Document: json.RawMessage("{}")}}}
	require.NoError(t, s.WriteAlerts(ctx, again))
	requireEnds(t, s)
	require.NoError(t, s.DeleteAlertChannel(ctx, "c", 0, audited))
	s.restart()
	require.Equal(t, "alert b false; alert a false; delivery e dead; delivery told at the end dead; delivery f dead; delivery d dead; ", s.outcome())
	again.States[0].Version = 1
	require.ErrorIs(t, s.WriteAlerts(ctx, again), store.ErrChanged, "the rule is gone")
}

// requireEnds: a rule is removed with what is told of its end, or, where its states are others by then, not at all.
func requireEnds(t *testing.T, s *opened) {
	t.Helper()
	all, err := s.AlertStates(ctx)
	require.NoError(t, err)
	end := store.AlertEnd{Deliveries: []store.AlertDelivery{{
		ID: "told at the end", Channel: "c", Rule: "r", Notification: json.RawMessage("{}"), CreatedAt: start, UpdatedAt: start, NextAt: start, Status: store.DeliveryWaiting,
	}}}
	for _, state := range all {
		if state.Rule == "r" {
			end.States = append(end.States, state)
		}
	}
	require.NotEmpty(t, end.States)
	stale := store.AlertEnd{States: slices.Clone(end.States)}
	stale.States[0].Version++
	require.ErrorIs(t, s.DeleteAlertRule(ctx, "r", 0, audited, stale), store.ErrAlertStates)
	stale.States = stale.States[1:]
	require.ErrorIs(t, s.DeleteAlertRule(ctx, "r", 0, audited, stale), store.ErrAlertStates)
	told := func() int {
		_, n, err := s.Deliveries(ctx, store.DeliveryQuery{IDs: []string{"told at the end"}})
		require.NoError(t, err)
		return n
	}
	require.Zero(t, told())
	require.NoError(t, s.DeleteAlertRule(ctx, "r", 0, audited, end))
	require.Equal(t, 1, told())
}

// testAlertRace: of many who write from one state at once, one succeeds, and its delivery alone is there.
func testAlertRace(t *testing.T, open Open) {
	s := fresh(t, open)
	w := s.withAlerts()
	const writers = 4
	errs := make([]error, writers)
	var wait sync.WaitGroup
	for i := range errs {
		wait.Go(func() {
			mine := w
			mine.Alerts, mine.Deliveries = nil, []store.AlertDelivery{aDelivery(fmt.Sprint("d", i), "c", start)}
			errs[i] = s.WriteAlerts(ctx, mine)
		})
	}
	wait.Wait()
	var won int
	for i, err := range errs {
		if err == nil {
			won++
			require.Equal(t, fmt.Sprintf("state r/k 1; delivery d%d waiting; ", i), s.outcome())
		} else {
			require.True(t, errors.Is(err, store.ErrChanged), err)
		}
	}
	require.Equal(t, 1, won)
}

// testAlertHistory: alerts are found by what they are, page by page, and old ones are dropped but not those that fire.
func testAlertHistory(t *testing.T, open Open) {
	s := fresh(t, open)
	var w store.AlertWrite
	for i := range 6 {
		a := store.Alert{
			ID: fmt.Sprint("a", i), Rule: fmt.Sprint("r", i%2), Severity: "warning", StartedAt: start.Add(time.Duration(i/2) * time.Minute),
			EndedAt: start.Add(time.Hour), Document: json.RawMessage("{}"),
		}
		if i == 0 {
			a.EndedAt = time.Time{}
		}
		w.Alerts = append(w.Alerts, a)
		w.Deliveries = append(w.Deliveries, aDelivery(fmt.Sprint("d", i), "none", a.StartedAt))
	}
	require.NoError(t, s.WriteAlerts(ctx, w))
	ids := func(q store.AlertQuery) (out []string) {
		alerts, _, err := s.Alerts(ctx, q)
		require.NoError(t, err)
		for _, a := range alerts {
			out = append(out, a.ID)
		}
		return out
	}
	require.Equal(t, []string{"a5", "a4", "a3", "a2", "a1", "a0"}, ids(store.AlertQuery{}))
	require.Equal(t, []string{"a4", "a2", "a0"}, ids(store.AlertQuery{Rules: []string{"r0"}, Severities: []string{"warning"}}))
	require.Equal(t, []string{"a4", "a1"}, ids(store.AlertQuery{IDs: []string{"a1", "a4", "none"}}))
	require.Equal(t, []string{"a0"}, ids(store.AlertQuery{Firing: true}))
	require.Len(t, ids(store.AlertQuery{Ended: true}), 5)
	require.Equal(t, []string{"a3", "a2"}, ids(store.AlertQuery{From: start.Add(time.Minute), To: start.Add(2 * time.Minute)}))
	require.Empty(t, ids(store.AlertQuery{Severities: []string{"info"}}))
	page, total, err := s.Alerts(ctx, store.AlertQuery{After: "a4", Limit: 2})
	require.NoError(t, err)
	require.Equal(t, 6, total)
	require.Equal(t, []string{"a3", "a2"}, []string{page[0].ID, page[1].ID})
	_, _, err = s.Alerts(ctx, store.AlertQuery{After: "none"})
	require.ErrorIs(t, err, store.ErrCursor)
	_, _, err = s.Deliveries(ctx, store.DeliveryQuery{After: "none"})
	require.ErrorIs(t, err, store.ErrCursor)

	n, err := s.DropAlerts(ctx, start, 3, 1)
	require.NoError(t, err)
	require.Equal(t, 2, n, "one of each")
	n, err = s.DropAlerts(ctx, start, 3, 10)
	require.NoError(t, err)
	require.Equal(t, 3, n)
	require.Equal(t, []string{"a5", "a4", "a3", "a0"}, ids(store.AlertQuery{}))
	n, err = s.DropAlerts(ctx, start.Add(2*time.Hour), 100, 100)
	require.NoError(t, err)
	require.Equal(t, 6, n)
	require.Equal(t, []string{"a0"}, ids(store.AlertQuery{}), "it fires")
}

// testDeliveries: the queue has what waits and is due, in order; a change is made to the version that was read.
func testDeliveries(t *testing.T, open Open) {
	s := fresh(t, open)
	w := s.withAlerts()
	later := aDelivery("later", "c", start)
	later.NextAt = start.Add(time.Minute)
	w.Deliveries = append(w.Deliveries, later, aDelivery("b", "c", start))
	require.NoError(t, s.WriteAlerts(ctx, w))
	require.ErrorIs(t, s.AddDelivery(ctx, aDelivery("t", "none", start), audited), store.ErrAlertUnknown)
	test := aDelivery("t", "c", start.Add(-time.Second))
	require.NoError(t, s.AddDelivery(ctx, test, audited))
	s.restart()
	due, err := s.DueDeliveries(ctx, start, 2)
	require.NoError(t, err)
	require.Equal(t, []store.AlertDelivery{test, w.Deliveries[2]}, due)

	tried := due[1]
	tried.Attempts, tried.LastError, tried.NextAt, tried.UpdatedAt = 1, "refused", start.Add(time.Hour), start.Add(time.Second)
	n := len(s.entries(store.AuditFilter{}))
	require.NoError(t, s.UpdateDelivery(ctx, 0, tried))
	require.Len(t, s.entries(store.AuditFilter{}), n)
	require.ErrorIs(t, s.UpdateDelivery(ctx, 0, tried), store.ErrChanged)
	require.ErrorIs(t, s.UpdateDelivery(ctx, 99, tried), store.ErrFenced)
	unknown := tried
	unknown.ID = "none"
	require.ErrorIs(t, s.UpdateDelivery(ctx, 0, unknown), store.ErrAlertUnknown)
	tried.Version++
	got, total, err := s.Deliveries(ctx, store.DeliveryQuery{IDs: []string{"b"}, Channels: []string{"c"}, Rules: []string{"r"}, Alerts: []string{"a"}, Statuses: []store.DeliveryStatus{store.DeliveryWaiting}})
	require.NoError(t, err)
	require.Equal(t, 1, total)
	require.Equal(t, []store.AlertDelivery{tried}, got)
	tried.Status = store.DeliverySent
	require.NoError(t, s.UpdateDelivery(ctx, 0, tried, audited))
	require.Len(t, s.entries(store.AuditFilter{}), n+1)
	due, err = s.DueDeliveries(ctx, start.Add(2*time.Hour), 10)
	require.NoError(t, err)
	require.Len(t, due, 3)
	require.Equal(t, []string{"t", "d", "later"}, []string{due[0].ID, due[1].ID, due[2].ID})
	got, total, err = s.Deliveries(ctx, store.DeliveryQuery{Limit: 1})
	require.NoError(t, err)
	require.Equal(t, 4, total)
	require.Equal(t, "later", got[0].ID)
}
