package e2e

import (
	"context"
	"math/rand/v2"
	"os"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/store/postgres/pgtest"
)

// replicaKills is how many replicas are killed or suspended: 5, or as TOKENBOARD_REPLICA_KILLS says (make torture).
func replicaKills(t *testing.T) int {
	text := os.Getenv("TOKENBOARD_REPLICA_KILLS")
	if text == "" {
		return 5
	}
	n, err := strconv.Atoi(text)
	require.NoError(t, err)
	return n
}

// health is what a replica says of itself.
type health struct {
	Role string `json:"role"`
}

// cluster is what a replica knows of all.
type cluster struct {
	Leader   *string `json:"leader"`
	Epoch    int64   `json:"epoch"`
	Commit   int64   `json:"commit"`
	Replicas []struct {
		Name   string `json:"name"`
		Leader bool   `json:"leader"`
		Self   bool   `json:"self"`
	} `json:"replicas"`
	Inbox struct {
		Batches int64 `json:"batches"`
	} `json:"inbox"`
}

// leads reports whether a process is the one that decides.
func (p *process) leads() bool {
	return p.status("/api/console/health", "") == 200 && get[health](p, "/health").Role == "leader"
}

// replicaSet is replicas on one database, and what was sent to them.
type replicaSet struct {
	t     *testing.T
	args  []string
	dirs  []string
	k     killed
	next  atomic.Int64
	acked atomic.Int64

	mu  sync.Mutex // guards what follows
	all []*process
	// away says of which one a request may fail: it is being killed, or is suspended. So may one that was sent before and is
	// answered when it is back, which is why it is counted how often each went away.
	away    []bool
	left    []int
	refused []string
}

func (r *replicaSet) begin(i int) {
	p := run(r.t, r.dirs[i], r.args...)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.all[i], r.away[i] = p, false
}

func (r *replicaSet) leave(i int) *process {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.away[i] = true
	r.left[i]++
	return r.all[i]
}

func (r *replicaSet) back(i int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.away[i] = false
}

// pick returns a random replica that is there, and how often it went away.
func (r *replicaSet) pick() (i int, p *process, left int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for {
		if i := rand.IntN(len(r.all)); !r.away[i] {
			return i, r.all[i], r.left[i]
		}
	}
}

// deliver sends a request until a replica acknowledges it. A replica that is there all the time must not refuse.
func (r *replicaSet) deliver(ctx context.Context, i int) {
	for ctx.Err() == nil {
		at, p, left := r.pick()
		trying, cancel := context.WithTimeout(ctx, 20*time.Second)
		ok := p.send(trying, "traces", r.k.body(i))
		cancel()
		if ok {
			r.acked.Add(1)
			return
		}
		r.mu.Lock()
		if !r.away[at] && r.left[at] == left && ctx.Err() == nil {
			r.refused = append(r.refused, strconv.Itoa(at))
		}
		r.mu.Unlock()
	}
}

// leader waits for a replica that leads, and returns it.
func (r *replicaSet) leader() int {
	found := -1
	require.Eventually(r.t, func() bool {
		for i, p := range r.all {
			if !r.away[i] && p.leads() {
				found = i
				return true
			}
		}
		return false
	}, time.Minute, 20*time.Millisecond)
	return found
}

// settled waits until all that was acknowledged is decided, and returns what each replica says then.
func (r *replicaSet) settled(want sums) {
	r.t.Helper()
	answers := map[string]string{}
	for _, p := range r.all {
		require.Eventually(r.t, func() bool {
			return get[cluster](p, "/cluster").Inbox.Batches == 0 && get[stats](p, "/stats").sums == want
		}, time.Minute, 50*time.Millisecond, "each replica shows what the reference says")
		for _, question := range []string{"/stats", "/usage-trend", "/breakdown?by=model,user", "/logs?limit=200", "/dimensions/model"} {
			// when it was asked, and the last commit: a replica that started later knows its second only
			answer := regexp.MustCompile(`"(as_of|now|to|generated_at)":"[^"]*"`).ReplaceAllString(p.text("/api/console"+question), "")
			if answers[question] == "" {
				answers[question] = answer
			}
			require.Equal(r.t, answers[question], answer, "%s of two replicas", question)
		}
	}
	leader := r.all[r.leader()]
	requireSameSums(r.t, leader, get[stats](leader, "/stats")) // with the metrics, which the leader alone exports
}

func startReplicas(t *testing.T, server *pgtest.Server, n int) *replicaSet {
	r := &replicaSet{
		t: t, args: onPostgres(t, server.Schema(t)), k: killed{start: time.Now().Add(-time.Hour).UnixNano()}, all: make([]*process, n), away: make([]bool, n), left: make([]int, n),
	}
	for i := range n {
		r.dirs = append(r.dirs, t.TempDir())
		r.begin(i)
	}
	return r
}

// TestReplicas: three replicas are killed and suspended under load, mostly the one that leads. What was acknowledged is counted
// once; the others take requests all the time; and figures are fresh again within 10 s.
func TestReplicas(t *testing.T) {
	var server pgtest.Server
	t.Cleanup(server.End)
	r := startReplicas(t, &server, 3)
	ctx, cancel := context.WithCancel(t.Context())
	var senders sync.WaitGroup
	for range 4 {
		senders.Go(func() {
			for ctx.Err() == nil {
				r.deliver(context.WithoutCancel(ctx), int(r.next.Add(1))-1)
				time.Sleep(10 * time.Millisecond) // all are read again at the end
			}
		})
	}
	slowest := time.Duration(0)
	for n := range replicaKills(t) {
		victim := r.leader()
		if n%4 == 3 {
			victim = rand.IntN(len(r.all))
		}
		p := r.leave(victim)
		began := time.Now()
		suspended := n%3 == 1
		if suspended { // for longer than a lease
			require.NoError(t, p.cmd.Process.Signal(syscall.SIGSTOP))
		} else {
			p.stop(syscall.SIGKILL)
		}
		r.leader()
		took := time.Since(began)
		slowest = max(slowest, took)
		t.Logf("%d: replica %d, suspended %t: another one leads after %s; %d acknowledged", n, victim, suspended, took.Round(time.Millisecond), r.acked.Load())
		if suspended {
			time.Sleep(time.Second)
			require.NoError(t, p.cmd.Process.Signal(syscall.SIGCONT))
			r.back(victim)
		} else {
			r.begin(victim)
		}
		more := r.acked.Load() + 50
		require.Eventually(t, func() bool { return r.acked.Load() > more }, time.Minute, time.Millisecond, "it goes on")
	}
	cancel()
	senders.Wait()
	sent := int(r.next.Load())
	require.EqualValues(t, sent, r.acked.Load())
	all := r.k.sum(upTo(sent))
	r.settled(all)
	require.Empty(t, r.refused, "a replica that was there refused")
	for i := range min(sent, 500) { // again, to others
		r.deliver(t.Context(), i)
	}
	r.settled(all)
	require.GreaterOrEqual(t, len(get[cluster](r.all[0], "/cluster").Replicas), 3, "those that were killed are listed for some minutes")
	leader := r.leader()
	for i, p := range r.all {
		require.Equal(t, i == leader, strings.Contains(p.text("/metrics"), "tokenboard_calls_total{"), "calls are exported by the leader, replica %d, only: replica %d", leader, i)
	}
	for _, p := range r.all { // after all were asked: another one leads as soon as the leader has stopped
		p.stop(syscall.SIGTERM)
	}
	t.Logf("%d requests, slowest change of the leader %s", sent, slowest)
	require.Less(t, slowest, 10*time.Second)
}
