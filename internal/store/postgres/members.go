package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/store/dictionary"
	"github.com/tokenboard/tokenboard/internal/store/postgres/database"
	"github.com/tokenboard/tokenboard/internal/usage/format"
)

const (
	beatMember = `INSERT INTO members (holder, version, seq, started, reads, seen) VALUES ($1, $2, $3, $4, $5, clock_timestamp())
ON CONFLICT (holder) DO UPDATE SET version = excluded.version, seq = excluded.seq, started = excluded.started, reads = excluded.reads, seen = excluded.seen`
	// selectFormats: texts of the kind account are there where another engine's store was moved here. A process that was not
	// heard of for a minute has ended: one that was suspended for longer, and goes on, learns what is written by its next sign
	// of life, and that it must not read.
	selectFormats = `SELECT greatest((SELECT value FROM meta WHERE name = 'format'), CASE WHEN EXISTS (SELECT 1 FROM dims WHERE kind = $1) THEN $2::bigint ELSE 1 END),
coalesce((SELECT min(reads) FROM members WHERE seen > clock_timestamp() - INTERVAL '1 minute'), 0)`
	// A process that was not heard of for so long has ended, or will be noted again.
	dropMembers   = "DELETE FROM members WHERE seen < clock_timestamp() - INTERVAL '5 minutes'"
	selectMembers = `SELECT holder, version, seq, started, reads, extract(epoch FROM clock_timestamp() - seen)::float8,
coalesce(extract(epoch FROM clock_timestamp() - (SELECT min(at) FROM changes c WHERE c.seq > members.seq)), 0)::float8 FROM members ORDER BY holder`
	selectLeader = `SELECT s.seq, coalesce(l.holder, ''), coalesce(l.epoch, 0), coalesce(extract(epoch FROM l.until - clock_timestamp()), 0)::float8
FROM state s LEFT JOIN leases l ON l.task = s.task AND l.until > clock_timestamp() WHERE s.task = 'ledger'`
)

// Beat notes that a process lives.
func (e *Engine) Beat(ctx context.Context, m store.Member) (f store.Formats, err error) {
	const doing = "note that the process lives"
	if _, err = e.db.Exec(ctx, beatMember, m.Holder, m.Version, m.Seq, m.Started.UnixNano(), max(m.Reads, format.Plain)); err == nil {
		_, err = e.db.Exec(ctx, dropMembers)
	}
	if err != nil {
		return f, database.Map(doing, err)
	}
	return formatsIn(ctx, e.db, doing)
}

// Join is Beat between two writes of the ledger.
func (e *Engine) Join(ctx context.Context, m store.Member) (f store.Formats, err error) {
	const doing = "join the processes that use the database"
	err = e.db.Between(ctx, database.Ledger, func(tx pgx.Tx) error {
		var err error
		if f, err = formatsIn(ctx, tx, doing); err != nil {
			return err
		}
		if reads := max(m.Reads, format.Plain); f.Written > reads {
			return fmt.Errorf("%w: it has calls of format %d, this program reads up to %d; run a newer tokenboard", store.ErrNewer, f.Written, reads)
		}
		_, err = tx.Exec(ctx, beatMember, m.Holder, m.Version, m.Seq, m.Started.UnixNano(), max(m.Reads, format.Plain))
		return database.Map(doing, err)
	})
	return f, err
}

// RaiseFormat lets calls of a format be written.
func (e *Engine) RaiseFormat(ctx context.Context, epoch int64, to int) (f store.Formats, err error) {
	const doing = "raise the format of the calls"
	err = e.db.Write(ctx, database.Write{Kind: database.Ledger, Epoch: epoch}, func(tx *database.Tx) error {
		var err error
		if f, err = formatsIn(ctx, tx, doing); err != nil || f.Written >= to || f.Readable < to {
			return err
		}
		f.Written = to
		_, err = tx.Exec(ctx, "UPDATE meta SET value = $1 WHERE name = 'format'", to)
		return database.Map(doing, err)
	})
	return f, err
}

func formatsIn(ctx context.Context, q database.Querier, doing string) (f store.Formats, err error) {
	err = q.QueryRow(ctx, selectFormats, int16(dictionary.KindAccount), format.Accounts).Scan(&f.Written, &f.Readable)
	return f, database.Map(doing, err)
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
			err := r.Scan(&m.Holder, &m.Version, &m.Seq, &started, &m.Reads, &seen, &lag)
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
