package columnar

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/store/block"
	"github.com/tokenboard/tokenboard/internal/store/match"
)

// Queries answers the methods of store.Calls that read records. An engine embeds it.
type Queries struct {
	// Newest returns the newest snapshot; nil where it may not be the newest one, because other processes write too.
	Newest func() *Snapshot
	// Read calls f with a reader of one moment, and closes its source afterwards.
	Read func(ctx context.Context, f func(*Reader) error) error
}

// Lookup returns the records that a query selects. If the memtable has them all, no block is read.
func (q Queries) Lookup(ctx context.Context, l store.Lookup) ([]store.Record, error) {
	c := newCandidates(&l)
	records := map[Place]*store.Record{}
	if c.relate() || q.Newest == nil || !q.Newest().findAll(c.places, records) {
		clear(records) // what was read of another moment
		err := q.Read(ctx, func(s *Reader) error {
			if err := s.findAll(ctx, c.places, records); err != nil || !c.relate() {
				return err
			}
			return s.candidates(ctx, c, records)
		})
		if err != nil {
			return nil, fmt.Errorf("look up records: %w", err)
		}
	}
	places := slices.SortedFunc(maps.Keys(records), func(a, b Place) int { return a.compare(&b) })
	out := make([]store.Record, 0, len(places))
	for _, p := range places {
		out = append(out, *records[p])
	}
	return out, nil
}

// ScanBatch is how many records Scan reads at a time.
const ScanBatch = 4096

// Scan visits the records that match, oldest first. It reads them in batches and visits them between two readings: a
// visit that takes long, because a client reads slowly what is written to it, keeps no reader from others, and no
// transaction open. A record that is written meanwhile is visited if it comes later in the order.
func (q Queries) Scan(ctx context.Context, f store.Filter, visit func(*store.Record) error) error {
	var batch []store.Record
	var after *Place
	for {
		n, more := 0, false
		err := q.Read(ctx, func(s *Reader) error {
			return s.walk(ctx, match.New(&f, s.values), false, after, func(at *run) (bool, error) {
				if n == ScanBatch {
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
		last := PlaceOf(&batch[n-1])
		after = &last
	}
}

// Figures visits the records that match, a block at a time, without their names.
func (q Queries) Figures(ctx context.Context, f store.Filter, visit func(*store.Record) error) error {
	return q.Read(ctx, func(s *Reader) error { return s.Figures(ctx, f, visit) })
}

// Figures visits the records that match, a block at a time, without their names.
func (s *Reader) Figures(ctx context.Context, f store.Filter, visit func(*store.Record) error) error {
	m := match.New(&f, s.values)
	if oldest, some := s.oldest(); !some || m.None || oldest > m.To {
		return nil
	}
	return s.each(ctx, m, func(x *memEntry) error {
		r := *x.row.Record
		return visit(&r)
	}, func(f *block.Figures, rows []int) error {
		var r store.Record
		for _, i := range rows {
			r = store.Record{}
			if ids := f.Read(i, &r); !s.values.SetIn(&ids, f, &r.Call) {
				return errText
			}
			if err := visit(&r); err != nil {
				return err
			}
		}
		return nil
	})
}

// Totals sums by fields, a block at a time, or a whole day where its sums are known.
func (q Queries) Totals(ctx context.Context, f store.Filter, by []store.Field, limit int) (out []store.Total, err error) {
	f.Superseded = false
	err = q.Read(ctx, func(s *Reader) error {
		t := newTotals(s.values, by, limit)
		if err := s.totals(ctx, match.New(&f, s.values), by, t); err != nil {
			return err
		}
		out = t.all()
		return nil
	})
	return out, err
}

// List returns one page.
func (q Queries) List(ctx context.Context, p store.Page) (out []store.Record, next string, err error) {
	if p.Limit < 1 {
		return nil, "", errors.New("list records: the limit must be positive")
	}
	err = q.Read(ctx, func(s *Reader) error {
		if p.Order.By != store.ByTime {
			out, next, err = s.listSorted(ctx, &p)
		} else {
			out, next, err = s.list(ctx, &p)
		}
		return err
	})
	if err != nil {
		return nil, "", err
	}
	return out, next, nil
}

// list returns one page of a list in the order of time.
func (s *Reader) list(ctx context.Context, p *store.Page) (out []store.Record, next string, err error) {
	var after *Place
	if p.Cursor != "" {
		if after, err = parseCursor(p.Cursor); err != nil {
			return nil, "", err
		}
	}
	newestFirst := !p.Order.Ascending
	err = s.walk(ctx, match.New(&p.Filter, s.values), newestFirst, after, func(at *run) (bool, error) {
		if len(out) == p.Limit { // there is a next page
			last := PlaceOf(&out[len(out)-1])
			next = cursorOf(&last)
			return false, nil
		}
		out = append(out, store.Record{})
		return true, at.record(&out[len(out)-1])
	})
	return out, next, err
}

// Nth returns the start of the n-th oldest record. Whole hours are counted without being read.
func (q Queries) Nth(ctx context.Context, n int64) (start time.Time, found bool, err error) {
	err = q.Read(ctx, func(s *Reader) error {
		for _, hour := range s.hoursWithRecords() {
			from, to := hour*hourNanos, (hour+1)*hourNanos-1
			if count, exact := s.countHour(hour); exact && n >= count {
				n -= count
				continue
			}
			err := s.walk(ctx, match.Everything(from, to), false, nil, func(at *run) (bool, error) {
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
