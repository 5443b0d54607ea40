package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/store/block"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// What retention removes must not fill the budgets of keys up again: what was spent with them is
// added up in the same transaction.

const (
	slotNanos = int64(15 * time.Minute)
	// slotsKept is how long quarters of an hour are told apart: longer than a month anywhere.
	slotsKept = 40 * 24 * time.Hour
)

// spentAt names a sum: a fingerprint, "" for all calls, and a quarter of an hour since the Unix epoch.
type spentAt struct {
	fingerprint string
	slot        int64
}

type spentSum struct{ calls, tokens, cost int64 }

// spending adds up what records spent.
type spending map[spentAt]*spentSum

func (s spending) add(fingerprint string, start, tokens, cost int64) {
	for _, f := range [...]string{"", fingerprint} {
		k := spentAt{f, start / slotNanos}
		sum := s[k]
		if sum == nil {
			sum = &spentSum{}
			s[k] = sum
		}
		sum.calls++
		sum.tokens = usage.AddSat(sum.tokens, tokens)
		sum.cost = usage.AddSat(sum.cost, cost)
		if fingerprint == "" {
			return
		}
	}
}

// addRow adds row i of a block.
func (s spending) addRow(f *block.Figures, dims dimValues, i int) error {
	if f.Dict(block.State).Value(i)&block.Counted == 0 {
		return nil
	}
	number := f.Text(int(kindKey)).Value(i)
	key, known := dims.at(kindKey, number, f)
	if !known {
		return fmt.Errorf("%w: a record names text %d, which is not there", store.ErrCorrupt, number)
	}
	cost := int64(0)
	if usage.Quality(f.Dict(block.Quality).Value(i))&usage.Unpriced == 0 {
		cost = f.Number(block.Cost, i)
	}
	var tokens int64
	for _, c := range [...]block.Column{block.InputUncached, block.CacheRead, block.CacheWrite, block.OutputText, block.Reasoning} {
		tokens = usage.AddSat(tokens, f.Number(c, i))
	}
	s.add(key.a, f.Starts()[i], tokens, cost)
	return nil
}

// addRecord is addRow for a record that was read.
func (s spending) addRecord(r *store.Record) {
	if !r.Counted {
		return
	}
	cost := int64(r.Cost)
	if r.Quality&usage.Unpriced != 0 {
		cost = 0
	}
	s.add(r.KeyFingerprint, r.Start.UnixNano(), r.Tokens.Total(), cost)
}

// ofStoredKeys leaves out keys that are not stored, so that strangers' fingerprints cannot fill the table.
func (s spending) ofStoredKeys(ctx context.Context, from interface {
	QueryContext(context.Context, string, ...any) (*sql.Rows, error)
}) error {
	seen := map[string]bool{"": false}
	for at := range s {
		seen[at.fingerprint] = at.fingerprint == ""
	}
	list, err := json.Marshal(slices.Collect(maps.Keys(seen)))
	if err != nil {
		return fmt.Errorf("list the keys that spent: %w", err)
	}
	rows, err := from.QueryContext(ctx, "SELECT fingerprint FROM api_key_secrets WHERE fingerprint IN (SELECT value FROM json_each(?))", string(list))
	if err != nil {
		return mapError("read which keys are stored", err)
	}
	defer rows.Close()
	for rows.Next() {
		var fingerprint string
		if err := rows.Scan(&fingerprint); err != nil {
			return mapError("read which keys are stored", err)
		}
		seen[fingerprint] = true
	}
	maps.DeleteFunc(s, func(at spentAt, _ *spentSum) bool { return !seen[at.fingerprint] })
	return mapError("read which keys are stored", rows.Err())
}

// addForgotten adds to a sum that is stored already, saturated as usage.AddSat is: SQLite goes on with
// floating-point numbers where an integer overflows. None of the figures is negative.
const addForgotten = `ON CONFLICT (fingerprint, slot) DO UPDATE SET calls = calls + excluded.calls,
tokens = CASE WHEN tokens > 9223372036854775807 - excluded.tokens THEN 9223372036854775807 ELSE tokens + excluded.tokens END,
cost = CASE WHEN cost > 9223372036854775807 - excluded.cost THEN 9223372036854775807 ELSE cost + excluded.cost END`

