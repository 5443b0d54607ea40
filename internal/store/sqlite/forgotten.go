package sqlite

import (
	"context"
	"database/sql"
	"time"

	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// What retention removes must not fill the budgets of keys up again: what was spent with them is
// added up in the same transaction.

const (
	slotMicros = int64(15 * time.Minute / time.Microsecond)
	// slotsKept is how long quarters of an hour are told apart: longer than a month anywhere.
	slotsKept = 40 * 24 * time.Hour
)

// spentSums are the columns of a sum over calls, grouped by fingerprint and slot. 8 is usage.Unpriced.
const spentSums = ` AS fingerprint, (((c.key >> 12) * 1000 + c.start_offset) / 1000 / ?) AS slot, count(*) AS calls,
sum(c.input_uncached + c.cache_read + c.cache_write + c.output_text + c.reasoning) AS tokens,
sum(CASE WHEN c.quality & 8 THEN 0 ELSE c.cost END) AS cost
FROM calls c `

// spentByKey sums by key. Only keys that are stored are summed, so that strangers' fingerprints cannot
// fill the table. spentInAll sums all calls, under the fingerprint "".
const (
	spentByKey = "SELECT s.fingerprint" + spentSums + `CROSS JOIN dims d ON d.id = c.api_key
CROSS JOIN api_key_secrets s ON s.fingerprint = substr(d.value, 1, instr(d.value || char(31), char(31)) - 1) WHERE c.state & 1`
	spentInAll = "SELECT ''" + spentSums + "WHERE c.state & 1"
)

var _ = [1]struct{}{}[usage.Unpriced-8] // spentSums names it

// remember adds up what is about to be removed.
func (e *Engine) remember(ctx context.Context, upTo int64) error {
	for _, sums := range []string{spentByKey, spentInAll} {
		_, err := e.writer.conn.ExecContext(ctx, `INSERT INTO forgotten (fingerprint, slot, calls, tokens, cost)
SELECT fingerprint, slot, calls, tokens, cost FROM (`+sums+` AND c.key <= ? GROUP BY 1, 2) WHERE true
ON CONFLICT (fingerprint, slot) DO UPDATE SET calls = calls + excluded.calls, tokens = tokens + excluded.tokens, cost = cost + excluded.cost`,
			slotMicros, upTo)
		if err != nil {
			return mapError("add up what the dropped records spent", err)
		}
	}
	return nil
}

// forgetSlots puts together what was spent long ago.
func (e *Engine) forgetSlots(ctx context.Context, before time.Time) error {
	slot := before.Add(-slotsKept).UnixMicro() / slotMicros
	if slot <= 0 {
		return nil
	}
	_, err := e.writer.conn.ExecContext(ctx, `INSERT INTO forgotten (fingerprint, slot, calls, tokens, cost)
SELECT fingerprint, 0, sum(calls), sum(tokens), sum(cost) FROM forgotten WHERE slot > 0 AND slot < ? GROUP BY fingerprint
ON CONFLICT (fingerprint, slot) DO UPDATE SET calls = calls + excluded.calls, tokens = tokens + excluded.tokens, cost = cost + excluded.cost`, slot)
	if err == nil {
		_, err = e.writer.conn.ExecContext(ctx, "DELETE FROM forgotten WHERE slot > 0 AND slot < ?", slot)
	}
	return mapError("put together what was spent long ago", err)
}

// Forgotten visits what was spent before a time.
func (e *Engine) Forgotten(ctx context.Context, before time.Time, visit func(store.Spent)) error {
	tx, err := e.readDB.BeginTx(ctx, nil) // Drop moves sums from the one table to the other
	if err != nil {
		return mapError("read what was spent", err)
	}
	defer tx.Rollback() //nolint:errcheck // it only read
	read := func(query string, args ...any) error {
		rows, err := tx.QueryContext(ctx, query, args...)
		if err != nil {
			return mapError("read what was spent", err)
		}
		defer rows.Close()
		for rows.Next() {
			var s store.Spent
			var slot int64
			var tokens, cost sql.NullInt64
			if err := rows.Scan(&s.Fingerprint, &slot, &s.Calls, &tokens, &cost); err != nil {
				return mapError("read what was spent", err)
			}
			s.Tokens, s.Cost = tokens.Int64, usage.NanoUSD(cost.Int64)
			if slot > 0 {
				s.Start = time.UnixMicro(slot * slotMicros).UTC()
			}
			visit(s)
		}
		return mapError("read what was spent", rows.Err())
	}
	if err := read("SELECT fingerprint, slot, calls, tokens, cost FROM forgotten"); err != nil {
		return err
	}
	us := before.UnixMicro()
	if us <= 0 {
		return nil
	}
	for _, sums := range []string{spentByKey, spentInAll} {
		err := read(sums+" AND c.key < ? AND "+exactStart+" < ? GROUP BY 1, 2",
			slotMicros, (min(us, maxMicros)+maxProbes)<<idBits, before.UnixNano())
		if err != nil {
			return err
		}
	}
	return nil
}
