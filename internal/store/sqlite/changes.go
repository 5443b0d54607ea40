package sqlite

import (
	"context"

	"github.com/tokenboard/tokenboard/internal/store"
)

// Changes visits what commits changed after a number. The bound and the changes are of one moment.
func (e *Engine) Changes(ctx context.Context, after int64, visit func(store.Change) error) error {
	const doing = "read what commits changed"
	tx, err := e.readDB.BeginTx(ctx, nil)
	if err != nil {
		return mapError(doing, err)
	}
	defer tx.Rollback() //nolint:errcheck // it only read
	var through int64
	if err := tx.QueryRowContext(ctx, "SELECT coalesce(max(through), 0) FROM series").Scan(&through); err != nil {
		return mapError(doing, err)
	}
	if after < through {
		return store.ErrBehind
	}
	rows, err := tx.QueryContext(ctx, "SELECT seq, data FROM changes WHERE seq > ? ORDER BY seq", after)
	if err != nil {
		return mapError(doing, err)
	}
	defer rows.Close()
	for rows.Next() {
		var c store.Change
		if err := rows.Scan(&c.Seq, &c.Data); err != nil {
			return mapError(doing, err)
		}
		if err := visit(c); err != nil {
			return err
		}
	}
	return mapError(doing, rows.Err())
}
