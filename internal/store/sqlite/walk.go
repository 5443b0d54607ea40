package sqlite

import (
	"container/heap"
	"context"
	"fmt"
	"slices"

	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/store/block"
)

// lazyBlock reads the parts of a block when they are asked for.
type lazyBlock struct {
	s   *snapshot
	ctx context.Context //nolint:containedctx // of the one call that it lives for
	ref *blockRef
	f   *block.Figures
	n   *block.Names
}

// feed gives the blocks that may hold what matches, in the order of their first starts, or of their last
// ones in reverse. It reads ahead: little at first, for whoever wants only a page.
type feed struct {
	s       *snapshot
	m       *match
	reverse bool
	hours   []*hourBlocks // still to come, in order
	blocks  []*blockRef   // of the hour at hand, still to come
	ahead   []*lazyBlock
	step    int
}

// mostAhead is how many blocks are read at a time.
const mostAhead = 64

func (s *snapshot) feed(m *match, reverse bool, step int) *feed {
	f := &feed{s: s, m: m, reverse: reverse, hours: s.between(m.from, m.to), step: step}
	if reverse {
		f.hours = slices.Clone(f.hours)
		slices.Reverse(f.hours)
	}
	return f
}

// next gives the next block; nil at the end. It stays the next one until take is called.
func (f *feed) next(ctx context.Context) (*lazyBlock, error) {
	if len(f.ahead) == 0 {
		if err := f.read(ctx); err != nil {
			return nil, err
		}
	}
	if len(f.ahead) == 0 {
		return nil, nil //nolint:nilnil // the end
	}
	return f.ahead[0], nil
}

func (f *feed) take() { f.ahead = f.ahead[1:] }

// read reads ahead.
func (f *feed) read(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("read records: %w", err)
	}
	f.ahead = make([]*lazyBlock, 0, f.step)
	wanted := map[int64]*lazyBlock{}
	var ids []int64
	for len(f.ahead) < f.step {
		if len(f.blocks) == 0 {
			if len(f.hours) == 0 {
				break
			}
			f.blocks = f.hours[0].blocks
			if f.reverse {
				f.blocks = f.hours[0].byLast
			}
			f.hours = f.hours[1:]
			continue
		}
		ref := f.blocks[0]
		f.blocks = f.blocks[1:]
		if !f.m.mayBeIn(ref) {
			continue
		}
		b := &lazyBlock{s: f.s, ctx: ctx, ref: ref}
		f.ahead = append(f.ahead, b)
		if o := f.s.engine.cache.get(ref.id); o != nil {
			b.f, b.n = o.figures, o.names
			continue
		}
		wanted[ref.id] = b
		ids = append(ids, ref.id)
	}
	f.step = min(2*f.step, mostAhead)
	if len(ids) == 0 {
		return nil
	}
	withNames := f.m.readsNames()
	err := f.s.fetchMany(ctx, ids, withNames, func(id int64, figures, names []byte) (err error) {
		if wanted[id].f, err = block.OpenFigures(figures); err != nil {
			return damaged(id, err)
		}
		if withNames {
			if wanted[id].n, err = block.OpenNames(names); err != nil {
				return damaged(id, err)
			}
		}
		delete(wanted, id)
		return nil
	})
	if err != nil {
		return err
	}
	for id := range wanted {
		return fmt.Errorf("%w: block %d is not there", store.ErrCorrupt, id)
	}
	return nil
}

func (b *lazyBlock) figures() *block.Figures { return b.f }

func (b *lazyBlock) names() (*block.Names, error) {
	if b.n == nil {
		data, err := b.s.fetchNames(b.ctx, b.ref.id)
		if err != nil {
			return nil, err
		}
		if b.n, err = block.OpenNames(data); err != nil {
			return nil, damaged(b.ref.id, err)
		}
	}
	return b.n, nil
}

// matching gives the rows that match and that no entry has a later form of.
func (b *lazyBlock) matching(m *match) ([]int, error) {
	rows, err := m.rows(b, b.ref.first >= m.from && b.ref.last <= m.to)
	if err == nil {
		err = b.f.Err()
	}
	if err != nil {
		return nil, damaged(b.ref.id, err)
	}
	if !b.s.changed[b.ref.id] || len(rows) == 0 {
		return rows, nil
	}
	names, err := b.names()
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(rows, func(i int) bool {
		e, changed := b.s.entryAt(&place{b.f.Starts()[i], names.ID(i)})
		return changed && e.home == b.ref.id
	}), nil
}

// record reads a row.
func (b *lazyBlock) record(i int, r *store.Record) error {
	names, err := b.names()
	if err != nil {
		return err
	}
	return readRow(b.f, names, b.s.dims, i, r)
}

