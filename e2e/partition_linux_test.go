package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/store/postgres/pgtest"
)

// apart are replicas in network namespaces of their own.
type apart struct {
	*replicaSet
	hosts []*host

	cut struct {
		sync.Mutex
		who   int // the one without the database; -1: none
		since time.Time
		wrong []string // what was acknowledged without it
	}
}

func startApart(t *testing.T, server *pgtest.Server, n int) *apart {
	t.Helper()
	nets := newNetworks(t)
	server.Networks = []netip.Prefix{nets.database}
	dsn, err := url.Parse(server.Schema(t))
	require.NoError(t, err)
	dsn.Host = net.JoinHostPort(nets.database.Addr().String(), dsn.Port())
	a := &apart{replicaSet: &replicaSet{
		t: t, args: onPostgres(t, dsn.String()), k: killed{start: time.Now().Add(-time.Hour).UnixNano()},
		all: make([]*process, n), away: make([]bool, n), left: make([]int, n),
	}}
	a.cut.who = -1
	for i := range n {
		h := nets.host(i)
		a.hosts = append(a.hosts, h)
		const console = "127.0.0.1:8317"
		otlp := net.JoinHostPort(h.address.String(), "4318")
		p := &process{t: t, console: "http://" + h.forward(console), otlp: "http://" + otlp, stderr: &buffer{}}
		p.launch(h.command(binary, a.args...), environment(t.TempDir(), console, "127.0.0.1:4317", otlp))
		p.waitUntilReady()
		a.all[i] = p
	}
	return a
}

// deliver sends a request to one replica after the other until one acknowledges it, also to those that cannot.
func (a *apart) deliver(i int) {
	for {
		at := rand.IntN(len(a.all))
		began := time.Now()
		trying, cancel := context.WithTimeout(context.Background(), 3*time.Second)
		ok := a.all[at].send(trying, "traces", a.k.body(i))
		cancel()
		if !ok {
			continue
		}
		a.acked.Add(1)
		a.cut.Lock()
		if a.cut.who == at && began.After(a.cut.since) {
			a.cut.wrong = append(a.cut.wrong, fmt.Sprintf("%d by replica %d", i, at))
		}
		a.cut.Unlock()
		return
	}
}

// goesOn waits until more requests were acknowledged.
func (a *apart) goesOn() {
	a.t.Helper()
	more := a.acked.Load() + 50
	require.Eventually(a.t, func() bool { return a.acked.Load() > more }, time.Minute, time.Millisecond, "it goes on")
}

// fromDatabase cuts a replica from the database, not from its senders.
func (a *apart) fromDatabase(i int) {
	a.hosts[i].pull('d')
	a.cut.Lock()
	defer a.cut.Unlock()
	a.cut.who, a.cut.since = i, time.Now()
}

func (a *apart) heal(i int) {
	a.cut.Lock()
	a.cut.who = -1
	a.cut.Unlock()
	a.hosts[i].plug('d')
	a.hosts[i].plug('s')
}

// TestPartitions: the leader is cut from the database and not from its senders, and the other way round. Nothing is acknowledged
// without the database; a leader without it is followed by another one within 10 s, and what it tries to write later
// is refused; a leader without senders goes on. In the end each acknowledged call counts once. TOKENBOARD_PARTITIONS is
// how often each cable is pulled.
func TestPartitions(t *testing.T) {
	times := 1
	if more, err := strconv.Atoi(os.Getenv("TOKENBOARD_PARTITIONS")); err == nil {
		times = more
	}
	var server pgtest.Server
	t.Cleanup(server.End)
	a := startApart(t, &server, 3)
	var ended atomic.Bool
	var senders sync.WaitGroup
	for range 6 {
		senders.Go(func() {
			for !ended.Load() {
				a.deliver(int(a.next.Add(1)) - 1)
			}
		})
	}
	for range times {
		a.goesOn()
		a.leaderWithoutDatabase()
		a.goesOn()
		a.leaderWithoutSenders()
	}
	a.goesOn()
	ended.Store(true)
	senders.Wait()
	sent := int(a.next.Load())
	require.EqualValues(t, sent, a.acked.Load())
	require.Empty(t, a.cut.wrong, "acknowledged without the database")
	all := a.k.sum(upTo(sent))
	a.settled(all)
	for i := range min(sent, 300) {
		a.deliver(i)
	}
	a.settled(all)
	for _, p := range a.all {
		p.stop(syscall.SIGTERM)
	}
	t.Logf("%d requests", sent)
}

