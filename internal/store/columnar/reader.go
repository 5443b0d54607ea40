package columnar

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/store/block"
	"github.com/tokenboard/tokenboard/internal/store/daysums"
	"github.com/tokenboard/tokenboard/internal/store/dictionary"
)

// BlockSource returns the bytes of blocks, as a transaction sees them. A block that does not exist is store.ErrCorrupt.
type BlockSource interface {
	// Block returns a whole block. The bytes are not changed afterwards.
	Block(ctx context.Context, id int64) (figures, names []byte, err error)
}

// Source is a BlockSource for reading many blocks, or parts of them.
type Source interface {
	BlockSource
	// Blocks visits the figures of blocks, and their names where withNames, in any order, each once. Blocks that do not
	// exist are not visited.
	Blocks(ctx context.Context, ids []int64, withNames bool, visit func(id int64, figures, names []byte) error) error
	// Names returns the names of a block.
	Names(ctx context.Context, id int64) ([]byte, error)
}

// Missing is the error of a block that does not exist.
func Missing(id int64) error { return fmt.Errorf("%w: block %d is missing", store.ErrCorrupt, id) }

// damaged adds which block cannot be read.
func damaged(id int64, err error) error {
	return fmt.Errorf("%w: block %d: %w", store.ErrCorrupt, id, err)
}

// Reader reads the records of a snapshot. It lives as long as its source.
type Reader struct {
	*Snapshot
	source Source
	cache  *blockCache
	days   *daysums.Cache
}

// NewReader returns a reader of a snapshot of the table, whose blocks a source sees.
func (t *Table) NewReader(s *Snapshot, from Source) *Reader {
	return &Reader{Snapshot: s, source: from, cache: &t.cache, days: &t.days}
}

// openBlock is a block that was read as a whole. Its parts may be shared by readers.
type openBlock struct {
	figures *block.Figures
	names   *block.Names
}

// rowAt finds the row of a block at a place.
func (o *openBlock) rowAt(p *Place) (int, bool) {
	starts := o.figures.Starts()
	i, _ := slices.BinarySearch(starts, p.Start)
	for ; i < len(starts) && starts[i] == p.Start; i++ {
		if o.names.Compare(i, &p.ID) == 0 {
			return i, true
		}
	}
	return 0, false
}

// rows reads all rows.
func (o *openBlock) rows(values dictionary.Values) ([]block.Row, error) {
	records := make([]store.Record, o.figures.Rows())
	rows := make([]block.Row, len(records))
	for i := range rows {
		if err := readRow(o.figures, o.names, values, i, &records[i]); err != nil {
			return nil, err
		}
		rows[i] = block.Row{Record: &records[i], IDs: idsOf(o.figures, i)}
	}
	return rows, nil
}

// idsOf returns the numbers of the texts of a row that leaves its block: texts that the block keeps are in the record.
func idsOf(f *block.Figures, row int) block.DictionaryIDs {
	ids := f.IDsOf(row)
	for k, n := range ids {
		if n&block.Inline != 0 {
			ids[k] = block.Inline
		}
	}
	return ids
}

// blockCache keeps the whole blocks that were read last. A block of one id never changes.
type blockCache struct {
	mu     sync.Mutex
	ids    [16]int64
	blocks [16]*openBlock
	next   int
}

func (c *blockCache) get(id int64) *openBlock {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i, cached := range c.ids {
		if cached == id && id != 0 {
			return c.blocks[i]
		}
	}
	return nil
}

func (c *blockCache) put(id int64, o *openBlock) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ids[c.next], c.blocks[c.next] = id, o
	c.next = (c.next + 1) % len(c.ids)
}

// open reads a whole block, or takes it from the cache.
func (c *blockCache) open(ctx context.Context, from BlockSource, id int64) (*openBlock, error) {
	if o := c.get(id); o != nil {
		return o, nil
	}
	figures, names, err := from.Block(ctx, id)
	if err != nil {
		return nil, err
	}
	o := &openBlock{}
	if o.figures, err = block.OpenFigures(figures); err != nil {
		return nil, damaged(id, err)
	}
	if err := o.figures.Complete(); err != nil { // it is shared from here on
		return nil, damaged(id, err)
	}
	if o.names, err = block.OpenNames(names); err != nil {
		return nil, damaged(id, err)
	}
	c.put(id, o)
	return o, nil
}

// found is where a record is in the blocks of a snapshot.
type found struct {
	ref *BlockRef // nil: it is in no block
	in  *openBlock
	row int
}

// find looks for a record in the blocks of a snapshot, without regard to the memtable.
func (c *blockCache) find(ctx context.Context, v *Snapshot, from BlockSource, p *Place) (at found, err error) {
	h := v.hourAt(hourOf(p.Start))
	if h == nil {
		return found{}, nil
	}
	hash := block.HashID(p.ID)
	h.around(p.Start, func(b *BlockRef) bool {
		if !dictionary.SummaryBits.MayHaveID(b.Summary, hash) {
			return true
		}
		var o *openBlock
		if o, err = c.open(ctx, from, b.ID); err != nil {
			return false
		}
		if i, there := o.rowAt(p); there {
			at = found{b, o, i}
			return false
		}
		return true
	})
	return at, err
}
