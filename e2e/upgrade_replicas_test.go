package e2e

import (
	"context"
	"math/rand/v2"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/store/postgres/pgtest"
)

// olderBinary builds the program as of the format of calls before.
func olderBinary(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "tokenboard-older")
	build := exec.CommandContext(t.Context(), "go", "build", "-C", "..", "-ldflags", "-X github.com/tokenboard/tokenboard/internal/usage/format.newest=1", "-o", path, "./cmd/tokenboard")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	out, err := build.CombinedOutput()
	require.NoError(t, err, "%s", out)
	return path
}

// upgrading are replicas of two versions on one database.
type upgrading struct {
	*replicaSet
	older string
}

// begin starts a replica of the older version, or of this one.
func (u *upgrading) begin(i int, older bool) {
	program := binary
	if older {
		program = u.older
	}
	console, otlp := freeAddress(u.t), freeAddress(u.t)
	p := &process{t: u.t, console: "http://" + console, otlp: "http://" + otlp, stderr: &buffer{}}
	p.launch(exec.Command(program, u.args...), environment(u.t.TempDir(), console, freeAddress(u.t), otlp))
	p.waitUntilReady()
	u.mu.Lock()
	defer u.mu.Unlock()
	u.all[i], u.away[i] = p, false
}

// deliverWithAccount sends a call of an upstream account, which the older version does not read, to a replica of this one.
func (u *upgrading) deliverWithAccount(i, at int) {
	body := strings.Replace(string(u.k.body(i)), `"attributes":[{"key":"gen_ai.operation.name"`,
		`"attributes":[{"key":"tokenboard.account","value":{"stringValue":"main"}},{"key":"gen_ai.operation.name"`, 1)
	require.Contains(u.t, body, "tokenboard.account")
	require.True(u.t, u.all[at].send(context.Background(), "traces", []byte(body)))
	u.acked.Add(1)
}

// TestUpgradeReplicas: two replicas of the version before are replaced one after the other under load. Calls that the older ones
// cannot read are acknowledged and wait until these are gone; nothing is lost, none counts twice. One that was suspended
// meanwhile says that it is too old, and so does one that starts then; neither damages anything.
func TestUpgradeReplicas(t *testing.T) {
	var server pgtest.Server
	t.Cleanup(server.End)
	dsn := server.Schema(t)
	u := &upgrading{older: olderBinary(t), replicaSet: &replicaSet{
		t: t, args: onPostgres(t, dsn), k: killed{start: time.Now().Add(-time.Hour).UnixNano()}, all: make([]*process, 3), away: make([]bool, 3), left: make([]int, 3),
	}}
	u.begin(0, true)
	u.begin(1, true)
	u.begin(2, false)
	var ended atomic.Bool
	var senders sync.WaitGroup
	for range 3 {
		senders.Go(func() {
			for !ended.Load() {
				u.deliver(context.Background(), int(u.next.Add(1))-1)
			}
		})
	}
	goesOn := func() {
		more := u.acked.Load() + 50
		require.Eventually(t, func() bool { return u.acked.Load() > more }, time.Minute, time.Millisecond)
	}
	withAccount := func(n int) {
		for range n {
			u.deliverWithAccount(int(u.next.Add(1))-1, 2)
		}
	}
	goesOn()
	withAccount(20)
	u.leave(0).stop(syscall.SIGTERM)
	u.begin(0, false)
	u.leader()
	withAccount(20)
	goesOn()
	require.GreaterOrEqual(t, get[cluster](u.all[0], "/cluster").Inbox.Batches, int64(40), "what one of the replicas cannot read waits")
	require.True(t, u.all[1].ready(), "it is not disturbed")

	old := u.leave(1) // it is suspended, and as good as gone
	require.NoError(t, old.cmd.Process.Signal(syscall.SIGSTOP))
	role, err := url.Parse(dsn)
	require.NoError(t, err)
	server.Exec(t, "postgres", "UPDATE "+role.User.Username()+".members SET seen = seen - INTERVAL '2 minutes' WHERE reads = 1")
	u.leader()
	waiting := func() bool { return get[cluster](u.all[0], "/cluster").Inbox.Batches >= 40 }
	for deadline := time.Now().Add(time.Minute); waiting(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			require.Fail(t, "it is not decided", "%s\n%s", u.all[0].text("/api/console/cluster"), u.all[2].text("/api/console/cluster"))
		}
	}
	withAccount(rand.IntN(10))
	require.NoError(t, old.cmd.Process.Signal(syscall.SIGCONT))
	require.Eventually(t, func() bool {
		return !old.ready() && strings.Contains(old.stderr.String(), "replace this replica by the newer version")
	}, time.Minute, 50*time.Millisecond)
	late := int(u.next.Add(1)) - 1
	require.True(t, old.send(t.Context(), "traces", u.k.body(late)), "it takes telemetry all the same")
	u.acked.Add(1)
	line := func() string {
		cmd := exec.CommandContext(t.Context(), u.older, u.args...)
		cmd.Env = environment(t.TempDir(), freeAddress(t), freeAddress(t), freeAddress(t))
		out, err := cmd.CombinedOutput()
		require.Error(t, err)
		return string(out)
	}()
	require.Contains(t, line, "was written by a newer version of tokenboard")
	old.stop(syscall.SIGTERM)
	u.begin(1, false)
	goesOn()
	ended.Store(true)
	senders.Wait()
	sent := int(u.next.Load())
	require.EqualValues(t, sent, u.acked.Load())
	u.settled(u.k.sum(upTo(sent)))
	require.Empty(t, u.refused)
	for _, p := range u.all {
		p.stop(syscall.SIGTERM)
	}
}
