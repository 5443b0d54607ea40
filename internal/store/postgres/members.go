package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/store/postgres/database"
)

const (
	beatMember = `INSERT INTO members (holder, version, seq, started, seen) VALUES ($1, $2, $3, $4, clock_timestamp())
ON CONFLICT (holder) DO UPDATE SET version = excluded.version, seq = excluded.seq, started = excluded.started, seen = excluded.seen`
	// A process that was not heard of for so long has ended, or will be noted again.
	dropMembers   = "DELETE FROM members WHERE seen < clock_timestamp() - INTERVAL '5 minutes'"
	selectMembers = `SELECT holder, version, seq, started, extract(epoch FROM clock_timestamp() - seen)::float8,
coalesce(extract(epoch FROM clock_timestamp() - (SELECT min(at) FROM changes c WHERE c.seq > members.seq)), 0)::float8 FROM members ORDER BY holder`
	selectLeader = `SELECT s.seq, coalesce(l.holder, ''), coalesce(l.epoch, 0), coalesce(extract(epoch FROM l.until - clock_timestamp()), 0)::float8
FROM state s LEFT JOIN leases l ON l.task = s.task AND l.until > clock_timestamp() WHERE s.task = 'ledger'`
)

// Beat notes that a process lives.
func (e *Engine) Beat(ctx context.Context, m store.Member) error {
	_, err := e.db.Exec(ctx, beatMember, m.Holder, m.Version, m.Seq, m.Started.UnixNano())
	if err == nil {
		_, err = e.db.Exec(ctx, dropMembers)
	}
	return database.Map("note that the process lives", err)
}

// Leave removes a process.
func (e *Engine) Leave(ctx context.Context, holder string) error {
	_, err := e.db.Exec(ctx, "DELETE FROM members WHERE holder = $1", holder)
	return database.Map("note that the process ends", err)
}

// Cluster returns the processes, the leader, and what waits for it.
func (e *Engine) Cluster(ctx context.Context) (c store.Cluster, err error) {
	const doing = "ask for the processes that use the database"
	var left float64
	if err := e.db.QueryRow(ctx, selectLeader).Scan(&c.Seq, &c.Leader, &c.Epoch, &left); err != nil {
		return c, database.Map(doing, err)
	}
	c.LeaseLeft = seconds(left)
	rows, err := e.db.Query(ctx, selectMembers)
	if err == nil {
		err = database.EachRow(rows, func(r pgx.Rows) error {
			var m store.Member
			var started int64
			var seen, lag float64
			err := r.Scan(&m.Holder, &m.Version, &m.Seq, &started, &seen, &lag)
			m.Started, m.Seen, m.Lag = time.Unix(0, started).UTC(), seconds(seen), seconds(lag)
			c.Members = append(c.Members, m)
			return err
		})
	}
	if err != nil {
		return c, database.Map(doing, err)
	}
	c.Inbox, err = e.InboxUse(ctx)
	return c, err
}
