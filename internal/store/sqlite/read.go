package sqlite

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"slices"
	"time"

	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/store/block"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// earliestYear and latestYear bound the starts that records can have: Unix ns in 63 bits.
const earliestYear, latestYear = 1970, 2261

var errStart = errors.New("a record's start does not fit into the database (years 1970 to 2261)")

// placeAt gives the place of an identity and a start; false where no record can stand there.
func placeAt(id usage.ID, start time.Time) (place, bool) {
	year := start.UTC().Year()
	if year < earliestYear || year > latestYear || start.UnixNano() <= 0 {
		return place{}, false
	}
	return place{start.UnixNano(), id}, true
}

// rowAt finds the row of a block at a place.
func (o *opened) rowAt(p *place) (int, bool) {
	starts := o.figures.Starts()
	i, _ := slices.BinarySearch(starts, p.start)
	for ; i < len(starts) && starts[i] == p.start; i++ {
		if o.names.Compare(i, &p.id) == 0 {
			return i, true
		}
	}
	return 0, false
}

// inBlocks looks for a record in the blocks of a view, without regard to entries.
func (e *Engine) inBlocks(ctx context.Context, v *view, from fetcher, p *place) (ref *blockRef, in *opened, row int, err error) {
	h := v.hourAt(hourOf(p.start))
	if h == nil {
		return nil, nil, 0, nil
	}
	hash := block.HashID(p.id)
	h.around(p.start, func(b *blockRef) bool {
		if !marks.MayHaveID(b.summary, hash) {
			return true
		}
		var o *opened
		if o, err = e.openBlock(ctx, from, b.id); err != nil {
			return false
		}
		if i, found := o.rowAt(p); found {
			ref, in, row = b, o, i
			return false
		}
		return true
	})
	return ref, in, row, err
}

// scanBatch is how many records Scan reads at a time.
const scanBatch = 4096

// Scan visits the records that match, oldest first. It reads them in batches and visits them between two
// readings: a visit that takes long, because a client reads slowly what is written to it, keeps no reader
// from others, and does not keep the log from being written back. What is written meanwhile is visited
// where it lies ahead.
func (e *Engine) Scan(ctx context.Context, f store.Filter, visit func(*store.Record) error) error {
	var batch []store.Record
	var after *place
	for {
		n, more := 0, false
		err := e.reading(ctx, func(s *snapshot) error {
			return s.walk(ctx, newMatch(&f, s.dims), false, after, func(at *source) (bool, error) {
				if n == scanBatch {
					more = true
					return false, nil
				}
				if n == len(batch) {
					batch = append(batch, store.Record{})
				}
				n++
				return true, at.record(&batch[n-1])
			})
		})
		if err != nil {
			return err
		}
		for i := range batch[:n] {
			if err := visit(&batch[i]); err != nil {
				return err
			}
		}
		if !more {
			return nil
		}
		last := placeOf(&batch[n-1])
		after = &last
	}
}

// Figures visits the records that match, a block at a time, without their names.
func (e *Engine) Figures(ctx context.Context, f store.Filter, visit func(*store.Record) error) error {
	return e.reading(ctx, func(s *snapshot) error { return s.figures(ctx, newMatch(&f, s.dims), visit) })
}

func (s *snapshot) figures(ctx context.Context, m *match, visit func(*store.Record) error) error {
	return s.each(ctx, m, func(x *entry) error {
		r := *x.row.Record
		return visit(&r)
	}, func(f *block.Figures, rows []int) error {
		var r store.Record
		for _, i := range rows {
			r = store.Record{}
			if texts := f.Read(i, &r); !s.dims.set(&texts, f, &r.Call) {
				return errText
			}
			if err := visit(&r); err != nil {
				return err
			}
		}
		return nil
	})
}

