package server

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/tokenboard/tokenboard/internal/access"
	"github.com/tokenboard/tokenboard/internal/console/api"
)

// Replica is one process that shares the store.
type Replica struct {
	Name       string    `json:"name" doc:"host, process id and a random part"`
	Version    string    `json:"version"`
	Leader     bool      `json:"leader"`
	Self       bool      `json:"self" doc:"it answers this request"`
	StartedAt  time.Time `json:"started_at"`
	SeenSec    float64   `json:"seen_seconds" doc:"how long ago it was last heard of; more than 10 means that it does not reach the database, or is gone"`
	LagCommits int64     `json:"lag_commits" doc:"transactions of the store that its answers lacked when it was last heard of"`
	LagSeconds float64   `json:"lag_seconds" doc:"age of the first commit that its answers lacked when it was last heard of; 0 where they lacked none"`
}

// Inbox is what waits for the leader.
type Inbox struct {
	Batches       int64   `json:"batches"`
	Bytes         int64   `json:"bytes"`
	OldestSeconds float64 `json:"oldest_seconds" doc:"how long the first one waits"`
}

// Cluster is the processes that share the store.
type Cluster struct {
	Shared       bool      `json:"shared" doc:"false where the store is for one process; there are no replicas then"`
	Leader       *string   `json:"leader" doc:"null where no process leads at the moment"`
	Epoch        int64     `json:"epoch" doc:"of the leader's lease; each new leader has a greater one"`
	LeaseSeconds float64   `json:"lease_seconds" doc:"how long the lease lasts if it is not renewed"`
	Commit       int64     `json:"commit" doc:"number of the last transaction of the store"`
	Replicas     []Replica `json:"replicas"`
	Inbox        Inbox     `json:"inbox"`
	Problem      *string   `json:"problem" doc:"what the process that answers could not do at its last try: follow the leader, decide a batch of the inbox, store sums; null where it could"`
}

func (c *Handlers) clusterRoutes(r *api.Router) {
	op := api.Operation(http.MethodGet, "/cluster", "cluster", "The processes that share the store, which of them leads, and what waits for it")
	op.Description = "With `engine: postgres` several processes can share a database; docs/replicas.md says what to look at."
	api.Register(r, access.ReadCluster, op, c.cluster)
}

func (c *Handlers) cluster(ctx context.Context, _ *struct{}) (*api.Envelope[Cluster], error) {
	role := c.Ledger.Role()
	out := Cluster{Shared: role.Shared, Replicas: []Replica{}}
	if !role.Shared {
		return api.Answer(out), nil
	}
	known, err := c.Ledger.Cluster(ctx)
	if err != nil {
		return nil, c.Failed("cluster", err)
	}
	status, err := c.Ledger.Status(ctx)
	if err != nil {
		return nil, c.Failed("cluster", err)
	}
	if err := errors.Join(status.Following, status.Save); err != nil {
		out.Problem = new(err.Error())
	}
	if known.Leader != "" {
		out.Leader = &known.Leader
	}
	out.Epoch, out.LeaseSeconds, out.Commit = known.Epoch, known.LeaseLeft.Seconds(), known.Seq
	out.Inbox = Inbox{Batches: known.Inbox.Deliveries, Bytes: known.Inbox.Bytes, OldestSeconds: known.Inbox.Oldest.Seconds()}
	for i := range known.Members {
		m := &known.Members[i]
		lag := m.Lag
		if lag == 0 { // what it lacks changed nothing that it shows
			m.Seq = known.Seq
		}
		out.Replicas = append(out.Replicas, Replica{
			Name: m.Holder, Version: m.Version, Leader: m.Holder == known.Leader, Self: m.Holder == role.Holder, StartedAt: m.Started,
			SeenSec: m.Seen.Seconds(), LagCommits: max(known.Seq-m.Seq, 0), LagSeconds: lag.Seconds(),
		})
	}
	return api.Answer(out), nil
}
