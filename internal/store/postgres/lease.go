package postgres

import (
	"context"
	"errors"
	"time"

	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/store/postgres/database"
)

// Leases are rows. Acquiring or releasing one waits for a ledger write that is under way, so that the next holder of a
// lease sees everything that was committed under it. Only the database's clock counts.

const (
	// An interval is given in microseconds.
	renewLease  = "UPDATE leases SET until = clock_timestamp() + $4::bigint * INTERVAL '1 microsecond' WHERE task = $1 AND holder = $2 AND epoch = $3 RETURNING until"
	extendLease = `UPDATE leases SET until = clock_timestamp() + $3::bigint * INTERVAL '1 microsecond'
WHERE task = $1 AND holder = $2 AND until > clock_timestamp() RETURNING epoch, until`
	heldLease = "SELECT 1 FROM leases WHERE task = $1 AND holder <> $2 AND until > clock_timestamp()"
	nextEpoch = "UPDATE meta SET value = value + 1 WHERE name = 'epoch' RETURNING value"
	takeLease = `INSERT INTO leases (task, holder, epoch, until) VALUES ($1, $2, $4, clock_timestamp() + $3::bigint * INTERVAL '1 microsecond')
ON CONFLICT (task) DO UPDATE SET holder = excluded.holder, epoch = excluded.epoch, until = excluded.until RETURNING until`
)

var errTTL = errors.New("a lease needs a time to live")

// Acquire takes the lease of a task, or extends it.
func (e *Engine) Acquire(ctx context.Context, task, holder string, ttl time.Duration) (store.Lease, error) {
	if holder == "" {
		return store.Lease{}, store.ErrNoHolder
	}
	if ttl <= 0 {
		return store.Lease{}, errTTL
	}
	lease := store.Lease{Task: task, Holder: holder}
	extended, err := database.One(e.db.QueryRow(ctx, extendLease, task, holder, ttl.Microseconds()), &lease.Epoch, &lease.Until)
	if err != nil {
		return store.Lease{}, database.Map("extend a lease", err)
	}
	if extended {
		e.noteEpoch(&lease)
		lease.Until = lease.Until.UTC()
		return lease, nil
	}
	if err := held(ctx, e.db, task, holder); err != nil { // without making writers wait
		return store.Lease{}, err
	}
	err = e.db.Write(ctx, database.Write{Kind: database.Ledger}, func(tx *database.Tx) error {
		if err := held(ctx, tx, task, holder); err != nil {
			return err
		}
		if err := tx.QueryRow(ctx, nextEpoch).Scan(&lease.Epoch); err != nil {
			return database.Map("take a lease", err)
		}
		err := tx.QueryRow(ctx, takeLease, task, holder, ttl.Microseconds(), lease.Epoch).Scan(&lease.Until)
		return database.Map("take a lease", err)
	})
	if err != nil {
		return store.Lease{}, err
	}
	e.noteEpoch(&lease)
	lease.Until = lease.Until.UTC()
	return lease, nil
}

// noteEpoch notes the epoch of work that belongs to no write, see leading.
func (e *Engine) noteEpoch(l *store.Lease) {
	if l.Task == store.TaskLedger {
		e.epoch.Store(l.Epoch)
	}
}

// held returns store.ErrHeld where another holder has a lease.
func held(ctx context.Context, q database.Querier, task, holder string) error {
	var n int
	other, err := database.One(q.QueryRow(ctx, heldLease, task, holder), &n)
	if err == nil && other {
		return store.ErrHeld
	}
	return database.Map("look at a lease", err)
}

// Renew lets a lease end later.
func (e *Engine) Renew(ctx context.Context, l store.Lease, ttl time.Duration) (store.Lease, error) {
	if ttl <= 0 {
		return store.Lease{}, errTTL
	}
	renewed, err := database.One(e.db.QueryRow(ctx, renewLease, l.Task, l.Holder, l.Epoch, ttl.Microseconds()), &l.Until)
	if err != nil {
		return store.Lease{}, database.Map("renew a lease", err)
	}
	if !renewed {
		return store.Lease{}, store.ErrFenced
	}
	l.Until = l.Until.UTC()
	return l, nil
}

// Release returns a lease up.
func (e *Engine) Release(ctx context.Context, l store.Lease) error {
	return e.db.Write(ctx, database.Write{Kind: database.Ledger}, func(tx *database.Tx) error {
		_, err := tx.Exec(ctx, "DELETE FROM leases WHERE task = $1 AND holder = $2 AND epoch = $3", l.Task, l.Holder, l.Epoch)
		return database.Map("give a lease up", err)
	})
}