// remember stores what was added up of records that are about to be removed.
func (e *Engine) remember(ctx context.Context, s spending) error {
	if len(s) == 0 {
		return nil
	}
	if err := s.ofStoredKeys(ctx, e.writer.conn); err != nil {
		return err
	}
	for at, sum := range s {
		_, err := e.writer.conn.ExecContext(ctx, "INSERT INTO forgotten (fingerprint, slot, calls, tokens, cost) VALUES (?,?,?,?,?) "+addForgotten,
			at.fingerprint, at.slot, sum.calls, sum.tokens, sum.cost)
		if err != nil {
			return mapError("add up what the dropped records spent", err)
		}
	}
	return nil
}

// forgetSlots puts together what was spent long ago.
func (e *Engine) forgetSlots(ctx context.Context, before time.Time) error {
	slot := before.Add(-slotsKept).UnixNano() / slotNanos
	if slot <= 0 {
		return nil
	}
	// row by row: SQLite's sum is an error where it leaves 64 bits
	_, err := e.writer.conn.ExecContext(ctx, `INSERT INTO forgotten (fingerprint, slot, calls, tokens, cost)
SELECT fingerprint, 0, calls, tokens, cost FROM forgotten WHERE slot > 0 AND slot < ? `+addForgotten, slot)
	if err == nil {
		_, err = e.writer.conn.ExecContext(ctx, "DELETE FROM forgotten WHERE slot > 0 AND slot < ?", slot)
	}
	return mapError("put together what was spent long ago", err)
}

// Forgotten visits what was spent before a time.
func (e *Engine) Forgotten(ctx context.Context, before time.Time, visit func(store.Spent)) error {
	return e.reading(ctx, func(s *snapshot) error { // Drop moves sums from the one to the other
		if err := s.dropped(ctx, visit); err != nil {
			return err
		}
		return s.toBeDropped(ctx, before, visit)
	})
}

// dropped visits what was added up of records that were removed.
func (s *snapshot) dropped(ctx context.Context, visit func(store.Spent)) error {
	rows, err := s.conn.QueryContext(ctx, "SELECT fingerprint, slot, calls, tokens, cost FROM forgotten")
	if err != nil {
		return mapError("read what was spent", err)
	}
	defer rows.Close()
	for rows.Next() {
		var p store.Spent
		var slot int64
		if err := rows.Scan(&p.Fingerprint, &slot, &p.Calls, &p.Tokens, &p.Cost); err != nil {
			return mapError("read what was spent", err)
		}
		if slot > 0 {
			p.Start = time.Unix(0, slot*slotNanos).UTC()
		}
		visit(p)
	}
	return mapError("read what was spent", rows.Err())
}

// toBeDropped visits what the records spent that start before a time and are still there.
func (s *snapshot) toBeDropped(ctx context.Context, before time.Time, visit func(store.Spent)) error {
	m := newMatch(&store.Filter{To: before}, s.dims)
	if oldest, some := s.oldest(); !some || before.IsZero() || m.none || oldest > m.to {
		return nil
	}
	sums := spending{}
	var r store.Record
	err := s.walk(ctx, m, false, nil, func(at *source) (bool, error) {
		if at.block != nil {
			return true, sums.addRow(at.block.f, s.dims, at.rows[0])
		}
		err := at.record(&r)
		sums.addRecord(&r)
		return true, err
	})
	if err != nil {
		return err
	}
	if err := sums.ofStoredKeys(ctx, s.conn); err != nil {
		return err
	}
	for at, sum := range sums {
		visit(store.Spent{
			Fingerprint: at.fingerprint, Start: time.Unix(0, at.slot*slotNanos).UTC(), Calls: sum.calls, Tokens: sum.tokens, Cost: usage.NanoUSD(sum.cost),
		})
	}
	return nil
}
