package columnar

import (
	"slices"

	"github.com/tokenboard/tokenboard/internal/store/block"
	"github.com/tokenboard/tokenboard/internal/store/dictionary"
)

// Texts whose records were removed would keep their numbers for ever, and numbers are limited. So when few numbers are
// left, and many records were removed, all blocks are read, in batches between which others can write, and the texts
// that no block has are removed. A block never changes, and a new one has a greater id than all
// before it: reading them in the order of their ids misses none.

// removedShare is the share of all records, one in removedShare, that must have been removed since the last sweep.
const removedShare = 16

// Sweep is a search for texts that no record has.
type Sweep struct {
	table *Table
	after int64  // blocks with ids up to this one were read
	used  []bool // by number
}

// SweepIsDue reports whether unused texts are worth searching for, after a number of records was removed.
func (t *Table) SweepIsDue(removed int64) bool {
	return t.texts.Crowded() && removed >= (t.Snapshot().records+removedShare-1)/removedShare
}

// NewSweep begins to search for texts that no record has.
func (t *Table) NewSweep() *Sweep { return &Sweep{table: t} }

// Next returns the ids of the next blocks to read, at most most of them, and whether there are more. Texts that were
// added meanwhile are part of the search.
func (s *Sweep) Next(most int) (ids []int64, more bool) {
	for n := len(s.table.texts.Values()); len(s.used) < n; {
		s.used = append(s.used, false)
	}
	for _, h := range s.table.Snapshot().hours {
		for _, b := range h.blocks {
			if b.ID > s.after {
				ids = append(ids, b.ID)
			}
		}
	}
	slices.Sort(ids)
	return ids[:min(len(ids), most)], len(ids) > most
}

// Block marks the texts of a block as used. Blocks come in the order of Next.
func (s *Sweep) Block(id int64, figures []byte) error {
	if err := s.mark(figures); err != nil {
		return damaged(id, err)
	}
	s.after = id
	return nil
}

// Log marks the texts of a row of the memtable's log as used. All rows are read, as they are on disk: a start reads
// earlier forms of records too, which memory does not have.
func (s *Sweep) Log(data []byte) error {
	return eachLogPart(data, func(figures, _ []byte) error { return s.mark(figures) }, func(Place) {})
}

// mark marks the texts that figures name as used.
func (s *Sweep) mark(figures []byte) error {
	f, err := block.OpenFigures(figures)
	if err != nil {
		return err
	}
	for k := range int(dictionary.KindCount) {
		for _, n := range f.Dictionary(k).Values {
			if n < uint64(len(s.used)) {
				s.used[n] = true
			}
		}
	}
	return f.Err()
}

// Unused returns the numbers of the texts that no record has, when all blocks and the log were read.
func (s *Sweep) Unused() []uint32 { return s.table.texts.Unused(s.used) }

// RemoveTexts removes texts from the dictionary. Snapshots that were published before still have them.
func (t *Table) RemoveTexts(numbers []uint32) {
	t.texts.Remove(numbers)
	next := *t.Snapshot()
	t.publish(&next)
}
