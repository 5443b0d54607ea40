package ledger

import (
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/store/postgres"
	"github.com/tokenboard/tokenboard/internal/store/storetest"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// sharedEngine is a PostgreSQL engine whose writes can fail, and which can lose its lease.
type sharedEngine struct {
	*failing
	store.Shared
}

// quick are times with which tests do not wait.
var quick = replicaTimes{
	lease: 3 * time.Second, seek: 5 * time.Millisecond, poll: time.Millisecond, idle: 4 * time.Millisecond, beat: 50 * time.Millisecond,
	againWhole: time.Millisecond, raise: time.Millisecond, falseReports: time.Minute,
}

// replicas are ledgers on one database.
type replicas struct {
	t   require.TestingT
	dsn string
	o   Options
	all []*Ledger
	of  []*sharedEngine
}

func newReplicas(t require.TestingT, dsn string, n int, o Options) *replicas {
	o.Shared, o.times = true, quick
	if o.Now == nil {
		o.Now = now
	}
	r := &replicas{t: t, dsn: dsn, o: o, all: make([]*Ledger, n), of: make([]*sharedEngine, n)}
	for i := range n {
		r.start(i)
	}
	return r
}

func (r *replicas) start(i int) {
	var o postgres.Options
	o.DSN, o.MaxConnections = r.dsn, 8
	e, err := postgres.Open(context.Background(), o)
	require.NoError(r.t, err)
	r.of[i] = &sharedEngine{newFailing(withoutBackup{e}), e}
	r.all[i], err = Open(context.Background(), r.of[i], r.o)
	require.NoError(r.t, err)
}

func (r *replicas) close() {
	for _, l := range r.all {
		require.NoError(r.t, l.Close())
	}
}

// leader is the one that leads; -1 where none does at the moment.
func (r *replicas) leader() int {
	return slices.IndexFunc(r.all, func(l *Ledger) bool { return l.Role().Leading })
}

// depose makes the one that leads lose its lease without knowing, as if it had been suspended.
func (r *replicas) depose() {
	if i := r.leader(); i >= 0 {
		role := r.all[i].Role()
		c, err := r.all[i].Cluster(context.Background())
		require.NoError(r.t, err)
		if c.Leader == role.Holder {
			lease := store.Lease{Task: store.TaskLedger, Holder: role.Holder, Epoch: c.Epoch}
			require.NoError(r.t, r.of[i].Release(context.Background(), lease))
		}
	}
}

// send commits a batch as a sender does, until it is acknowledged.
func (r *replicas) send(i int, b usage.Batch) {
	require.Eventually(r.t, func() bool {
		err := r.all[i].Commit(context.Background(), b)
		if err != nil {
			assert.True(r.t, errors.Is(err, storetest.ErrFault) || errors.Is(err, store.ErrFenced), "%v", err)
		}
		return err == nil
	}, time.Minute, time.Millisecond)
}

// settle waits until all that was acknowledged is decided, and all follow.
func (r *replicas) settle() {
	require.Eventually(r.t, func() bool {
		c, err := r.all[0].Cluster(context.Background())
		if err != nil || c.Inbox.Deliveries > 0 || r.leader() < 0 {
			return false
		}
		c, err = r.all[0].Cluster(context.Background()) // what emptied the inbox is in it
		return err == nil && !slices.ContainsFunc(r.all, func(l *Ledger) bool { return l.Role().Seq < c.Seq })
	}, time.Minute, time.Millisecond)
}

// TestReplicasEveryOrder is TestEveryOrder on three replicas: batches come to any of them, leaders lose their lease, are
// restarted, and their writes fail. In the end all show the same, which is what the reference accountant says, and so does one
// that starts then. TOKENBOARD_REPLICA_HISTORIES is how many histories are played, TOKENBOARD_REPLICA_SEED the first.
func TestReplicasEveryOrder(t *testing.T) {
	server.Start(t)
	first, n := rand.IntN(1<<30), 6
	if seed, err := strconv.Atoi(os.Getenv("TOKENBOARD_REPLICA_SEED")); err == nil {
		first = seed
	}
	if more, err := strconv.Atoi(os.Getenv("TOKENBOARD_REPLICA_HISTORIES")); err == nil {
		n = more
	}
	histories := []*rapid.Generator[[]testRecord]{rapid.Custom(traceHistory), rapid.Custom(noiseHistory)}
	for seed := first; seed < first+n; seed++ {
		if !t.Run(strconv.Itoa(seed), func(t *testing.T) {
			playReplicas(t, server.Schema(t), histories[seed%2].Example(seed), uint64(seed))
		}) {
			return
		}
	}
}

func playReplicas(t require.TestingT, dsn string, records []testRecord, seed uint64) {
	rng := rand.New(rand.NewPCG(seed, 0))
	shuffled := slices.Clone(records)
	for _, r := range records {
		if rng.IntN(3) == 0 {
			shuffled = append(shuffled, r)
		}
	}
	rng.Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
	r := newReplicas(t, dsn, 3, Options{})
	for len(shuffled) > 0 {
		n := 1 + rng.IntN(min(len(shuffled), 8))
		to := rng.IntN(len(r.all))
		r.of[to].Next(storetest.Fault(rng.IntN(int(storetest.FaultCount))), rng.IntN(3))
		switch rng.IntN(8) {
		case 0:
			r.depose()
		case 1:
			i := rng.IntN(len(r.all))
			require.NoError(t, ignoreFaults(r.all[i].Close()))
			r.start(i)
		}
		r.send(to, batchOf(shuffled[:n]))
		shuffled = shuffled[n:]
	}
	r.settle()
	b := batchOf(records)
	for _, l := range r.all {
		requireReplica(t, l, b)
	}
	require.NoError(t, ignoreFaults(r.all[0].Close()))
	r.start(0)
	requireReplica(t, r.all[0], b)
	r.close()
}

// ignoreFaults leaves out the errors that a test made.
func ignoreFaults(err error) error {
	if errors.Is(err, storetest.ErrFault) {
		return nil
	}
	return err
}

// requireReplica is requireVerdicts for a ledger whose writer may follow meanwhile.
func requireReplica(t require.TestingT, l *Ledger, b usage.Batch) {
	l.commits.Lock()
	all := l.series.Total()
	l.commits.Unlock()
	requireCounts(t, l, b)
	sums := total(t, l)
	requireSums(t, &Sums{Counts: sums.Counts}, &all)
}
