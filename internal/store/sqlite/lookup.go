package sqlite

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/store/block"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// Lookup returns the records that a query selects.
func (e *Engine) Lookup(ctx context.Context, q store.Lookup) ([]store.Record, error) {
	c := newCandidates(&q)
	found := map[place]*store.Record{}
	if c.relate() || !e.view.Load().findAll(c.places, found) {
		clear(found) // what was read of another moment
		err := e.reading(ctx, func(s *snapshot) error {
			if err := s.findAll(ctx, c.places, found); err != nil || !c.relate() {
				return err
			}
			return s.candidates(ctx, c, found)
		})
		if err != nil {
			return nil, fmt.Errorf("look up records: %w", err)
		}
	}
	places := slices.SortedFunc(maps.Keys(found), func(a, b place) int { return a.compare(&b) })
	out := make([]store.Record, 0, len(places))
	for _, p := range places {
		out = append(out, *found[p])
	}
	return out, nil
}

// candidates is a query made ready.
type candidates struct {
	places       []place
	match        store.Filter
	ids          map[usage.ID]bool
	hashes       []uint64 // of the ids
	supersededBy map[usage.ID]bool
	callIDs      map[string]bool
	processes    map[uint64]bool
	max          int
}

func newCandidates(q *store.Lookup) *candidates {
	c := &candidates{
		match: store.Filter{From: q.From, To: q.To, Superseded: true}, max: q.Max,
		ids: set(q.IDs), supersededBy: set(q.SupersededBy), callIDs: set(q.CallIDs), processes: set(q.Processes),
	}
	for _, id := range q.IDs {
		c.hashes = append(c.hashes, block.HashID(id))
	}
	for i := range q.Refs {
		if p, ok := placeAt(q.Refs[i].ID, q.Refs[i].Start); ok {
			c.places = append(c.places, p)
		}
	}
	slices.SortFunc(c.places, func(a, b place) int { return a.compare(&b) }) // block by block
	return c
}

// set is the values of a list; the zero value stands for none and selects nothing.
func set[T comparable](list []T) map[T]bool {
	var zero T
	out := make(map[T]bool, len(list))
	for _, v := range list {
		if v != zero {
			out[v] = true
		}
	}
	return out
}

// relate reports whether the query asks for more than single records.
func (c *candidates) relate() bool {
	return c.max > 0 && len(c.ids)+len(c.supersededBy)+len(c.callIDs)+len(c.processes) > 0
}

// mayBeIn reports whether a block may hold a candidate: of ids and of what is superseded its summary knows.
func (c *candidates) mayBeIn(b *blockRef) bool {
	if len(c.callIDs)+len(c.processes) > 0 || (len(c.supersededBy) > 0 && b.summary.HasSuperseded()) {
		return true
	}
	return slices.ContainsFunc(c.hashes, func(h uint64) bool { return marks.MayHaveID(b.summary, h) })
}

// has reports whether a record is one.
func (c *candidates) has(r *store.Record) bool {
	return c.ids[r.ID] || c.supersededBy[r.SupersededBy] || c.callIDs[r.ResponseID] || c.callIDs[r.RequestID] ||
		c.processes[r.Process]
}

// mayHave is has for what is next on a walk, without the record being read as a whole.
func (c *candidates) mayHave(at *source) (bool, error) {
	if at.block == nil || len(c.callIDs)+len(c.processes) > 0 {
		return true, nil
	}
	names, err := at.block.names()
	if err != nil {
		return false, err
	}
	row := at.rows[0]
	return c.ids[names.ID(row)] || c.supersededBy[names.SupersededBy(row)], nil
}

// candidates adds the oldest records of a range of time that share something with those of the query.
func (s *snapshot) candidates(ctx context.Context, c *candidates, found map[place]*store.Record) error {
	m := newMatch(&c.match, s.dims)
	m.only = c.mayBeIn
	n := 0
	var r store.Record
	return s.walk(ctx, m, false, nil, func(at *source) (bool, error) {
		if may, err := c.mayHave(at); err != nil || !may {
			return true, err
		}
		if err := at.record(&r); err != nil || !c.has(&r) {
			return true, err
		}
		own := r
		found[placeOf(&r)] = &own
		n++
		return n < c.max, nil
	})
}

// findAll finds the records at places as far as they were written lately; false where some may be in a block.
func (v *view) findAll(places []place, found map[place]*store.Record) bool {
	for i := range places {
		p := &places[i]
		if entry, known := v.entryAt(p); known {
			if !entry.gone() {
				found[*p] = entry.row.Record
			}
		} else if v.mayHave(p) {
			return false
		}
	}
	return true
}

// mayHave reports whether a block may hold a record at a place.
func (v *view) mayHave(p *place) (may bool) {
	if h := v.hourAt(hourOf(p.start)); h != nil {
		hash := block.HashID(p.id)
		h.around(p.start, func(b *blockRef) bool {
			may = marks.MayHaveID(b.summary, hash)
			return !may
		})
	}
	return may
}

// findAll reads the records at places.
func (s *snapshot) findAll(ctx context.Context, places []place, found map[place]*store.Record) error {
	for i := range places {
		p := &places[i]
		if entry, known := s.entryAt(p); known {
			if !entry.gone() {
				found[*p] = entry.row.Record
			}
			continue
		}
		ref, in, row, err := s.engine.inBlocks(ctx, s.view, s.blockReader, p)
		if err != nil {
			return err
		}
		if ref == nil {
			continue
		}
		r := &store.Record{}
		if err := readRow(in.figures, in.names, s.dims, row, r); err != nil {
			return err
		}
		found[*p] = r
	}
	return nil
}
