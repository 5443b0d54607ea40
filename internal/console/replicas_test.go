package console_test

import (
	"bufio"
	"context"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/access"
	"github.com/tokenboard/tokenboard/internal/access/throttle"
	"github.com/tokenboard/tokenboard/internal/console"
	"github.com/tokenboard/tokenboard/internal/console/api"
	"github.com/tokenboard/tokenboard/internal/console/consoletest"
	"github.com/tokenboard/tokenboard/internal/console/users"
	"github.com/tokenboard/tokenboard/internal/ledger"
	"github.com/tokenboard/tokenboard/internal/store/postgres"
	"github.com/tokenboard/tokenboard/internal/store/postgres/pgtest"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// server is one for all tests, each with a schema of its own.
var server pgtest.Server

func TestMain(m *testing.M) { os.Exit(pgtest.Main(m, &server)) }

// replicaConsoles returns consoles of replicas that share a PostgreSQL database.
func replicaConsoles(t *testing.T, dsn string, n int, with ...func(*console.Options)) []*consoletest.Secured {
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
			for _, f := range with {
				f(c)
			}
		}))
	}
	return all
}

// TestReplicasShareAccess: who signs in at one replica is signed in at all; a session that is ended, an API token that is
// removed and a key that is revoked at one replica are refused by the others within a second.
func TestReplicasShareAccess(t *testing.T) {
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
	require.Eventually(t, func() bool { return check(b) == 200 }, time.Minute, 10*time.Millisecond)
	w := admin.Do("DELETE", "/keys/"+made.ID, "")
	require.Less(t, w.Code, 300, w.Body)
	require.NotEqual(t, 200, check(a))
	require.Eventually(t, func() bool { return check(b) != 200 }, time.Minute, 10*time.Millisecond) // a second, docs/keys.md says, where the machine is idle

	require.Less(t, admin.Do("DELETE", "/session", "").Code, 300)
	require.Equal(t, 401, status(b, admin.Header))
}

// deviceOf returns the device cookie of a sign-in.
func deviceOf(t *testing.T, w *httptest.ResponseRecorder) *http.Cookie {
	t.Helper()
	require.Equal(t, 200, w.Code, w.Body)
	for _, c := range w.Result().Cookies() {
		if strings.HasSuffix(c.Name, users.DeviceCookie) {
			return c
		}
	}
	require.Fail(t, "no device", w.Header())
	return nil
}

// TestReplicasShareSignInLimits: who spreads guesses over replicas gets as many as at one. Who is right gets in at each of them, on a
// device that another one knows.
func TestReplicasShareSignInLimits(t *testing.T) {
	all := replicaConsoles(t, server.Schema(t), 3, func(c *console.Options) {
		c.SignIn.Limits = throttle.Default
		c.SignIn.Limits.Pair = throttle.Rising{Free: 5, First: time.Hour, Most: time.Hour, Forget: 24 * time.Hour} // however slow this is
		c.Proxies = []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}
	})
	all[0].User("alice", access.Admin)
	all[0].User("bob", access.Viewer)
	known := deviceOf(t, all[0].From("198.51.100.8", "alice", consoletest.TestPassword))
	got := map[int]int{}
	for i := range 60 {
		got[all[i%3].From("198.51.100.7", "alice", "guess number "+strconv.Itoa(i)).Code]++
	}
	require.Equal(t, map[int]int{401: 5, 429: 55}, got, "one source at one user, as at a single process")
	for i, c := range all {
		for range 5 { // more often than there are guesses
			require.Equal(t, 200, c.From("198.51.100.7", "bob", consoletest.TestPassword).Code, "replica %d: another user", i)
			require.Equal(t, 200, c.From("198.51.100.7", "alice", consoletest.TestPassword, known).Code, "replica %d: a known device", i)
			require.Equal(t, 200, c.From("198.51.100.9", "alice", consoletest.TestPassword).Code, "replica %d: another source", i)
		}
	}
}

// TestReplicasShareMetrics: calls are in the metrics of the replica that leads only, in each format: sums over replicas are
// right then.
func TestReplicasShareMetrics(t *testing.T) {
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
		}, time.Minute, 10*time.Millisecond)
	}
	for i, c := range both {
		for _, accept := range []string{"", "application/openmetrics-text;version=1.0.0", "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited"} {
			asked := maps.Clone(header)
			asked["Accept"] = accept
			before := c.Ledger.Role()
			w := c.Do("GET", "/metrics", "", asked)
			require.Equal(t, 200, w.Code)
			require.Contains(t, w.Body.String(), "tokenboard_replica_leader")
			if after := c.Ledger.Role(); before.Leading == after.Leading { // it had no other role meanwhile
				require.Equal(t, after.Leading, strings.Contains(w.Body.String(), "tokenboard_calls"), "replica %d, %q", i, accept)
			}
		}
	}
	require.Eventually(t, func() bool { return both[0].Ledger.Role().Leading != both[1].Ledger.Role().Leading }, time.Minute, 10*time.Millisecond)
}

