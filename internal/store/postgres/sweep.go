package postgres

import (
	"context"
	"math"

	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/store/columnar"
	"github.com/tokenboard/tokenboard/internal/store/postgres/database"
)

const (
	// sweepBlocks is how many blocks one step reads, some ten microseconds each.
	sweepBlocks = 1_000
	// sweepSteps bounds the steps of one Vacuum.
	sweepSteps = 8
)

// Vacuum removes texts that no record has, in small steps between which others write. Disk space is the server's work
// (autovacuum).
func (e *Engine) Vacuum(ctx context.Context) error {
	for range sweepSteps {
		more, err := e.sweepStep(ctx)
		if err != nil || !more {
			return err
		}
	}
	return nil
}

// countRemoved counts records that were removed since the last sweep. The caller holds e.writing.
func (e *Engine) countRemoved(n int64) {
	if e.removed < math.MaxInt64-n {
		e.removed += n
	}
}

// sweepStep does a step of the search for texts that no record has, where it is due, and reports whether there are more.
func (e *Engine) sweepStep(ctx context.Context) (more bool, err error) {
	if !e.beginSweep() {
		return false, nil
	}
	var unused []uint32
	ended := false
	err = e.write(ctx, store.WriteID{}, e.leading(), func(tx *database.Tx) error {
		t := e.state.Load().table
		if e.sweep == nil || e.sweeps != t { // another process wrote meanwhile: what was read is of its table no more
			e.sweep, e.sweeps = t.NewSweep(), t
		}
		if more, err = e.sweepNext(ctx, tx); err != nil || more {
			return err
		}
		if err := eachLogRow(ctx, tx, e.sweep.Log, ""); err != nil {
			return err
		}
		if ended, unused = true, e.sweep.Unused(); len(unused) > 0 {
			ids := make([]int64, len(unused))
			for i, n := range unused {
				ids[i] = int64(n)
			}
			tx.Texts++
			tx.Queue("remove texts that no record has", "DELETE FROM dims WHERE id = ANY($1)", ids)
			tx.Queue("remove texts that no record has", "UPDATE state SET texts = $1 WHERE task = 'ledger'", tx.Texts)
		}
		return nil
	}, func() {
		if ended {
			e.sweeps.RemoveTexts(unused)
			e.sweep, e.sweeps, e.removed = nil, nil, 0
		}
	})
	return more && err == nil, err
}

// beginSweep reports whether a search is under way or due.
func (e *Engine) beginSweep() bool {
	e.writing.Lock()
	defer e.writing.Unlock()
	return e.sweep != nil || e.state.Load().table.SweepIsDue(e.removed)
}

// sweepNext reads the next blocks of a search.
func (e *Engine) sweepNext(ctx context.Context, tx database.Querier) (more bool, err error) {
	ids, more := e.sweep.Next(sweepBlocks)
	figures := make(map[int64][]byte, len(ids))
	err = source{tx}.Blocks(ctx, ids, false, func(id int64, data, _ []byte) error {
		figures[id] = data
		return nil
	})
	for _, id := range ids {
		if err != nil {
			break
		}
		if figures[id] == nil {
			return false, columnar.Missing(id)
		}
		err = e.sweep.Block(id, figures[id])
	}
	return more, err
}
