package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"time"
)

const (
	// linksChunk bounds the links that one Drop removes, so that it never holds up writing.
	linksChunk = 10_000
	// vacuumPages is how many pages one step of Compact gives back: 2 MiB.
	vacuumPages = 512
	// vacuumSteps bounds one Compact; what is left goes the next time.
	vacuumSteps = 64
)

// Drop removes old records, oldest first, and raises the floor.
func (e *Engine) Drop(ctx context.Context, before, linksBefore time.Time, limit int) (int, error) {
	e.writing.Lock()
	defer e.writing.Unlock()
	var dropped int64
	var upTo sql.NullInt64
	conn := e.writer.conn
	err := e.transaction(ctx, func() error {
		if us := before.UnixMicro(); us > 0 {
			_, err := conn.ExecContext(ctx, `INSERT INTO meta (name, value) VALUES ('floor', ?)
ON CONFLICT (name) DO UPDATE SET value = max(value, excluded.value)`, before.UnixNano())
			if err != nil {
				return mapError("raise the floor", err)
			}
			err = conn.QueryRowContext(ctx, "SELECT max(key), count(*) FROM (SELECT key FROM calls WHERE key < ? ORDER BY key LIMIT ?)",
				min(us, maxMicros)<<idBits, limit).Scan(&upTo, &dropped)
			if err != nil {
				return mapError("find the oldest records", err)
			}
		}
		if upTo.Valid {
			if err := e.remember(ctx, upTo.Int64); err != nil {
				return err
			}
			for _, q := range []string{
				"DELETE FROM calls WHERE key <= ?", "DELETE FROM call_ids WHERE key <= ?", "DELETE FROM gaps WHERE key <= ?",
			} {
				if _, err := conn.ExecContext(ctx, q, upTo.Int64); err != nil {
					return mapError("drop old records", err)
				}
			}
			if err := e.addRecords(ctx, -dropped); err != nil {
				return err
			}
		}
		if _, err := conn.ExecContext(ctx, "DELETE FROM hours WHERE NOT untrue AND seen < ?", linksBefore.Unix()); err != nil {
			return mapError("drop old hours", err)
		}
		_, err := conn.ExecContext(ctx, `DELETE FROM links WHERE (trace, span) IN
(SELECT trace, span FROM links WHERE seen < ? LIMIT ?)`, linksBefore.Unix(), linksChunk)
		if err != nil {
			return mapError("drop old spans' places", err)
		}
		return e.forgetSlots(ctx, linksBefore)
	})
	if err != nil {
		return 0, err
	}
	if upTo.Valid {
		e.gaps.dropTo(upTo.Int64)
	}
	e.records.Add(-dropped)
	return int(dropped), nil
}

// Compact gives free pages back to the file system, in small steps between which others write.
func (e *Engine) Compact(ctx context.Context) error {
	for range vacuumSteps {
		left, err := e.vacuumStep(ctx)
		if err != nil || left == 0 {
			return err
		}
	}
	return nil
}

func (e *Engine) vacuumStep(ctx context.Context) (left int64, err error) {
	e.writing.Lock()
	defer e.writing.Unlock()
	conn := e.writer.conn
	rows, err := conn.QueryContext(ctx, fmt.Sprintf("PRAGMA incremental_vacuum(%d)", vacuumPages))
	if err != nil {
		return 0, mapError("give free space back", err)
	}
	defer rows.Close()
	for rows.Next() { // each row is a page given back; at the end of them the connection is free again
	}
	if err := rows.Err(); err != nil {
		return 0, mapError("give free space back", err)
	}
	if err := conn.QueryRowContext(ctx, "PRAGMA freelist_count").Scan(&left); err != nil {
		return 0, mapError("count free pages", err)
	}
	return left, nil
}