// List gives one page.
func (e *Engine) List(ctx context.Context, p store.Page) (out []store.Record, next string, err error) {
	if p.Limit < 1 {
		return nil, "", errors.New("list records: the limit must be positive")
	}
	if p.Order.By != store.ByTime {
		return e.listSorted(ctx, p)
	}
	newestFirst := !p.Order.Ascending
	var after *place
	if p.Cursor != "" {
		if after, err = parseCursor(p.Cursor); err != nil {
			return nil, "", err
		}
	}
	err = e.reading(ctx, func(s *snapshot) error {
		return s.walk(ctx, newMatch(&p.Filter, s.dims), newestFirst, after, func(at *source) (bool, error) {
			if len(out) == p.Limit { // there is a next page
				last := placeOf(&out[len(out)-1])
				next = cursorOf(&last)
				return false, nil
			}
			out = append(out, store.Record{})
			return true, at.record(&out[len(out)-1])
		})
	})
	if err != nil {
		return nil, "", err
	}
	return out, next, nil
}

// A cursor is a version, the place of the last record of the page, and a check sum that tells a cursor
// from other text.
const cursorVersion = 2

const cursorSize = 1 + 8 + len(usage.ID{}) + 1

func cursorOf(p *place) string {
	b := binary.BigEndian.AppendUint64([]byte{cursorVersion}, uint64(p.start))
	b = append(b, p.id[:]...)
	return base64.RawURLEncoding.EncodeToString(append(b, checkByte(b)))
}

func parseCursor(s string) (*place, error) {
	b, err := base64.RawURLEncoding.Strict().DecodeString(s)
	if err != nil || len(b) != cursorSize || b[0] != cursorVersion || checkByte(b[:cursorSize-1]) != b[cursorSize-1] {
		return nil, store.ErrCursor
	}
	p := &place{start: int64(binary.BigEndian.Uint64(b[1:9]))}
	if p.start < 0 {
		return nil, store.ErrCursor
	}
	copy(p.id[:], b[9:])
	return p, nil
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
func (e *Engine) Links(ctx context.Context, since time.Time, visit func(usage.SpanParent) error) error {
	rows, err := e.readDB.QueryContext(ctx, "SELECT trace, span, parent, tool FROM links WHERE seen >= ?", since.Unix())
	if err != nil {
		return mapError("read the spans' places", err)
	}
	defer rows.Close()
	for rows.Next() {
		var trace, span, parent []byte
		var k usage.SpanParent
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

// Nth gives the start of the n-th oldest record. Whole hours are counted without being read.
func (e *Engine) Nth(ctx context.Context, n int64) (start time.Time, found bool, err error) {
	err = e.reading(ctx, func(s *snapshot) error {
		for _, hour := range s.hoursWithRecords() {
			from, to := hour*hourNanos, (hour+1)*hourNanos-1
			if count, exact := s.countHour(hour); exact && n >= count {
				n -= count
				continue
			}
			err := s.walk(ctx, everything(from, to), false, nil, func(at *source) (bool, error) {
				if n == 0 {
					start, found = time.Unix(0, at.start()).UTC(), true
					return false, nil
				}
				n--
				return true, nil
			})
			if err != nil || found {
				return err
			}
		}
		return nil
	})
	return start, found, err
}

// hoursWithRecords lists the hours that blocks or entries lie in, ascending.
func (v *view) hoursWithRecords() []int64 {
	hours := make([]int64, 0, len(v.hours))
	for _, h := range v.hours {
		hours = append(hours, h.hour)
	}
	for _, e := range v.recent {
		hours = append(hours, hourOf(e.start))
	}
	slices.Sort(hours)
	return slices.Compact(hours)
}

// countHour counts the records of an hour; not exact where entries change it.
func (v *view) countHour(hour int64) (n int64, exact bool) {
	if h := v.hourAt(hour); h != nil {
		n = int64(h.records)
	}
	return n, len(v.recentBetween(hour*hourNanos, (hour+1)*hourNanos-1)) == 0
}
