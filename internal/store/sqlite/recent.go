package sqlite

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/store/block"
)

var errRecent = fmt.Errorf("%w: what was written lately cannot be read", store.ErrCorrupt)

// The parts of what is written of one write.
const (
	recentRows = 1 // the figures and the names of up to block.MaxRows records
	recentGone = 2 // a record that was removed: start and id
)

// encodeRecent gives the bytes of entries, which are ascending.
func encodeRecent(entries []*entry) []byte {
	var b []byte
	var rows []block.Row
	flush := func() {
		if len(rows) > 0 {
			b = appendPart(appendPart(append(b, recentRows), block.EncodeFigures(rows, keepText)), block.EncodeNames(rows, false))
			rows = rows[:0]
		}
	}
	for _, e := range entries {
		if e.gone() {
			b = appendPlace(append(b, recentGone), &e.place)
			continue
		}
		if rows = append(rows, e.row); len(rows) == block.MaxRows {
			flush()
		}
	}
	flush()
	return b
}

// loadRecent reads what was written since blocks were last changed. In each write a place comes once.
func (e *Engine) loadRecent(ctx context.Context, v *view) error {
	rows, err := e.writer.conn.QueryContext(ctx, "SELECT data FROM recent ORDER BY id")
	if err != nil {
		return mapError("read what was written lately", err)
	}
	defer rows.Close()
	all := map[place]*entry{}
	for rows.Next() {
		var data []byte
		if err := rows.Scan(&data); err != nil {
			return mapError("read what was written lately", err)
		}
		if err := decodeRecent(data, e.dims.all(), func(x *entry) { all[x.place] = x }); err != nil {
			return err
		}
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil { // before the connection is used again
		return mapError("read what was written lately", err)
	}
	var entries []*entry
	for p, x := range all {
		ref, _, _, err := e.inBlocks(ctx, v, e.writer, &p)
		if err != nil {
			return err
		}
		if ref != nil {
			x.home = ref.id
		}
		if x.home != 0 || !x.gone() {
			entries = append(entries, x)
		}
	}
	slices.SortFunc(entries, func(a, b *entry) int { return a.compare(&b.place) })
	v.setRecent(entries)
	return nil
}

func decodeRecent(b []byte, dims dimValues, found func(*entry)) error {
	return eachRecent(b, func(figures, names []byte) error {
		rows, err := readRows(bytes.Clone(figures), bytes.Clone(names), dims)
		for i := range rows {
			found(&entry{place: placeOf(rows[i].Record), row: rows[i]})
		}
		return err
	}, func(p place) { found(&entry{place: p}) })
}

// eachRecent reads the parts of what was written of one write: figures and names of records, and places of
// removed ones.
func eachRecent(b []byte, rows func(figures, names []byte) error, gone func(place)) error {
	for len(b) > 0 {
		part := b[0]
		b = b[1:]
		switch part {
		case recentGone:
			p, rest, ok := readPlace(b)
			if !ok {
				return errRecent
			}
			b = rest
			gone(p)
		case recentRows:
			figures, rest, ok := readPart(b)
			if !ok {
				return errRecent
			}
			names, rest, ok := readPart(rest)
			if !ok {
				return errRecent
			}
			b = rest
			if err := rows(figures, names); err != nil {
				return err
			}
		default:
			return errRecent
		}
	}
	return nil
}

// readRows reads all rows of a block.
func readRows(figures, names []byte, dims dimValues) ([]block.Row, error) {
	f, err := block.OpenFigures(figures)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", store.ErrCorrupt, err)
	}
	if err := f.Complete(); err != nil {
		return nil, fmt.Errorf("%w: %w", store.ErrCorrupt, err)
	}
	n, err := block.OpenNames(names)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", store.ErrCorrupt, err)
	}
	return rowsOf(&opened{f, n}, dims)
}

// textsOf gives the texts of a row that leaves its block: what the block keeps itself stands in the record.
func textsOf(f *block.Figures, row int) block.DictionaryIDs {
	texts := f.IDsOf(row)
	for k, n := range texts {
		if n&block.Inline != 0 {
			texts[k] = block.Inline
		}
	}
	return texts
}

func rowsOf(o *opened, dims dimValues) ([]block.Row, error) {
	records := make([]store.Record, o.figures.Rows())
	rows := make([]block.Row, len(records))
	for i := range rows {
		if err := readRow(o.figures, o.names, dims, i, &records[i]); err != nil {
			return nil, err
		}
		rows[i] = block.Row{Record: &records[i], IDs: textsOf(o.figures, i)}
	}
	return rows, nil
}
