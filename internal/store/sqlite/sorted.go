package sqlite

import (
	"cmp"
	"container/heap"
	"context"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"math"
	"slices"

	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/store/block"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// A list that is sorted by a figure has no index: for each page the figures of everything that matches are
// read, and the places of the best ones are kept, as many as the page has records. So the memory is
// bounded by the page, and no figure is read twice.

// ranked is where a record stands in a list that is sorted by a figure: the one with the larger rank comes
// first, and of equal ones the newest.
type ranked struct {
	rank int64
	place
}

// unknownRank is of records whose figure is not known.
const unknownRank = math.MinInt64

func (a *ranked) compare(b *ranked) int {
	return cmp.Or(cmp.Compare(b.rank, a.rank), b.place.compare(&a.place))
}

// ranker gives the ranks of records.
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

// mayHave tells whether a record of a rank and start may belong to the best, before its id is known.
func (b *best) mayHave(rank, start int64) bool {
	at := func(r *ranked) int { return cmp.Or(cmp.Compare(r.rank, rank), cmp.Compare(r.start, start)) }
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

func (b *best) addEntry(e *entry) error {
	b.add(ranked{b.ranker.ofRecord(e.row.Record), e.place})
	return nil
}

func (b *best) addRows(from *lazyBlock, rows []int) error {
	starts := from.f.Starts()
	for _, i := range rows {
		rank := b.ranker.ofRow(from.f, i)
		if !b.mayHave(rank, starts[i]) {
			continue
		}
		names, err := from.names()
		if err != nil {
			return err
		}
		b.add(ranked{rank, place{starts[i], names.ID(i)}})
	}
	return nil
}

// listSorted gives one page of a list that is sorted by a figure.
func (e *Engine) listSorted(ctx context.Context, p store.Page) (out []store.Record, next string, err error) {
	b := &best{ranker: ranker{p.Order.By, p.Order.Ascending}, most: p.Limit + 1}
	if p.Cursor != "" {
		if b.after, err = parseSortedCursor(p.Cursor, p.Order); err != nil {
			return nil, "", err
		}
	}
	err = e.reading(ctx, func(s *snapshot) error {
		if err := s.eachBlock(ctx, newMatch(&p.Filter, s.dims), b.addEntry, b.addRows); err != nil {
			return err
		}
		slices.SortFunc(b.all, func(x, y ranked) int { return x.compare(&y) })
		if len(b.all) > p.Limit {
			b.all = b.all[:p.Limit]
			next = sortedCursor(&b.all[p.Limit-1], p.Order)
		}
		places := make([]place, len(b.all))
		for i := range b.all {
			places[i] = b.all[i].place
		}
		found := make(map[place]*store.Record, len(places))
		if err := s.findAll(ctx, places, found); err != nil {
			return err
		}
		out = make([]store.Record, len(places))
		for i, p := range places {
			r := found[p]
			if r == nil {
				return fmt.Errorf("%w: a record that was listed is not there", store.ErrCorrupt)
			}
			out[i] = *r
		}
		return nil
	})
	if err != nil {
		return nil, "", err
	}
	return out, next, nil
}

// A cursor of a sorted list says the order too: with another one it would skip records.
const sortedCursorVersion = 3

const sortedCursorSize = 1 + 1 + 8 + 8 + len(usage.ID{}) + 1

func orderByte(o store.Order) byte {
	b := byte(o.By) << 1
	if o.Ascending {
		b |= 1
	}
	return b
}

func sortedCursor(r *ranked, o store.Order) string {
	b := binary.BigEndian.AppendUint64([]byte{sortedCursorVersion, orderByte(o)}, uint64(r.rank))
	b = binary.BigEndian.AppendUint64(b, uint64(r.start))
	b = append(b, r.id[:]...)
	return base64.RawURLEncoding.EncodeToString(append(b, checkByte(b)))
}

func parseSortedCursor(s string, o store.Order) (*ranked, error) {
	b, err := base64.RawURLEncoding.Strict().DecodeString(s)
	if err != nil || len(b) != sortedCursorSize || b[0] != sortedCursorVersion || b[1] != orderByte(o) || checkByte(b[:sortedCursorSize-1]) != b[sortedCursorSize-1] {
		return nil, store.ErrCursor
	}
	r := &ranked{rank: int64(binary.BigEndian.Uint64(b[2:10]))}
	r.start = int64(binary.BigEndian.Uint64(b[10:18]))
	copy(r.id[:], b[18:])
	return r, nil
}
