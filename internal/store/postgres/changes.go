package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/store/postgres/database"
)

// Changes visits what commits changed after a number. The bound and the changes are of one moment.
func (e *Engine) Changes(ctx context.Context, after int64, visit func(store.Change) error) error {
	return e.db.Snapshot(ctx, func(tx database.Querier) error { return changesIn(ctx, tx, after, visit) })
}

func changesIn(ctx context.Context, tx database.Querier, after int64, visit func(store.Change) error) error {
	const doing = "read what commits changed"
	var dropped int64
	if err := tx.QueryRow(ctx, "SELECT value FROM meta WHERE name = 'changes_dropped'").Scan(&dropped); err != nil {
		return database.Map(doing, err)
	}
	if after < dropped {
		return store.ErrBehind
	}
	return eachIn(ctx, tx, doing, func(r pgx.Rows) (func() error, error) {
		var c store.Change
		err := r.Scan(&c.Seq, &c.Data)
		return func() error { return visit(c) }, err
	}, "SELECT seq, data FROM changes WHERE seq > $1 AND octet_length(data) > 0 ORDER BY seq", after)
}