func readRow(f *block.Figures, names *block.Names, dims dimValues, i int, r *store.Record) error {
	*r = store.Record{}
	texts := f.Read(i, r)
	if !dims.set(&texts, f, &r.Call) {
		return errText
	}
	if err := f.Err(); err != nil {
		return fmt.Errorf("%w: %w", store.ErrCorrupt, err)
	}
	return names.Read(i, r)
}

var errText = fmt.Errorf("%w: a record names a text that is not there", store.ErrCorrupt)

// each calls entry for the entries, and rows for the rows of blocks, that match, in no order.
func (s *snapshot) each(ctx context.Context, m *match, entry func(*entry) error, rows func(*block.Figures, []int) error) error {
	return s.eachBlock(ctx, m, entry, func(b *lazyBlock, found []int) error { return rows(b.f, found) })
}

// eachBlock is each for whoever may ask for the names of some rows.
func (s *snapshot) eachBlock(ctx context.Context, m *match, entry func(*entry) error, rows func(*lazyBlock, []int) error) error {
	for _, e := range s.recentBetween(m.from, m.to) {
		if m.entry(e) {
			if err := entry(e); err != nil {
				return err
			}
		}
	}
	feed := s.feed(m, false, mostAhead)
	for {
		b, err := feed.next(ctx)
		if err != nil || b == nil {
			return err
		}
		feed.take()
		found, err := b.matching(m)
		if err == nil && len(found) > 0 {
			err = rows(b, found)
		}
		if err == nil && b.f.Err() != nil {
			err = damaged(b.ref.id, b.f.Err())
		}
		if err != nil {
			return err
		}
	}
}

// source is a block, or the entries, on a walk: what it still has to give.
type source struct {
	block *lazyBlock // nil: entries
	rows  []int      // those that match, in the order of the walk

	entries []*entry // ascending; on the reverse way the last is the next
	reverse bool
	m       *match
}

func (c *source) empty() bool { return len(c.rows)+len(c.entries) == 0 }

// entry is the next entry.
func (c *source) entry() *entry {
	if c.reverse {
		return c.entries[len(c.entries)-1]
	}
	return c.entries[0]
}

// skip leaves entries behind that do not match.
func (c *source) skip() {
	for len(c.entries) > 0 && !c.m.entry(c.entry()) {
		c.drop()
	}
}

func (c *source) drop() {
	if c.reverse {
		c.entries = c.entries[:len(c.entries)-1]
	} else {
		c.entries = c.entries[1:]
	}
}

func (c *source) start() int64 {
	if c.block == nil {
		return c.entry().start
	}
	return c.block.f.Starts()[c.rows[0]]
}

func (c *source) place() (place, error) {
	if c.block == nil {
		return c.entry().place, nil
	}
	names, err := c.block.names()
	if err != nil {
		return place{}, err
	}
	return place{c.start(), names.ID(c.rows[0])}, nil
}

func (c *source) record(r *store.Record) error {
	if c.block == nil {
		*r = *c.entry().row.Record
		return nil
	}
	return c.block.record(c.rows[0], r)
}

func (c *source) next() {
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
	s       *snapshot
	m       *match
	reverse bool
	feed    *feed
	heads   []*source // a heap
	err     error     // of comparing
}

// walk calls visit for the records that match, until it returns false. With after, those up to it and it
// itself are left out. The record is valid during the visit only.
func (s *snapshot) walk(ctx context.Context, m *match, reverse bool, after *place, visit func(*source) (bool, error)) error {
	if after != nil {
		narrowed := *m
		if reverse {
			narrowed.to = min(m.to, after.start)
		} else {
			narrowed.from = max(m.from, after.start)
		}
		m = &narrowed
	}
	if m.none || m.from > m.to {
		return nil
	}
	w := &walker{s: s, m: m, reverse: reverse, feed: s.feed(m, reverse, 1)}
	recent := &source{entries: s.recentBetween(m.from, m.to), reverse: reverse, m: m}
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
		if after != nil && head.start() == after.start {
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
		heap.Push(w, &source{block: b, rows: rows})
	}
}

// comesTo tells whether something of a block may come before, or with, the next record.
func (w *walker) comesTo(b *blockRef) bool {
	if w.reverse {
		return b.last >= w.heads[0].start()
	}
	return b.first <= w.heads[0].start()
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

func (w *walker) Push(x any) { w.heads = append(w.heads, x.(*source)) }

func (w *walker) Pop() any {
	last := w.heads[len(w.heads)-1]
	w.heads = w.heads[:len(w.heads)-1]
	return last
}

// everything matches every record that starts in a range, the end included.
func everything(from, to int64) *match { return &match{from: from, to: to} }
