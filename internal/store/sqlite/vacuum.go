package sqlite

import (
	"context"
	"fmt"
)

const (
	// vacuumPages is how many pages one step of Vacuum returns: 2 MiB.
	vacuumPages = 512
	// vacuumSteps bounds one Vacuum; the next one continues.
	vacuumSteps = 64
	// sparePages, or one page in spareShare, are left free.
	sparePages = 1024
	spareShare = 32
)

// Vacuum removes texts that no record has from the dictionary, and returns free pages to the file system, in small
// steps between which others write. Pages that writing will soon fill again stay.
func (e *Engine) Vacuum(ctx context.Context) error {
	for range sweepSteps {
		more, err := e.sweepStep(ctx)
		if err != nil {
			return err
		}
		if !more {
			break
		}
	}
	for range vacuumSteps {
		more, err := e.vacuumStep(ctx)
		if err != nil || !more {
			return err
		}
	}
	return nil
}

func (e *Engine) vacuumStep(ctx context.Context) (more bool, err error) {
	e.writing.Lock()
	defer e.writing.Unlock()
	conn := e.writer.conn
	var all, free int64
	if err := conn.QueryRowContext(ctx, "SELECT page_count, freelist_count FROM pragma_page_count, pragma_freelist_count").Scan(&all, &free); err != nil {
		return false, mapError("count free pages", err)
	}
	spare := max(sparePages, all/spareShare)
	if free <= spare {
		return false, nil
	}
	rows, err := conn.QueryContext(ctx, fmt.Sprintf("PRAGMA incremental_vacuum(%d)", min(free-spare, vacuumPages)))
	if err != nil {
		return false, mapError("return free space to the file system", err)
	}
	defer rows.Close()
	for rows.Next() { // each row is a page that was returned; after the last one the connection is free again
	}
	return true, mapError("return free space to the file system", rows.Err())
}
