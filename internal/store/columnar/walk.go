package columnar

import (
	"container/heap"
	"context"
	"slices"

	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/store/block"
	"github.com/tokenboard/tokenboard/internal/store/match"
)

// each calls visit for the entries, and rows for the rows of blocks, that match, in no order.
func (s *Reader) each(
	ctx context.Context, m *match.Matcher, visit func(*memEntry) error, rows func(*block.Figures, []int) error,
) error {
	return s.eachBlock(ctx, m, visit, func(b *lazyBlock, found []int) error { return rows(b.f, found) })
}

// eachBlock is each with blocks whose names can be read.
func (s *Reader) eachBlock(
	ctx context.Context, m *match.Matcher, visit func(*memEntry) error, rows func(*lazyBlock, []int) error,
) error {
	return s.eachOf(ctx, m, s.between(m.From, m.To), visit, rows)
}

// eachOf is eachBlock with the blocks of some hours, which are ascending.
func (s *Reader) eachOf(
	ctx context.Context, m *match.Matcher, hours []*hourBlocks, visit func(*memEntry) error, rows func(*lazyBlock, []int) error,
) error {
	for _, e := range s.memtableBetween(m.From, m.To) {
		if matches(m, e) {
			if err := visit(e); err != nil {
				return err
			}
		}
	}
	return s.eachIn(ctx, &feed{s: s, m: m, hours: hours, step: mostAhead}, rows)
}

// eachIn calls rows for the rows of a feed's blocks that match.
func (s *Reader) eachIn(ctx context.Context, feed *feed, rows func(*lazyBlock, []int) error) error {
	for {
		b, err := feed.next(ctx)
		if err != nil || b == nil {
			return err
		}
		feed.take()
		found, err := b.matching(feed.m)
		if err == nil && len(found) > 0 {
			err = rows(b, found)
		}
		if err == nil && b.f.Err() != nil {
			err = damaged(b.ref.ID, b.f.Err())
		}
		if err != nil {
			return err
		}
	}
}

// run is a sorted run on a walk, a block or the memtable: what is left of it.
type run struct {
	block *lazyBlock // nil: entries
	rows  []int      // those that match, in the order of the walk

	entries []*memEntry // ascending; on the reverse way the last is the next
	reverse bool
	m       *match.Matcher
}

func (c *run) empty() bool { return len(c.rows)+len(c.entries) == 0 }

// entry is the next entry.
func (c *run) entry() *memEntry {
	if c.reverse {
		return c.entries[len(c.entries)-1]
	}
	return c.entries[0]
}

// skip drops the next entries up to the first that matches.
func (c *run) skip() {
	for len(c.entries) > 0 && !matches(c.m, c.entry()) {
		c.drop()
	}
}

func (c *run) drop() {
	if c.reverse {
		c.entries = c.entries[:len(c.entries)-1]
	} else {
		c.entries = c.entries[1:]
	}
}

func (c *run) start() int64 {
	if c.block == nil {
		return c.entry().Start
	}
	return c.block.f.Starts()[c.rows[0]]
}

func (c *run) place() (Place, error) {
	if c.block == nil {
		return c.entry().Place, nil
	}
	names, err := c.block.Names()
	if err != nil {
		return Place{}, err
	}
	return Place{c.start(), names.ID(c.rows[0])}, nil
}

func (c *run) record(r *store.Record) error {
	if c.block == nil {
		*r = *c.entry().row.Record
		return nil
	}
	return c.block.record(c.rows[0], r)
}

func (c *run) next() {
	if c.block == nil {
		c.drop()
		c.skip()
	} else {
		c.rows = c.rows[1:]
	}
}

// walker goes through the records that match in the order of their places, or the reverse. Blocks of one
// hour may overlap in time; each is read when the walk comes to it.
type walker struct {
	s       *Reader
	m       *match.Matcher
	reverse bool
	feed    *feed
	heads   []*run // a heap
	err     error  // of comparing
}

// walk calls visit for the records that match, until it returns false. With after, those up to it and it
// itself are left out. The record is valid during the visit only.
func (s *Reader) walk(
	ctx context.Context, m *match.Matcher, reverse bool, after *Place, visit func(*run) (bool, error),
) error {
	if after != nil {
		narrowed := *m
		if reverse {
			narrowed.To = min(m.To, after.Start)
		} else {
			narrowed.From = max(m.From, after.Start)
		}
		m = &narrowed
	}
	if m.None || m.From > m.To {
		return nil
	}
	w := &walker{s: s, m: m, reverse: reverse, feed: s.feed(m, reverse, 1)}
	recent := &run{entries: s.memtableBetween(m.From, m.To), reverse: reverse, m: m}
	if recent.skip(); !recent.empty() {
		w.heads = append(w.heads, recent)
	}
	for {
		if err := w.open(ctx); err != nil {
			return err
		}
		if len(w.heads) == 0 {
			return nil
		}
		head := w.heads[0]
		if after != nil && head.start() == after.Start {
			p, err := head.place()
			if err != nil {
				return err
			}
			if c := p.compare(after); c == 0 || (c > 0) == reverse {
				w.advance()
				continue
			}
		}
		more, err := visit(head)
		if err != nil || !more {
			return err
		}
		if w.advance(); w.err != nil {
			return w.err
		}
	}
}

// advance leaves the first record behind.
func (w *walker) advance() {
	if w.heads[0].next(); w.heads[0].empty() {
		heap.Pop(w)
		return
	}
	heap.Fix(w, 0)
}

// open opens the blocks that may hold the next record.
func (w *walker) open(ctx context.Context) error {
	for {
		b, err := w.feed.next(ctx)
		if err != nil {
			return err
		}
		if b == nil || (len(w.heads) > 0 && !w.comesTo(b.ref)) {
			return w.err
		}
		w.feed.take()
		rows, err := b.matching(w.m)
		if err != nil {
			return err
		}
		if len(rows) == 0 {
			continue
		}
		if w.reverse {
			slices.Reverse(rows)
		}
		heap.Push(w, &run{block: b, rows: rows})
	}
}

// comesTo reports whether something of a block may come before, or with, the next record.
func (w *walker) comesTo(b *BlockRef) bool {
	if w.reverse {
		return b.Last >= w.heads[0].start()
	}
	return b.First <= w.heads[0].start()
}

// Len, Less, Swap, Push and Pop make it a heap.
func (w *walker) Len() int      { return len(w.heads) }
func (w *walker) Swap(i, j int) { w.heads[i], w.heads[j] = w.heads[j], w.heads[i] }

func (w *walker) Less(i, j int) bool {
	a, b := w.heads[i], w.heads[j]
	if s, t := a.start(), b.start(); s != t {
		return (s < t) != w.reverse
	}
	p, err := a.place() // ids are read only where starts are equal
	if err != nil {
		w.err = err
	}
	q, err := b.place()
	if err != nil {
		w.err = err
	}
	return (p.compare(&q) < 0) != w.reverse
}

func (w *walker) Push(x any) { w.heads = append(w.heads, x.(*run)) }

func (w *walker) Pop() any {
	last := w.heads[len(w.heads)-1]
	w.heads = w.heads[:len(w.heads)-1]
	return last
}

// matches reports whether an entry of the memtable matches.
func matches(m *match.Matcher, e *memEntry) bool { return !e.removed() && m.Row(e.Start, &e.row) }