// asked reads a route that may have no answer for a while: a machine that is busy can take longer than the database's
// time-outs, and then a replica says that it cannot be reached now.
func asked[T any](a *apart, p *process, path string) (data T) {
	a.t.Helper()
	require.Eventually(a.t, func() bool {
		res, err := http.Get(p.console + "/api/console" + path)
		if err != nil {
			return false
		}
		defer res.Body.Close()
		var e struct{ Data T }
		if res.StatusCode != http.StatusOK || json.NewDecoder(res.Body).Decode(&e) != nil {
			return false
		}
		data = e.Data
		return true
	}, time.Minute, 50*time.Millisecond, "%s is answered", path)
	return data
}

// leading returns the replica that leads, and its epoch, as the database says too: one that was suspended by a busy machine
// takes a moment to see that its lease has ended.
func (a *apart) leading() (leader int, epoch int64) {
	a.t.Helper()
	require.Eventually(a.t, func() bool {
		leader = a.leader()
		c := asked[cluster](a, a.all[leader], "/cluster")
		epoch = c.Epoch
		for _, r := range c.Replicas {
			if r.Self && r.Leader {
				return true
			}
		}
		return false
	}, time.Minute, 50*time.Millisecond)
	return leader, epoch
}

// leaseLength is how long a leader leads that cannot reach the database; askedEvery is time for a question that it is asked meanwhile, on a
// machine that is busy.
const leaseLength, askedEvery = 6 * time.Second, 5 * time.Second

// requireFollows waits until a replica without the database says that it does not lead, when its lease has ended.
func (a *apart) requireFollows(i int, cut time.Time) {
	a.t.Helper()
	for a.all[i].leads() {
		require.Less(a.t, time.Since(cut), leaseLength+askedEvery, "it leads no longer than its lease")
		time.Sleep(50 * time.Millisecond)
	}
}

// leaderWithoutDatabase pulls the leader's cable to the database until it is not ready, which takes no longer than its lease, and another
// one leads.
func (a *apart) leaderWithoutDatabase() {
	a.t.Helper()
	old, epoch := a.leading()
	a.fromDatabase(old)
	began := time.Now()
	a.leave(old) // the search for a leader passes it over
	for a.all[old].ready() {
		require.Less(a.t, time.Since(began), leaseLength+askedEvery, "it says that it cannot when its lease has ended")
		time.Sleep(50 * time.Millisecond)
	}
	unready := time.Since(began)
	a.requireFollows(old, began)
	next := a.leader()
	took := time.Since(began)
	require.Greater(a.t, asked[cluster](a, a.all[next], "/cluster").Epoch, epoch)
	a.goesOn()
	a.t.Logf("replica %d lost the database: replica %d leads after %s; not ready after %s", old, next, took.Round(time.Millisecond), unready.Round(time.Millisecond))
	a.heal(old)
	a.back(old)
	require.Eventually(a.t, a.all[old].ready, time.Minute, 50*time.Millisecond, "it is ready again")
	if a.all[old].leads() {
		require.Greater(a.t, asked[cluster](a, a.all[old], "/cluster").Epoch, epoch, "it does not lead on as it did, only anew")
	}
}

// leaderWithoutSenders pulls the leader's cable to its senders. It leads on, and decides what the others take. Where the
// machine is so busy that its lease ends meanwhile, this is tried again.
func (a *apart) leaderWithoutSenders() {
	a.t.Helper()
	for range 5 {
		leader, epoch := a.leading()
		p := a.all[leader]
		before := asked[stats](a, p, "/stats").Calls
		a.hosts[leader].pull('s')
		a.goesOn()
		require.Eventually(a.t, func() bool { return asked[stats](a, p, "/stats").Calls >= before+10 }, time.Minute, 20*time.Millisecond, "it shows what the others take")
		now := asked[cluster](a, p, "/cluster")
		a.heal(leader)
		if now.Epoch == epoch && p.leads() {
			return
		}
		a.t.Log("another replica leads: the lease ended meanwhile")
	}
	require.Fail(a.t, "a leader without senders does not lead on")
}
