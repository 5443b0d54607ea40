package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/store/postgres/database"
)

// Changes visits what commits changed after a number. The bound and the changes are of one moment.
func (e *Engine) Changes(ctx context.Context, after int64, visit func(store.Change) error) error {
	const doing = "read what commits changed"
	return e.db.Snapshot(ctx, func(tx database.Querier) error {
		var dropped int64
		if err := tx.QueryRow(ctx, "SELECT value FROM meta WHERE name = 'changes_dropped'").Scan(&dropped); err != nil {
			return database.Map(doing, err)
		}
		if after < dropped {
			return store.ErrBehind
		}
		rows, err := tx.Query(ctx, "SELECT seq, data FROM changes WHERE seq > $1 ORDER BY seq", after)
		if err != nil {
			return database.Map(doing, err)
		}
		var visited error
		err = database.EachRow(rows, func(r pgx.Rows) error {
			var c store.Change
			if err := r.Scan(&c.Seq, &c.Data); err != nil {
				return database.Map(doing, err)
			}
			visited = visit(c)
			return visited
		})
		if visited != nil {
			return visited
		}
		return database.Map(doing, err)
	})
}
