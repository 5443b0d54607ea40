package sqlite

import (
	"context"
	"database/sql"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// Find gives the stored record of an identity and start.
func (e *Engine) Find(ctx context.Context, id usage.ID, start time.Time) (store.Record, bool, error) {
	var r store.Record
	key, found, err := findPlace(id, start, func(key int64) ([]byte, error) {
		var there []byte
		err := e.readDB.QueryRowContext(ctx, "SELECT id FROM calls WHERE key = ?", key).Scan(&there)
		if errors.Is(err, sql.ErrNoRows) && e.gaps.has(key) {
			return gap, nil
		}
		return there, err
	})
	if errors.Is(err, errStart) {
		return r, false, nil
	}
	if err != nil || !found {
		return r, false, err
	}
	return e.one(ctx, "c.key = ?", key)
}

// Get gives the stored record of an identity. Ids have no index, which would cost more than all
// the rest of a write: this reads every row. Use Find where the start is known.
func (e *Engine) Get(ctx context.Context, id usage.ID) (store.Record, bool, error) {
	return e.one(ctx, "c.id = ?", id[:])
}

func (e *Engine) one(ctx context.Context, where string, arg any) (store.Record, bool, error) {
	var r store.Record
	row := e.readDB.QueryRowContext(ctx, "SELECT "+callColumns+" FROM "+callTables+" WHERE "+where+" LIMIT 1", arg)
	_, err := e.scanRecord(row, &r)
	if errors.Is(err, sql.ErrNoRows) {
		return store.Record{}, false, nil
	}
	return r, err == nil, mapError("read a record", err)
}

// Relatives looks through the range: a record's standing has no index, because few ever ask.
func (e *Engine) Relatives(ctx context.Context, by, other usage.ID, from, to time.Time, limit int) ([]store.Record, error) {
	c := e.where(&store.Filter{From: from, To: to, Superseded: true})
	c.add("(c.superseded_by = ? OR c.id = ?)", by[:], other[:])
	rows, err := e.readDB.QueryContext(ctx, "SELECT "+callColumns+" FROM "+callTables+" WHERE "+c.sql()+" ORDER BY c.key LIMIT ?", append(c.args, limit+1)...)
	if err != nil {
		return nil, mapError("look for related records", err)
	}
	defer rows.Close()
	var out []store.Record
	for rows.Next() {
		out = append(out, store.Record{})
		if _, err := e.scanRecord(rows, &out[len(out)-1]); err != nil {
			return nil, mapError("read a record", err)
		}
	}
	return out, mapError("look for related records", rows.Err())
}

// Scan visits the records that match, oldest first.
func (e *Engine) Scan(ctx context.Context, f store.Filter, visit func(*store.Record) error) error {
	c := e.where(&f)
	rows, err := e.readDB.QueryContext(ctx, "SELECT "+callColumns+" FROM "+callTables+" WHERE "+c.sql()+" ORDER BY c.key", c.args...)
	if err != nil {
		return mapError("read the records", err)
	}
	defer rows.Close()
	var r store.Record
	for rows.Next() {
		if _, err := e.scanRecord(rows, &r); err != nil {
			return mapError("read a record", err)
		}
		if err := visit(&r); err != nil {
			return err
		}
	}
	return mapError("read the records", rows.Err())
}

// List gives one page, newest first.
func (e *Engine) List(ctx context.Context, p store.Page) ([]store.Record, string, error) {
	if p.Limit < 1 {
		return nil, "", errors.New("list records: the limit must be positive")
	}
	c := e.where(&p.Filter)
	if p.Cursor != "" {
		key, err := parseCursor(p.Cursor)
		if err != nil {
			return nil, "", err
		}
		c.add("c.key < ?", key)
	}
	rows, err := e.readDB.QueryContext(ctx, "SELECT "+callColumns+" FROM "+callTables+" WHERE "+c.sql()+
		" ORDER BY c.key DESC LIMIT ?", append(c.args, p.Limit+1)...)
	if err != nil {
		return nil, "", mapError("list records", err)
	}
	defer rows.Close()
	var out []store.Record
	var last int64
	for rows.Next() {
		if len(out) == p.Limit { // there is a next page
			return out, cursorOf(last), nil
		}
		out = append(out, store.Record{})
		if last, err = e.scanRecord(rows, &out[len(out)-1]); err != nil {
			return nil, "", mapError("read a record", err)
		}
	}
	return out, "", mapError("list records", rows.Err())
}

// A cursor is a version, the key of the last row of the page, and a check sum that tells a cursor
// from other text.
const cursorVersion = 1

func cursorOf(key int64) string {
	b := binary.BigEndian.AppendUint64([]byte{cursorVersion}, uint64(key)) //nolint:gosec // keys are positive
	return base64.RawURLEncoding.EncodeToString(append(b, checkByte(b)))
}

func parseCursor(s string) (int64, error) {
	b, err := base64.RawURLEncoding.Strict().DecodeString(s)
	if err != nil || len(b) != 10 || b[0] != cursorVersion || checkByte(b[:9]) != b[9] {
		return 0, store.ErrCursor
	}
	key := int64(binary.BigEndian.Uint64(b[1:9])) //nolint:gosec // checked below
	if key < 0 {
		return 0, store.ErrCursor
	}
	return key, nil
}

func checkByte(b []byte) byte {
	sum := byte(0x5a)
	for _, v := range b {
		sum = sum<<1 | sum>>7
		sum ^= v
	}
	return sum
}

// Links visits the links seen since a time.
func (e *Engine) Links(ctx context.Context, since time.Time, visit func(usage.Link) error) error {
	rows, err := e.readDB.QueryContext(ctx, "SELECT trace, span, parent, tool FROM links WHERE seen >= ?", since.Unix())
	if err != nil {
		return mapError("read the spans' places", err)
	}
	defer rows.Close()
	for rows.Next() {
		var trace, span, parent []byte
		var k usage.Link
		if err := rows.Scan(&trace, &span, &parent, &k.Tool); err != nil {
			return mapError("read a span's place", err)
		}
		copy(k.Trace[:], trace)
		copy(k.Span[:], span)
		copy(k.Parent[:], parent)
		if err := visit(k); err != nil {
			return err
		}
	}
	return mapError("read the spans' places", rows.Err())
}

// Nth gives the start of the n-th oldest record.
func (e *Engine) Nth(ctx context.Context, n int64) (time.Time, bool, error) {
	var key, offset int64
	err := e.readDB.QueryRowContext(ctx, "SELECT key, start_offset FROM calls ORDER BY key LIMIT 1 OFFSET ?", n).Scan(&key, &offset)
	if errors.Is(err, sql.ErrNoRows) {
		return time.Time{}, false, nil
	}
	if err != nil {
		return time.Time{}, false, mapError(fmt.Sprintf("find record %d", n), err)
	}
	return startOf(key, offset), true, nil
}
