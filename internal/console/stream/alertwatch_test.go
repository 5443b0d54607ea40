package stream_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/access"
	"github.com/tokenboard/tokenboard/internal/alert"
	"github.com/tokenboard/tokenboard/internal/console"
	"github.com/tokenboard/tokenboard/internal/console/alerts"
	"github.com/tokenboard/tokenboard/internal/console/consoletest"
	"github.com/tokenboard/tokenboard/internal/console/stream"
	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// writeAlert stores an alert that fires, or that ended.
func writeAlert(t *testing.T, d store.Alerts, id string, ended bool) {
	t.Helper()
	document, err := json.Marshal(alert.Notification{RuleName: "r", Kind: alert.Spend, Value: 7, Limit: 5, Unit: alert.USD, Window: "day", Path: "/explore?model=m"})
	require.NoError(t, err)
	a := store.Alert{ID: id, Rule: "rul_1", Severity: "warning", StartedAt: consoletest.TestNow, Document: document}
	if ended {
		a.EndedAt = consoletest.TestNow.Add(time.Minute)
	}
	require.NoError(t, d.WriteAlerts(context.Background(), store.AlertWrite{Alerts: []store.Alert{a}}))
}

func alertOf(t *testing.T, e sse) (a alerts.Alert) {
	t.Helper()
	require.Equal(t, "alert", e.event)
	require.Empty(t, e.id, "a client that comes back reads the list")
	require.NoError(t, json.Unmarshal([]byte(e.Data), &a))
	return a
}

// TestAlertsInEveryRole: who may see alerts is told when one begins and when it ends, as the list shows it; a member is told
// neither. What fired before is for the list to tell.
func TestAlertsInEveryRole(t *testing.T) {
	for role := access.Member; role <= access.Admin; role++ {
		for _, query := range []string{"", "events=alerts"} {
			t.Run(fmt.Sprint(role, " ", query), func(t *testing.T) {
				b := streamTown(t, "alice's", "bob's")
				b.console.Stream.LookEvery(time.Millisecond)
				writeAlert(t, b.Directory, "alr_before", false)
				p := access.Principal{ID: "usr_alice", Name: "alice", Role: role, Via: "session"}
				l := b.listenAs(t, p, query)
				if query == "" {
					require.Equal(t, "as_of", l.next().event)
				}
				b.Commit(consoletest.CallOf(1, nil))
				writeAlert(t, b.Directory, "alr_1", false)
				if !p.May(access.ReadAlerts) {
					all := b.listenAs(t, access.Principal{ID: "usr_alice", Name: "alice", Role: access.Admin, Via: "session"}, "events=alerts")
					writeAlert(t, b.Directory, "alr_2", false)
					require.Equal(t, "alr_2", alertOf(t, all.next()).ID, "it was told to others")
					if query != "" {
						b.console.Stream.Close()
						rest, err := l.in.ReadString(0)
						require.Error(t, err, "the stream ended")
						require.NotContains(t, rest, "alr_")
						return
					}
					b.Commit(consoletest.CallOf(2, func(c *usage.Call) { c.KeyFingerprint = usage.Fingerprint("alice's") }))
					for e := l.next(); e.event != "call"; e = l.next() {
						require.NotEqual(t, "alert", e.event)
					}
					return
				}
				next := func() sse {
					for {
						e := l.next()
						if query != "" || e.event == "alert" {
							return e
						}
					}
				}
				began := alertOf(t, next())
				require.Equal(t, "alr_1", began.ID)
				require.Equal(t, "firing", began.State)
				writeAlert(t, b.Directory, "alr_1", true)
				ended := alertOf(t, next())
				require.Equal(t, "ended", ended.State)
				require.Equal(t, consoletest.TestNow.Add(time.Minute), *ended.EndedAt)
				ended.State, ended.EndedAt = began.State, nil
				require.Equal(t, began, ended)
			})
		}
	}
}

// TestManyAlerts: a reader that cannot be told of all is told that it missed some.
func TestManyAlerts(t *testing.T) {
	b, _, url := streamBench(t, func(c *console.Console) { c.Stream.LookEvery(time.Millisecond) })
	l := listen(t, url, "events=alerts", "")
	var w store.AlertWrite
	for i := range 3 * stream.AlertsKept {
		w.Alerts = append(w.Alerts, store.Alert{ID: fmt.Sprint("alr_", i), Rule: "rul_1", Severity: "info", StartedAt: consoletest.TestNow, Document: []byte(`{}`)})
	}
	require.NoError(t, b.Directory.WriteAlerts(context.Background(), w))
	for {
		if l.next().event == "skipped" {
			return
		}
	}
}

// flaky is a store whose lists fail while it is broken.
type flaky struct {
	store.Directory
	broken atomic.Bool
}

func (f *flaky) Alerts(ctx context.Context, q store.AlertQuery) ([]store.Alert, int, error) {
	if f.broken.Load() {
		return nil, 0, errors.New("broken")
	}
	return f.Directory.Alerts(ctx, q)
}

// TestAlertsOfAStoreThatFails: a store that fails ends no stream; where it failed at the begin, the reader is told that it may have
// missed something. Nobody looks at the store where nobody listens.
func TestAlertsOfAStoreThatFails(t *testing.T) {
	b, o := consoletest.OpenBench(t, nil)
	f := &flaky{Directory: o.Directory}
	o.Directory, o.Open = f, true
	f.broken.Store(true)
	c := console.New(o)
	c.Stream.LookEvery(time.Millisecond)
	server := httptest.NewServer(c.Handler())
	t.Cleanup(func() {
		c.Close()
		server.Close()
		http.DefaultClient.CloseIdleConnections()
	})
	l := listen(t, server.URL, "events=alerts", "")
	f.broken.Store(false)
	require.Equal(t, "skipped", l.next().event)
	writeAlert(t, b.Directory, "alr_1", false)
	require.Equal(t, "alr_1", alertOf(t, l.next()).ID)
	l.close()
	c.Stream.AwaitNoLook()
}
