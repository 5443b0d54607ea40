package postgres

import (
	"context"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/store/postgres/database"
)

// measureEvery is how old the known use of the inbox may be when a batch is accepted.
const measureEvery = 250 * time.Millisecond

// inboxMeter knows about how full the inbox is, without a count for each batch.
type inboxMeter struct {
	measuring sync.Mutex // held while it is counted

	mu  sync.Mutex // guards what follows
	use store.InboxUse
	at  time.Time
}

// takes reports whether there is room for a batch, and counts it where there is.
func (m *inboxMeter) takes(bytes int64, limits store.InboxLimits) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.use.Deliveries >= limits.Deliveries || m.use.Bytes+bytes > limits.Bytes {
		return false
	}
	m.use.Deliveries++
	m.use.Bytes += bytes
	return true
}

func (m *inboxMeter) old() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return time.Since(m.at) > measureEvery
}

func (m *inboxMeter) set(u store.InboxUse) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.use, m.at = u, time.Now()
}

const (
	selectInboxUse = `SELECT count(*), coalesce(sum(bytes), 0)::bigint, coalesce(extract(epoch FROM clock_timestamp() - min(at)), 0)::float8 FROM inbox`
	// insertInbox is one transaction and one round trip. A server that is set not to wait for the disk waits all the same.
	insertInbox = `WITH durable AS (SELECT set_config('synchronous_commit', CASE current_setting('synchronous_commit') WHEN 'off' THEN 'on'
WHEN 'local' THEN 'on' ELSE current_setting('synchronous_commit') END, true))
INSERT INTO inbox (id, bytes, at, data) SELECT $1::bytea, $2::bigint, clock_timestamp(), $3::bytea FROM durable ON CONFLICT (id) DO NOTHING`
	// selectInbox takes rows while those before them have less than a number of bytes.
	selectInbox = `SELECT i.seq, i.data FROM inbox i JOIN (SELECT seq, sum(bytes) OVER (ORDER BY seq) - bytes AS before FROM
(SELECT seq, bytes FROM inbox WHERE seq > $1 ORDER BY seq LIMIT 4096) AS first) AS picked ON picked.seq = i.seq AND picked.before < $2::bigint ORDER BY i.seq`
)

// Accept stores a batch in the inbox.
func (e *Engine) Accept(ctx context.Context, id store.WriteID, data []byte, limits store.InboxLimits) error {
	if e.inbox.old() && e.inbox.measuring.TryLock() {
		_, err := e.InboxUse(ctx)
		e.inbox.measuring.Unlock()
		if err != nil {
			return err
		}
	}
	if !e.inbox.takes(int64(len(data)), limits) {
		return store.ErrInboxFull
	}
	_, err := e.db.Exec(ctx, insertInbox, id[:], len(data), data)
	return database.Map("accept a batch", err)
}

// Deliveries returns the first batches that wait.
func (e *Engine) Deliveries(ctx context.Context, after, bytes int64) (out []store.Delivery, err error) {
	rows, err := e.db.Query(ctx, selectInbox, after, bytes)
	if err == nil {
		err = database.EachRow(rows, func(r pgx.Rows) error {
			var d store.Delivery
			err := r.Scan(&d.Seq, &d.Data)
			out = append(out, d)
			return err
		})
	}
	if err != nil {
		return nil, database.Map("read the inbox", err)
	}
	return out, nil
}

// InboxUse returns how much waits.
func (e *Engine) InboxUse(ctx context.Context) (u store.InboxUse, err error) {
	var oldest float64
	err = e.db.QueryRow(ctx, selectInboxUse).Scan(&u.Deliveries, &u.Bytes, &oldest)
	if err != nil {
		return u, database.Map("measure the inbox", err)
	}
	u.Oldest = seconds(oldest)
	e.inbox.set(u)
	return u, nil
}

// seconds makes a duration of seconds; negative ones are none.
func seconds(s float64) time.Duration { return max(time.Duration(s*float64(time.Second)), 0) }
