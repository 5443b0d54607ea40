package columnar

import (
	"cmp"
	"container/heap"
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/store/block"
	"github.com/tokenboard/tokenboard/internal/store/match"
)

// A list that is sorted by a figure has no index: for each page the figures of everything that matches are
// read, and the places of the first ones are kept, as many as the page has records. So the memory is
// bounded by the page, and no figure is read twice.

// ranked is the position of a record in a list that is sorted by a figure: larger ranks come
// first, and of equal ones the newest.
type ranked struct {
	rank int64
	Place
}

// unknownRank is of records whose figure is not known.
const unknownRank = math.MinInt64

func (a *ranked) compare(b *ranked) int {
	return cmp.Or(cmp.Compare(b.rank, a.rank), b.Place.compare(&a.Place))
}

// ranker returns the ranks of records.
type ranker struct {
	by        store.Figure
	ascending bool
}

func (k *ranker) of(figure int64, known bool) int64 {
	switch {
	case !known:
		return unknownRank
	case k.ascending:
		return -figure
	}
	return figure
}

func (k *ranker) ofRecord(r *store.Record) int64 {
	switch k.by {
	case store.ByCost:
		return k.of(int64(r.Cost), r.CostKnown())
	case store.ByDuration:
		return k.of(int64(r.Duration), r.Duration > 0)
	case store.ByTTFT:
		return k.of(int64(r.TTFT), r.TTFT > 0)
	default:
		return k.of(r.Tokens.Total(), r.Tokens.Reported())
	}
}

// ofRow is ofRecord of a row of a block. It reads no more columns than it needs.
func (k *ranker) ofRow(f *block.Figures, i int) int64 {
	switch k.by {
	case store.ByCost:
		cost, known := f.CostOf(i)
		return k.of(int64(cost), known)
	case store.ByDuration:
		d := f.Number(block.Duration, i)
		return k.of(d, d > 0)
	case store.ByTTFT:
		d := f.Number(block.TTFT, i)
		return k.of(d, d > 0)
	default:
		t := f.TokensOf(i)
		return k.of(t.Total(), t.Reported())
	}
}

// best collects the first records behind a place in a sorted list. It is a heap whose top is the last one.
type best struct {
	ranker ranker
	after  *ranked
	most   int
	all    []ranked
}

func (b *best) Len() int           { return len(b.all) }
func (b *best) Less(i, j int) bool { return b.all[i].compare(&b.all[j]) > 0 }
func (b *best) Swap(i, j int)      { b.all[i], b.all[j] = b.all[j], b.all[i] }
func (b *best) Push(x any)         { b.all = append(b.all, x.(ranked)) } //nolint:forcetypeassert // see add
func (b *best) Pop() any {
	last := b.all[len(b.all)-1]
	b.all = b.all[:len(b.all)-1]
	return last
}

// mayHave reports whether a record of a rank and start may belong to the best, before its id is known.
func (b *best) mayHave(rank, start int64) bool {
	at := func(r *ranked) int { return cmp.Or(cmp.Compare(r.rank, rank), cmp.Compare(r.Start, start)) }
	return (b.after == nil || at(b.after) >= 0) && (len(b.all) < b.most || at(&b.all[0]) <= 0)
}

func (b *best) add(r ranked) {
	switch {
	case b.after != nil && r.compare(b.after) <= 0:
	case len(b.all) < b.most:
		heap.Push(b, r)
	case r.compare(&b.all[0]) < 0:
		b.all[0] = r
		heap.Fix(b, 0)
	}
}

func (b *best) addEntry(e *memEntry) error {
	b.add(ranked{b.ranker.ofRecord(e.row.Record), e.Place})
	return nil
}

func (b *best) addRows(from *lazyBlock, rows []int) error {
	starts := from.f.Starts()
	for _, i := range rows {
		rank := b.ranker.ofRow(from.f, i)
		if !b.mayHave(rank, starts[i]) {
			continue
		}
		names, err := from.Names()
		if err != nil {
			return err
		}
		b.add(ranked{rank, Place{starts[i], names.ID(i)}})
	}
	return nil
}

// listSorted returns one page of a list that is sorted by a figure.
func (s *Reader) listSorted(ctx context.Context, p *store.Page) (out []store.Record, next string, err error) {
	b := &best{ranker: ranker{p.Order.By, p.Order.Ascending}, most: p.Limit + 1}
	if p.Cursor != "" {
		if b.after, err = parseSortedCursor(p.Cursor, p.Order); err != nil {
			return nil, "", err
		}
	}
	if err := s.eachBlock(ctx, match.New(&p.Filter, s.values), b.addEntry, b.addRows); err != nil {
		return nil, "", err
	}
	slices.SortFunc(b.all, func(x, y ranked) int { return x.compare(&y) })
	if len(b.all) > p.Limit {
		b.all = b.all[:p.Limit]
		next = sortedCursor(&b.all[p.Limit-1], p.Order)
	}
	places := make([]Place, len(b.all))
	for i := range b.all {
		places[i] = b.all[i].Place
	}
	records := make(map[Place]*store.Record, len(places))
	if err := s.findAll(ctx, places, records); err != nil {
		return nil, "", err
	}
	out = make([]store.Record, len(places))
	for i, p := range places {
		r := records[p]
		if r == nil {
			return nil, "", fmt.Errorf("%w: a record that was listed is missing", store.ErrCorrupt)
		}
		out[i] = *r
	}
	return out, next, nil
}
