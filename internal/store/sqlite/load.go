package sqlite

import (
	"context"
	"errors"

	"github.com/tokenboard/tokenboard/internal/store/columnar"
	"github.com/tokenboard/tokenboard/internal/store/dictionary"
)

// loadTable reads the part of the records that is kept in memory.
func (e *Engine) loadTable(ctx context.Context, maxTexts int) error {
	texts, err := e.loadTexts(ctx)
	if err != nil {
		return err
	}
	var version int64
	if err := e.writer.conn.QueryRowContext(ctx, "SELECT value FROM meta WHERE name = 'blocks_version'").Scan(&version); err != nil {
		return mapError("read the version of the blocks", err)
	}
	l := columnar.NewLoader(version, dictionary.New(maxTexts, texts))
	if err := e.loadBlocks(ctx, l); err != nil {
		return err
	}
	if err := e.eachLogRow(ctx, l.Log); err != nil {
		return err
	}
	e.table, err = l.Table(ctx, e.writer)
	return err
}

func (e *Engine) loadTexts(ctx context.Context) (texts []dictionary.Stored, err error) {
	rows, err := e.writer.conn.QueryContext(ctx, "SELECT id, kind, value FROM dims ORDER BY id")
	if err != nil {
		return nil, mapError("read the texts of the dictionary", err)
	}
	defer rows.Close()
	for rows.Next() {
		var t dictionary.Stored
		if err := rows.Scan(&t.Number, &t.Kind, &t.Text); err != nil {
			return nil, mapError("read the texts of the dictionary", err)
		}
		texts = append(texts, t)
	}
	return texts, mapError("read the texts of the dictionary", errors.Join(rows.Err(), rows.Close()))
}

func (e *Engine) loadBlocks(ctx context.Context, l *columnar.Loader) error {
	rows, err := e.writer.conn.QueryContext(ctx, "SELECT id, hour, first, last, records, summary FROM blocks")
	if err != nil {
		return mapError("read the list of blocks", err)
	}
	defer rows.Close()
	for rows.Next() {
		b := &columnar.BlockRef{}
		if err := rows.Scan(&b.ID, &b.Hour, &b.First, &b.Last, &b.Records, (*[]byte)(&b.Summary)); err != nil {
			return mapError("read the list of blocks", err)
		}
		if err := l.Block(b); err != nil {
			return err
		}
	}
	return mapError("read the list of blocks", errors.Join(rows.Err(), rows.Close())) // before the connection is used again
}

// eachLogRow visits the log of the memtable, in the order of the writes.
func (e *Engine) eachLogRow(ctx context.Context, visit func(data []byte) error) error {
	rows, err := e.writer.conn.QueryContext(ctx, "SELECT data FROM recent ORDER BY id")
	if err != nil {
		return mapError("read the log of recent records", err)
	}
	defer rows.Close()
	for rows.Next() {
		var data []byte
		if err := rows.Scan(&data); err != nil {
			return mapError("read the log of recent records", err)
		}
		if err := visit(data); err != nil {
			return err
		}
	}
	return mapError("read the log of recent records", errors.Join(rows.Err(), rows.Close())) // before the connection is used again
}
