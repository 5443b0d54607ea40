package postgres

import (
	"context"

	"github.com/tokenboard/tokenboard/internal/store"

	"github.com/tokenboard/tokenboard/internal/store/postgres/database"
	"github.com/tokenboard/tokenboard/internal/store/postgres/directory"
)

// Options say where the database is.
type Options struct {
	database.Options
}

// Engine is an open database. It is safe for concurrent use.
type Engine struct {
	db        *database.DB
	directory *directory.Directory
	store.Calls
}

// Open opens a database, makes its tables where there are none, and migrates them.
func Open(ctx context.Context, o Options) (*Engine, error) {
	db, err := database.Open(ctx, o.Options)
	if err != nil {
		return nil, err
	}
	return &Engine{db: db, directory: directory.New(db)}, nil
}

// Directory gives what the database keeps besides calls. It ends with the engine.
func (e *Engine) Directory() *directory.Directory { return e.directory }

// Close ends all connections.
func (e *Engine) Close() error {
	e.db.Close()
	return nil
}
