package columnar

import (
	"context"
	"fmt"
	"slices"

	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/store/block"
	"github.com/tokenboard/tokenboard/internal/store/dictionary"
	"github.com/tokenboard/tokenboard/internal/store/match"
)

// lazyBlock reads the parts of a block when they are asked for.
type lazyBlock struct {
	s   *Reader
	ctx context.Context //nolint:containedctx // of the one call that it lives for
	ref *BlockRef
	f   *block.Figures
	n   *block.Names
}

// feed returns the blocks that may hold what matches, in the order of their first starts, or of their last
// ones in reverse. It reads ahead: little at first, as a page may need no more.
type feed struct {
	s       *Reader
	m       *match.Matcher
	reverse bool
	hours   []*hourBlocks // still to come, in order
	blocks  []*BlockRef   // of the present hour, still to come
	ahead   []*lazyBlock
	step    int
}

// mostAhead is how many blocks are read at a time.
const mostAhead = 64

func (s *Reader) feed(m *match.Matcher, reverse bool, step int) *feed {
	f := &feed{s: s, m: m, reverse: reverse, hours: s.between(m.From, m.To), step: step}
	if reverse {
		f.hours = slices.Clone(f.hours)
		slices.Reverse(f.hours)
	}
	return f
}

// next returns the next block; nil at the end. It stays the next one until take is called.
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
	wanted := map[int64]*lazyBlock{} // those that are not in the cache
	var ids []int64
	for len(f.ahead) < f.step {
		ref := f.nextRef()
		if ref == nil {
			break
		}
		if !f.m.MayBeIn(ref.First, ref.Last, ref.Summary) {
			continue
		}
		b := &lazyBlock{s: f.s, ctx: ctx, ref: ref}
		f.ahead = append(f.ahead, b)
		if o := f.s.cache.get(ref.ID); o != nil {
			b.f, b.n = o.figures, o.names
			continue
		}
		wanted[ref.ID] = b
		ids = append(ids, ref.ID)
	}
	f.step = min(2*f.step, mostAhead)
	return f.fetch(ctx, ids, wanted)
}

// nextRef takes the next block, whether or not it may hold what matches; nil at the end.
func (f *feed) nextRef() *BlockRef {
	for len(f.blocks) == 0 {
		if len(f.hours) == 0 {
			return nil
		}
		f.blocks = f.hours[0].blocks
		if f.reverse {
			f.blocks = f.hours[0].byLast
		}
		f.hours = f.hours[1:]
	}
	ref := f.blocks[0]
	f.blocks = f.blocks[1:]
	return ref
}

// fetch reads blocks from the source.
func (f *feed) fetch(ctx context.Context, ids []int64, wanted map[int64]*lazyBlock) error {
	if len(ids) == 0 {
		return nil
	}
	withNames := f.m.ReadsNames()
	err := f.s.source.Blocks(ctx, ids, withNames, func(id int64, figures, names []byte) (err error) {
		b := wanted[id]
		if b == nil {
			return fmt.Errorf("read records: block %d was read twice, or without being asked for", id)
		}
		if b.f, err = block.OpenFigures(figures); err != nil {
			return damaged(id, err)
		}
		if withNames {
			if b.n, err = block.OpenNames(names); err != nil {
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
		return Missing(id)
	}
	return nil
}

// Figures returns the figures, which the feed has read.
func (b *lazyBlock) Figures() *block.Figures { return b.f }

// Names returns the names, which are read when they are asked for first.
func (b *lazyBlock) Names() (*block.Names, error) {
	if b.n == nil {
		data, err := b.s.source.Names(b.ctx, b.ref.ID)
		if err != nil {
			return nil, err
		}
		if b.n, err = block.OpenNames(data); err != nil {
			return nil, damaged(b.ref.ID, err)
		}
	}
	return b.n, nil
}

// matching returns the rows that match and of which the memtable has no later form.
func (b *lazyBlock) matching(m *match.Matcher) ([]int, error) {
	rows, err := m.Rows(b, b.ref.First >= m.From && b.ref.Last <= m.To)
	if err == nil {
		err = b.f.Err()
	}
	if err != nil {
		return nil, damaged(b.ref.ID, err)
	}
	if !b.s.changed[b.ref.ID] || len(rows) == 0 {
		return rows, nil
	}
	names, err := b.Names()
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(rows, func(i int) bool {
		e, changed := b.s.entryAt(&Place{b.f.Starts()[i], names.ID(i)})
		return changed && e.block == b.ref.ID
	}), nil
}

// record reads a row.
func (b *lazyBlock) record(i int, r *store.Record) error {
	names, err := b.Names()
	if err != nil {
		return err
	}
	return readRow(b.f, names, b.s.values, i, r)
}

// readRow reads a row of a block into a record.
func readRow(f *block.Figures, names *block.Names, values dictionary.Values, i int, r *store.Record) error {
	*r = store.Record{}
	ids := f.Read(i, r)
	if !values.SetIn(&ids, f, &r.Call) {
		return errText
	}
	if err := f.Err(); err != nil {
		return fmt.Errorf("%w: %w", store.ErrCorrupt, err)
	}
	return names.Read(i, r)
}

var errText = fmt.Errorf("%w: a record names a text that is missing", store.ErrCorrupt)
