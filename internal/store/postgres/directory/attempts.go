package directory

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/semaphore"

	"github.com/tokenboard/tokenboard/internal/access/throttle"
	"github.com/tokenboard/tokenboard/internal/store/postgres/database"
)

const (
	// In microseconds; a row without an id where nothing is counted.
	readAttempts = `SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint, a.id, coalesce(a.failures, 0), coalesce(a.last, 0), coalesce(a.often, 0),
coalesce(a.rare, 0) FROM (VALUES (1)) AS one (n) LEFT JOIN attempts a ON a.id = ANY($1)`
	// It locks the rows in the order of the arguments, also those that it makes.
	lockAttempts = `INSERT INTO attempts (id, kind, failures, last, often, rare, until, changed_at)
SELECT id, kind, 0, 0, 0, 0, 0, 0 FROM unnest($1::bytea[], $2::smallint[]) AS new (id, kind)
ON CONFLICT (id) DO UPDATE SET kind = excluded.kind
RETURNING (extract(epoch FROM clock_timestamp()) * 1000000)::bigint, id, failures, last, often, rare`
	putAttempts   = "UPDATE attempts SET failures = $2, last = $3, often = $4, rare = $5, until = $6, changed_at = $7 WHERE id = $1"
	dropAttempts  = "DELETE FROM attempts WHERE id = $1"
	sweepAttempts = `DELETE FROM attempts WHERE id IN (SELECT id FROM attempts
WHERE until <= (extract(epoch FROM clock_timestamp()) * 1000000000)::bigint FOR UPDATE SKIP LOCKED)`
	boundAttempts = `DELETE FROM attempts WHERE id IN (SELECT id FROM attempts
WHERE id IN (SELECT id FROM attempts WHERE kind = $1 ORDER BY changed_at DESC, id OFFSET $2) FOR UPDATE SKIP LOCKED)`
	kindsOfAttempt = "SELECT kind FROM attempts GROUP BY kind HAVING count(*) > $1"
)

const (
	// strangersAtATime and devicesAtATime bound the connections that attempts use. Those with a known device do not wait for strangers.
	strangersAtATime, devicesAtATime = 2, 1
	// A process removes what does not count any more after so many attempts, and after so long.
	sweepAfter, sweepEvery = 100, 10 * time.Minute
)

// attempts is what a process knows of the attempts that it counts.
type attempts struct {
	strangers, devices *semaphore.Weighted
	unswept            atomic.Int64 // attempts since old counts were removed
	swept              atomic.Int64 // when they were, Unix ns
}

func newAttempts() attempts {
	return attempts{strangers: semaphore.NewWeighted(strangersAtATime), devices: semaphore.NewWeighted(devicesAtATime)}
}

// ChangeAttempts changes counts. It reads them first, so that what is refused writes nothing.
func (d *Directory) ChangeAttempts(ctx context.Context, of []throttle.Cause, change func(time.Time, []throttle.Count) bool) error {
	counts := attemptCounts{of: of}
	ids := make([][]byte, len(of))
	slots := d.attempts.strangers
	for i := range of {
		ids[i] = of[i].ID[:]
		if of[i].Kind == throttle.WithDevice {
			slots = d.attempts.devices
		}
	}
	if err := counts.read(d.db.Query(ctx, readAttempts, ids)); err != nil {
		return database.Map("read the counts of attempts", err)
	}
	if !change(counts.now, counts.are) {
		return nil
	}
	if err := slots.Acquire(ctx, 1); err != nil {
		return database.Map("wait to count an attempt", err)
	}
	defer slots.Release(1)
	err := d.db.Unsynced(ctx, func(tx pgx.Tx) error { return counts.store(ctx, tx, change) })
	if errors.Is(err, errUnchanged) {
		return nil
	}
	if err != nil {
		return database.Map("count an attempt", err)
	}
	if n := d.attempts.unswept.Add(1); n >= sweepAfter || time.Since(time.Unix(0, d.attempts.swept.Load())) > sweepEvery {
		d.attempts.unswept.Store(0)
		d.attempts.swept.Store(time.Now().UnixNano())
		return d.sweepAttempts(ctx)
	}
	return nil
}

// sweepAttempts removes what does not count any more, and what is above the bound.
func (d *Directory) sweepAttempts(ctx context.Context) error {
	err := d.db.Unsynced(ctx, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, sweepAttempts); err != nil {
			return err
		}
		rows, err := tx.Query(ctx, kindsOfAttempt, throttle.MaxKept)
		if err != nil {
			return err
		}
		kinds, err := pgx.CollectRows(rows, pgx.RowTo[int16])
		if err != nil {
			return err
		}
		for _, kind := range kinds {
			if _, err := tx.Exec(ctx, boundAttempts, kind, throttle.MaxKept); err != nil {
				return err
			}
		}
		return nil
	})
	return database.Map("remove old counts of attempts", err)
}

// attemptCounts are the counts of causes while they are read and changed.
type attemptCounts struct {
	of  []throttle.Cause
	now time.Time
	are []throttle.Count
}

// read reads the counts, in the order of their causes.
func (c *attemptCounts) read(rows pgx.Rows, err error) error {
	if err != nil {
		return err
	}
	c.are = make([]throttle.Count, len(c.of))
	return database.EachRow(rows, func(r pgx.Rows) error {
		var now, last, often, rare int64
		var id []byte
		var failures int
		if err := r.Scan(&now, &id, &failures, &last, &often, &rare); err != nil {
			return err
		}
		c.now = time.UnixMicro(now).UTC()
		if i := slices.IndexFunc(c.of, func(of throttle.Cause) bool { return bytes.Equal(of.ID[:], id) }); i >= 0 {
			c.are[i] = throttle.Count{Failures: failures, Last: instant(last), Often: instant(often), Rare: instant(rare)}
		}
		return nil
	})
}

func instant(ns int64) time.Time {
	if ns == 0 {
		return time.Time{}
	}
	return time.Unix(0, ns).UTC()
}

func nanos(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixNano()
}

// errUnchanged ends a transaction that has nothing to store.
var errUnchanged = errors.New("nothing is counted")

// store reads the counts once more, where nobody can change them, and stores what becomes of them.
func (c *attemptCounts) store(ctx context.Context, tx pgx.Tx, change func(time.Time, []throttle.Count) bool) error {
	order := slices.Clone(c.of)
	slices.SortFunc(order, func(a, b throttle.Cause) int { return bytes.Compare(a.ID[:], b.ID[:]) }) // so that no two wait for each other
	ids, kinds := make([][]byte, len(order)), make([]int16, len(order))
	for i := range order {
		ids[i], kinds[i] = order[i].ID[:], int16(order[i].Kind)
	}
	if err := c.read(tx.Query(ctx, lockAttempts, ids, kinds)); err != nil {
		return err
	}
	if !change(c.now, c.are) {
		return errUnchanged
	}
	var b pgx.Batch
	for i := range c.of {
		if n := &c.are[i]; !n.Until.After(c.now) {
			b.Queue(dropAttempts, c.of[i].ID[:])
		} else {
			b.Queue(putAttempts, c.of[i].ID[:], n.Failures, nanos(n.Last), nanos(n.Often), nanos(n.Rare), nanos(n.Until), c.now.UnixNano())
		}
	}
	return tx.SendBatch(ctx, &b).Close()
}
