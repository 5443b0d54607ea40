package postgres

import (
	"context"

	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/store/postgres/database"
)

var _ store.Engine = (*Engine)(nil)

func (e *Engine) Committed(ctx context.Context, id store.WriteID) (bool, error) {
	return e.db.Committed(ctx, database.Ledger, id)
}
