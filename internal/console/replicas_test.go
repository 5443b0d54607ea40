package console_test

import (
	"context"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/access"
	"github.com/tokenboard/tokenboard/internal/console"
	"github.com/tokenboard/tokenboard/internal/console/api"
	"github.com/tokenboard/tokenboard/internal/console/consoletest"
	"github.com/tokenboard/tokenboard/internal/ledger"
	"github.com/tokenboard/tokenboard/internal/store/postgres"
	"github.com/tokenboard/tokenboard/internal/store/postgres/pgtest"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// replicaConsoles returns consoles of replicas that share a PostgreSQL database.
func replicaConsoles(t *testing.T, dsn string, n int) []*consoletest.Secured {
	t.Helper()
	var all []*consoletest.Secured
	for range n {
		o := postgres.Options{KeySecret: make(usage.KeySecret, postgres.SecretSize)}
		o.DSN, o.MaxConnections = dsn, 8
		e, err := postgres.Open(context.Background(), o)
		require.NoError(t, err)
		l, err := ledger.Open(context.Background(), e, ledger.Options{Shared: true, KeySecret: o.KeySecret})
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, l.Close()) })
		all = append(all, consoletest.NewSecured(t, func(c *console.Options) {
			c.Ledger, c.Directory, c.Now = l, e.Directory(), time.Now
		}))
	}
	return all
}

// TestReplicasShareAccess: who signs in at one replica is signed in at all; a session that is ended, an API token that is
// removed and a key that is revoked at one replica are refused by the others within a second.
func TestReplicasShareAccess(t *testing.T) {
	var server pgtest.Server
	t.Cleanup(server.End)
	both := replicaConsoles(t, server.Schema(t), 2)
	a, b := both[0], both[1]
	a.Now, b.Now = time.Now(), time.Now()
	admin := a.NewPerson("root", access.Admin)
	status := func(at *consoletest.Secured, header map[string]string) int {
		return at.Do("GET", api.Base+"/stats", "", header).Code
	}
	require.Equal(t, 200, status(a, admin.Header))
	require.Equal(t, 200, status(b, admin.Header), "the session is known to the other replica")

	script := admin.Token(access.Admin)
	stats := func() int { return b.Do("GET", api.Base+"/stats", "", script.Header).Code }
	require.Equal(t, 200, stats())
	require.Equal(t, 200, admin.Do("DELETE", "/tokens/"+admin.TokenIDs()[0], "").Code)
	require.Equal(t, 401, stats())

	made := consoletest.Read[struct {
		ID  string `json:"id"`
		Key string `json:"key"`
	}](t, admin.Do("POST", "/keys", `{"name":"k"}`), 201)
	check := func(at *consoletest.Secured) int {
		return at.Do("POST", api.Base+"/keys/verify", `{"key":"`+made.Key+`"}`, admin.Header).Code
	}
	require.Equal(t, 200, check(a))
	require.Eventually(t, func() bool { return check(b) == 200 }, 30*time.Second, 10*time.Millisecond)
	w := admin.Do("DELETE", "/keys/"+made.ID, "")
	require.Less(t, w.Code, 300, w.Body)
	require.NotEqual(t, 200, check(a))
	time.Sleep(time.Second) // as docs/keys.md says
	require.NotEqual(t, 200, check(b))

	require.Less(t, admin.Do("DELETE", "/session", "").Code, 300)
	require.Equal(t, 401, status(b, admin.Header))
}

// TestReplicasShareMetrics: calls are in the metrics of the replica that leads only, in each format: sums over replicas are
// right then.
func TestReplicasShareMetrics(t *testing.T) {
	var server pgtest.Server
	t.Cleanup(server.End)
	both := replicaConsoles(t, server.Schema(t), 2)
	for _, c := range both {
		c.Now = time.Now()
	}
	admin := both[0].NewPerson("root", access.Admin)
	header := admin.Token(access.Admin).Header
	both[0].Calls(time.Now().Add(-time.Hour))
	for _, c := range both {
		require.Eventually(t, func() bool {
			known, _ := c.Ledger.Series()
			return len(known) == 1
		}, 30*time.Second, 10*time.Millisecond)
	}
	for i, c := range both {
		for _, accept := range []string{"", "application/openmetrics-text;version=1.0.0", "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited"} {
			asked := maps.Clone(header)
			asked["Accept"] = accept
			w := c.Do("GET", "/metrics", "", asked)
			require.Equal(t, 200, w.Code)
			require.Contains(t, w.Body.String(), "tokenboard_replica_leader")
			require.Equal(t, c.Ledger.Role().Leading, strings.Contains(w.Body.String(), "tokenboard_calls"), "replica %d, %q", i, accept)
		}
	}
	require.NotEqual(t, both[0].Ledger.Role().Leading, both[1].Ledger.Role().Leading)
}
