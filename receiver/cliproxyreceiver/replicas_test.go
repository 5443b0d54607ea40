package cliproxyreceiver

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"

	"github.com/tokenboard/tokenboard/internal/cliproxy/cliproxytest"
	"github.com/tokenboard/tokenboard/internal/ledger"
	"github.com/tokenboard/tokenboard/internal/store/postgres"
	"github.com/tokenboard/tokenboard/internal/store/postgres/pgtest"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// sharedStore is a tokenstore extension on a database that replicas share.
type sharedStore struct {
	component.StartFunc
	component.ShutdownFunc
	ledger *ledger.Ledger
	engine *postgres.Engine
}

func (s *sharedStore) Ledger() *ledger.Ledger { return s.ledger }

func openShared(t *testing.T, dsn string) *sharedStore {
	t.Helper()
	o := postgres.Options{KeySecret: make(usage.KeySecret, postgres.SecretSize)}
	o.DSN, o.MaxConnections = dsn, 4
	e, err := postgres.Open(context.Background(), o)
	require.NoError(t, err)
	l, err := ledger.Open(context.Background(), e, ledger.Options{Shared: true, KeySecret: o.KeySecret})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, l.Close()) })
	return &sharedStore{ledger: l, engine: e}
}

// TestReplicasTakeTurns: of replicas with the same receiver, one takes a proxy's events. Another one does when that one ends or
// loses its lease; every event arrives once, and no replica says that something is wrong with the proxy.
func TestReplicasTakeTurns(t *testing.T) {
	var server pgtest.Server
	t.Cleanup(server.End)
	dsn := server.Schema(t)
	first := newWorld(t, cliproxytest.Options{})
	all := []*world{first}
	for len(all) < 3 {
		w := &world{t: t, proxy: first.proxy, next: first.next, config: first.config, dir: t.TempDir(), tel: componenttest.NewTelemetry()}
		t.Cleanup(func() { _ = w.tel.Shutdown(context.Background()) })
		all = append(all, w)
	}
	var stores []*sharedStore
	for _, w := range all {
		stores = append(stores, openShared(t, dsn))
		w.also = map[component.ID]component.Component{component.MustNewID("tokenstore"): stores[len(stores)-1]}
		w.start()
	}
	sent := 0
	emit := func() {
		first.proxy.Emit(events(sent, 50)...)
		sent += 50
	}
	taking := func() int { // the one that takes events; -1 where it is not one
		who := -1
		for i, w := range all {
			if w.r != nil && w.metric("receiver_cliproxy_up") == 1 {
				if who >= 0 {
					return -1
				}
				who = i
			}
		}
		return who
	}
	settled := func(not int) (who int) {
		t.Helper()
		emit()
		first.eventually(fmt.Sprint("events of another than ", not), func() bool { who = taking(); return who >= 0 && who != not && first.next.len() == sent })
		return who
	}

	one := settled(-1)
	all[one].stop() // it ends orderly
	two := settled(one)
	require.Positive(t, all[two].metric("receiver_cliproxy_events"))

	// It loses its lease, as one that was suspended does, or whose machine is gone.
	ctx := t.Context()
	task := "cliproxy/cliproxy/" + first.proxy.URL()[len("http://"):]
	outside := openShared(t, dsn).engine
	cluster, err := outside.Acquire(ctx, task, "somebody", time.Minute)
	require.Error(t, err, "%v", cluster)
	held, err := outside.Acquire(ctx, task, stores[two].ledger.Holder(), time.Minute)
	require.NoError(t, err)
	require.NoError(t, outside.Release(ctx, held))
	require.Eventually(t, func() bool {
		held, err = outside.Acquire(ctx, task, "somebody", time.Minute)
		return err == nil
	}, time.Minute, time.Millisecond, "its name was not %s", task)
	first.eventually("nobody of these", func() bool { return taking() < 0 })
	emit()
	pulled := first.proxy.Pulls()
	time.Sleep(100 * time.Millisecond) // several intervals
	require.Equal(t, pulled, first.proxy.Pulls(), "who has no turn does not ask")
	require.NoError(t, outside.Release(ctx, held))
	settled(one)

	for i, w := range all {
		if w.r != nil {
			w.eventually("an empty backlog", func() bool { return w.metric("receiver_cliproxy_backlog_events") == 0 })
		}
		require.Zero(t, w.metric("receiver_cliproxy_gaps"), "replica %d", i)
		require.Zero(t, w.metric("receiver_cliproxy_other_consumer"), "replica %d", i)
	}
	require.Equal(t, sent, first.next.len())
	require.Equal(t, 1, first.next.mostOften(), "never twice")
}
