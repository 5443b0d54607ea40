package sqlite

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/tokenboard/tokenboard/internal/store"
)

const (
	// sweepBlocks is how many blocks one step reads, some ten microseconds each.
	sweepBlocks = 1_000
	// sweepSteps bounds the steps of one Vacuum.
	sweepSteps = 8
)

// sweepStep does a step of the search for texts that no record has, where it is due, and reports whether there are
// more.
func (e *Engine) sweepStep(ctx context.Context) (more bool, err error) {
	e.writing.Lock()
	defer e.writing.Unlock()
	if err := e.resolveUnknownCommit(ctx); err != nil { // the snapshot is then what is on disk
		return false, err
	}
	if e.sweep == nil {
		if !e.table.SweepIsDue(e.removed) {
			return false, nil
		}
		e.sweep = e.table.NewSweep()
	}
	ids, more := e.sweep.Next(sweepBlocks)
	for _, id := range ids {
		figures, err := e.writer.figures(ctx, id)
		if err != nil {
			return false, err
		}
		if err := e.sweep.Block(id, figures); err != nil {
			return false, err
		}
	}
	if more {
		return true, nil
	}
	if err := e.eachLogRow(ctx, e.sweep.Log); err != nil {
		return false, err
	}
	return false, e.removeUnusedTexts(ctx, e.sweep.Unused())
}

// removeUnusedTexts ends a sweep.
func (e *Engine) removeUnusedTexts(ctx context.Context, unused []uint32) error {
	done := func() {
		e.table.RemoveTexts(unused)
		e.sweep, e.removed = nil, 0
	}
	if len(unused) == 0 {
		done()
		return nil
	}
	list, err := json.Marshal(unused)
	if err != nil {
		return fmt.Errorf("list the texts that no record has: %w", err)
	}
	return e.write(ctx, store.NewWriteID(), 0, func() error {
		_, err := e.writer.conn.ExecContext(ctx, "DELETE FROM dims WHERE id IN (SELECT value FROM json_each(?))", string(list))
		return mapError("remove texts that no record has", err)
	}, done)
}
