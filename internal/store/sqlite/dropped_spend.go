package sqlite

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/tokenboard/tokenboard/internal/store"
)

// onConflictAdd adds to a sum that is stored already, saturated as usage.AddSat is: SQLite continues with
// floating-point numbers where an integer overflows. None of the figures is negative.
const onConflictAdd = `ON CONFLICT (fingerprint, start) DO UPDATE SET calls = calls + excluded.calls,
tokens = CASE WHEN tokens > 9223372036854775807 - excluded.tokens THEN 9223372036854775807 ELSE tokens + excluded.tokens END,
cost = CASE WHEN cost > 9223372036854775807 - excluded.cost THEN 9223372036854775807 ELSE cost + excluded.cost END`

// addDroppedSpend adds what records spent that are about to be removed, of keys that are stored.
func (e *Engine) addDroppedSpend(ctx context.Context, sums []store.Spent) error {
	if len(sums) == 0 {
		return nil
	}
	stored, err := e.storedKeys(ctx, sums)
	if err != nil {
		return err
	}
	for i := range sums {
		s := &sums[i]
		if !stored[s.Fingerprint] {
			continue
		}
		_, err := e.writer.conn.ExecContext(ctx, "INSERT INTO forgotten (fingerprint, start, calls, tokens, cost) VALUES (?,?,?,?,?) "+onConflictAdd,
			s.Fingerprint, max(store.UnixNano(s.Start), 0), s.Calls, s.Tokens, int64(s.Cost))
		if err != nil {
			return mapError("add up what the removed records spent", err)
		}
	}
	return nil
}

// storedKeys returns, for each fingerprint of the sums, whether a stored key has it; "" counts as stored.
func (e *Engine) storedKeys(ctx context.Context, sums []store.Spent) (map[string]bool, error) {
	stored := map[string]bool{"": true}
	var fingerprints []string
	for i := range sums {
		if _, known := stored[sums[i].Fingerprint]; !known {
			stored[sums[i].Fingerprint] = false
			fingerprints = append(fingerprints, sums[i].Fingerprint)
		}
	}
	list, err := json.Marshal(fingerprints)
	if err != nil {
		return nil, fmt.Errorf("list the keys that spent: %w", err)
	}
	rows, err := e.writer.conn.QueryContext(ctx, "SELECT fingerprint FROM api_key_secrets WHERE fingerprint IN (SELECT value FROM json_each(?))", string(list))
	if err != nil {
		return nil, mapError("read which keys are stored", err)
	}
	defer rows.Close()
	for rows.Next() {
		var fingerprint string
		if err := rows.Scan(&fingerprint); err != nil {
			return nil, mapError("read which keys are stored", err)
		}
		stored[fingerprint] = true
	}
	return stored, mapError("read which keys are stored", rows.Err())
}

// mergeOldDroppedSpend merges what was spent long ago into one sum for each key.
func (e *Engine) mergeOldDroppedSpend(ctx context.Context, before int64) error {
	if before <= 0 {
		return nil
	}
	// row by row: SQLite's sum is an error where it leaves 64 bits
	_, err := e.writer.conn.ExecContext(ctx, `INSERT INTO forgotten (fingerprint, start, calls, tokens, cost)
SELECT fingerprint, 0, calls, tokens, cost FROM forgotten WHERE start > 0 AND start < ? `+onConflictAdd, before)
	if err == nil {
		_, err = e.writer.conn.ExecContext(ctx, "DELETE FROM forgotten WHERE start > 0 AND start < ?", before)
	}
	return mapError("merge what was spent long ago", err)
}

// droppedSpend visits what removed records spent.
func (r *blockReader) droppedSpend(ctx context.Context, visit func(store.Spent) error) error {
	rows, err := r.conn.QueryContext(ctx, "SELECT fingerprint, start, calls, tokens, cost FROM forgotten")
	if err != nil {
		return mapError("read what was spent", err)
	}
	defer rows.Close()
	for rows.Next() {
		var p store.Spent
		var start int64
		if err := rows.Scan(&p.Fingerprint, &start, &p.Calls, &p.Tokens, &p.Cost); err != nil {
			return mapError("read what was spent", err)
		}
		if start > 0 {
			p.Start = time.Unix(0, start).UTC()
		}
		if err := visit(p); err != nil {
			return err
		}
	}
	return mapError("read what was spent", rows.Err())
}
