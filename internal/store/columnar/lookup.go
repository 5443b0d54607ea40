package columnar

import (
	"context"
	"slices"

	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/store/block"
	"github.com/tokenboard/tokenboard/internal/store/dictionary"
	"github.com/tokenboard/tokenboard/internal/store/match"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// candidates is a query, prepared.
type candidates struct {
	places       []Place
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
		if p, ok := PlaceAt(q.Refs[i].ID, q.Refs[i].Start); ok {
			c.places = append(c.places, p)
		}
	}
	slices.SortFunc(c.places, func(a, b Place) int { return a.compare(&b) }) // block by block
	return c
}

// set is the values of a list; the zero value is empty and selects nothing.
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

// mayBeIn reports whether a block may hold a candidate: its summary has bits for ids and for superseded records.
func (c *candidates) mayBeIn(b block.Summary) bool {
	if len(c.callIDs)+len(c.processes) > 0 || (len(c.supersededBy) > 0 && b.HasSuperseded()) {
		return true
	}
	return slices.ContainsFunc(c.hashes, func(h uint64) bool { return dictionary.SummaryBits.MayHaveID(b, h) })
}

// has reports whether a record is one.
func (c *candidates) has(r *store.Record) bool {
	return c.ids[r.ID] || c.supersededBy[r.SupersededBy] || c.callIDs[r.ResponseID] || c.callIDs[r.RequestID] ||
		c.processes[r.Process]
}

// mayHave is has for what is next on a walk, without the record being read as a whole.
func (c *candidates) mayHave(at *run) (bool, error) {
	if at.block == nil || len(c.callIDs)+len(c.processes) > 0 {
		return true, nil
	}
	names, err := at.block.Names()
	if err != nil {
		return false, err
	}
	row := at.rows[0]
	return c.ids[names.ID(row)] || c.supersededBy[names.SupersededBy(row)], nil
}

// candidates adds the oldest records of a range of time that share something with the records of the query.
func (s *Reader) candidates(ctx context.Context, c *candidates, records map[Place]*store.Record) error {
	m := match.New(&c.match, s.values)
	m.Summary = c.mayBeIn
	n := 0
	var r store.Record
	return s.walk(ctx, m, false, nil, func(at *run) (bool, error) {
		if may, err := c.mayHave(at); err != nil || !may {
			return true, err
		}
		if err := at.record(&r); err != nil || !c.has(&r) {
			return true, err
		}
		copied := r
		records[PlaceOf(&r)] = &copied
		n++
		return n < c.max, nil
	})
}

// findAll finds the records at places in the memtable; false where some may be in a block.
func (v *Snapshot) findAll(places []Place, records map[Place]*store.Record) bool {
	for i := range places {
		p := &places[i]
		if e, some := v.entryAt(p); some {
			if !e.removed() {
				records[*p] = e.row.Record
			}
		} else if v.mayHave(p) {
			return false
		}
	}
	return true
}

// mayHave reports whether a block may hold a record at a place.
func (v *Snapshot) mayHave(p *Place) (may bool) {
	if h := v.hourAt(hourOf(p.Start)); h != nil {
		hash := block.HashID(p.ID)
		h.around(p.Start, func(b *BlockRef) bool {
			may = dictionary.SummaryBits.MayHaveID(b.Summary, hash)
			return !may
		})
	}
	return may
}

// findAll reads the records at places.
func (s *Reader) findAll(ctx context.Context, places []Place, records map[Place]*store.Record) error {
	for i := range places {
		p := &places[i]
		if e, some := s.entryAt(p); some {
			if !e.removed() {
				records[*p] = e.row.Record
			}
			continue
		}
		at, err := s.cache.find(ctx, s.Snapshot, s.source, p)
		if err != nil {
			return err
		}
		if at.ref == nil {
			continue
		}
		r := &store.Record{}
		if err := readRow(at.in.figures, at.in.names, s.values, at.row, r); err != nil {
			return err
		}
		records[*p] = r
	}
	return nil
}
