package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/tokenboard/tokenboard/internal/store/columnar"
	"github.com/tokenboard/tokenboard/internal/store/postgres/database"
)

// source reads blocks as a transaction sees them: it is a columnar.Source.
type source struct{ database.Querier }

// Block reads a whole block.
func (s source) Block(ctx context.Context, id int64) (figures, names []byte, err error) {
	found, err := database.One(s.QueryRow(ctx, "SELECT figures, names FROM block_data WHERE id = $1", id), &figures, &names)
	if err == nil && !found {
		return nil, nil, columnar.Missing(id)
	}
	return figures, names, database.Map("read a block of records", err)
}

// Blocks reads the figures of several blocks, and their names where these are asked for.
func (s source) Blocks(ctx context.Context, ids []int64, withNames bool, found func(id int64, figures, names []byte) error) error {
	query := "SELECT id, figures, NULL::bytea FROM block_data WHERE id = ANY($1)"
	if withNames {
		query = "SELECT id, figures, names FROM block_data WHERE id = ANY($1)"
	}
	rows, err := s.Query(ctx, query, ids)
	if err != nil {
		return database.Map("read blocks of records", err)
	}
	var visited error
	err = database.EachRow(rows, func(r pgx.Rows) error {
		var id int64
		var figures, names []byte
		if err := r.Scan(&id, &figures, &names); err != nil {
			return err
		}
		visited = found(id, figures, names)
		return visited
	})
	if visited != nil {
		return visited
	}
	return database.Map("read blocks of records", err)
}

// Names reads the names of a block.
func (s source) Names(ctx context.Context, id int64) (names []byte, err error) {
	found, err := database.One(s.QueryRow(ctx, "SELECT names FROM block_data WHERE id = $1", id), &names)
	if err == nil && !found {
		return nil, columnar.Missing(id)
	}
	return names, database.Map("read a block of records", err)
}