// TestReplicasResumeStreams: a client of the live stream that comes back to another replica goes on where it was, without
// loading the log again.
func TestReplicasResumeStreams(t *testing.T) {
	all := replicaConsoles(t, server.Schema(t), 3)
	var header map[string]string
	var at []*httptest.Server
	for i, c := range all {
		c.Now = time.Now()
		if i == 0 {
			header = c.NewPerson("root", access.Admin).Token(access.Viewer).Header
		}
		s := httptest.NewServer(c.Handler)
		t.Cleanup(s.Close)
		t.Cleanup(c.Console.Close) // before it
		at = append(at, s)
	}
	lines := make(chan string)
	open := func(i int, last string) (hangUp func()) {
		ctx, cancel := context.WithCancel(t.Context())
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, at[i].URL+api.Base+"/logs/stream", nil)
		require.NoError(t, err)
		for k, v := range header {
			req.Header.Set(k, v)
		}
		req.Header.Set("Last-Event-ID", last)
		res, err := http.DefaultClient.Do(req)
		require.NoError(t, err)
		require.Equal(t, 200, res.StatusCode)
		done := make(chan struct{})
		go func() {
			defer close(done)
			defer res.Body.Close()
			for sc := bufio.NewScanner(res.Body); sc.Scan(); {
				select {
				case lines <- sc.Text():
				case <-ctx.Done():
					return
				}
			}
		}()
		return func() { cancel(); <-done }
	}
	sent, heard, last := 0, 0, ""
	hangUp := open(0, "")
	for round := range 9 {
		for range 1 + round%3 {
			b := consoletest.CallOf(sent, nil)
			b.Calls[0].Start = time.Now().Add(-time.Minute)
			require.NoError(t, all[sent%3].Ledger.Commit(t.Context(), b))
			sent++
		}
		for waited := time.After(time.Minute); heard < sent; {
			select {
			case line := <-lines:
				require.NotEqual(t, "event: skipped", line)
				if id, is := strings.CutPrefix(line, "id: "); is {
					last = id
				}
				if line == "event: call" {
					heard++
				}
			case <-waited:
				require.Fail(t, "a call is missing", "%d of %d", heard, sent)
			}
		}
		hangUp()
		b := consoletest.CallOf(sent, nil) // while nobody listens
		b.Calls[0].Start = time.Now().Add(-time.Minute)
		require.NoError(t, all[(sent+1)%3].Ledger.Commit(t.Context(), b))
		sent++
		hangUp = open((round+1)%3, last)
	}
	hangUp()
	require.GreaterOrEqual(t, sent, heard)
}

// TestReplicasShareSetup: the token that one replica printed makes the first admin at another one, and only once.
func TestReplicasShareSetup(t *testing.T) {
	all := replicaConsoles(t, server.Schema(t), 3)
	var tokens []string
	for _, c := range all {
		c.Now = time.Now()
		token, err := c.Console.SetupToken(t.Context())
		require.NoError(t, err)
		require.NotEmpty(t, token)
		tokens = append(tokens, token)
	}
	needs := func(c *consoletest.Secured) bool {
		return consoletest.Read[struct {
			NeedsSetup bool `json:"needs_setup"`
		}](t, c.Do("GET", api.Base+"/session", "", nil), 200).NeedsSetup
	}
	var made sync.WaitGroup
	var codes [3]int
	for i, c := range all {
		require.True(t, needs(c))
		body := `{"token":"` + tokens[(i+1)%3] + `","username":"root` + strconv.Itoa(i) + `","password":"` + consoletest.TestPassword + `"}`
		made.Go(func() { codes[i] = c.Do("POST", api.Base+"/session/setup", body, nil).Code })
	}
	made.Wait()
	slices.Sort(codes[:])
	require.Equal(t, [3]int{200, 409, 409}, codes)
	for _, c := range all {
		require.False(t, needs(c))
		token, err := c.Console.SetupToken(t.Context())
		require.NoError(t, err)
		require.Empty(t, token)
	}
}

// TestReplicasBootstrap: replicas that start at one time with a configured password make one admin, and all start.
func TestReplicasBootstrap(t *testing.T) {
	all := replicaConsoles(t, server.Schema(t), 3)
	var started sync.WaitGroup
	var failed [3]error
	for i, c := range all {
		started.Go(func() { failed[i] = c.Console.Bootstrap(t.Context(), "root", consoletest.TestPassword) })
	}
	started.Wait()
	require.Equal(t, [3]error{}, failed)
}
