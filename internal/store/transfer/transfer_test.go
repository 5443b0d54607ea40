package transfer_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/store/postgres"
	"github.com/tokenboard/tokenboard/internal/store/postgres/pgtest"
	"github.com/tokenboard/tokenboard/internal/store/sqlite"
	"github.com/tokenboard/tokenboard/internal/store/storetest"
	"github.com/tokenboard/tokenboard/internal/store/storetest/checks"
	"github.com/tokenboard/tokenboard/internal/store/transfer"
)

var server pgtest.Server

func TestMain(m *testing.M) { os.Exit(pgtest.Main(m, &server)) }

// wanderer opens stores that move to the other engine at each restart.
type wanderer struct {
	t     *testing.T
	mu    sync.Mutex
	homes map[string]*home
}

// home is where the store of a folder is now.
type home struct {
	dsn    string // "": in the folder
	opened int    // how often it is open
	moves  int
}

func (w *wanderer) open(ctx context.Context, dir string) (store.Engine, store.Directory, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	h := w.homes[dir]
	switch {
	case h == nil:
		h = &home{}
		w.homes[dir] = h
	case h.opened == 0: // a restart
		if err := h.move(ctx, w.t, dir); err != nil {
			return nil, nil, err
		}
	}
	left := func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		h.opened--
	}
	if h.dsn == "" {
		e, err := sqlite.Open(ctx, sqlite.Options{Path: file(dir)})
		if err != nil {
			return nil, nil, err
		}
		h.opened++
		return &inSQLite{e, left}, e.Directory(), nil
	}
	e, err := postgres.Open(ctx, at(h.dsn))
	if err != nil {
		return nil, nil, err
	}
	h.opened++
	return &inPostgres{e, left}, e.Directory(), nil
}

func file(dir string) string { return filepath.Join(dir, "t.db") }

func at(dsn string) (o postgres.Options) {
	o.DSN = dsn
	return o
}

// move moves the store to the other engine.
func (h *home) move(ctx context.Context, t *testing.T, dir string) error {
	h.moves++
	if h.dsn == "" {
		to := server.Schema(t)
		from, err := sqlite.Open(ctx, sqlite.Options{Path: file(dir)})
		if err != nil {
			return err
		}
		err = postgres.Import(ctx, at(to), func(target transfer.Target) error { return from.Export(ctx, moving(ctx, target)) })
		h.dsn = to
		return errors.Join(err, from.Close(), os.Remove(file(dir)))
	}
	from, err := postgres.Open(ctx, at(h.dsn))
	if err != nil {
		return err
	}
	err = sqlite.Import(ctx, file(dir), nil, func(target transfer.Target) error { return from.Export(ctx, moving(ctx, target)) })
	h.dsn = ""
	return errors.Join(err, from.Close())
}

func moving(ctx context.Context, target transfer.Target) func(transfer.Source) error {
	return func(source transfer.Source) error {
		_, err := transfer.Move(ctx, source, target, func(transfer.Progress) {})
		return err
	}
}

type inSQLite struct {
	*sqlite.Engine
	left func()
}

func (e *inSQLite) Close() error {
	defer e.left()
	return e.Engine.Close()
}

type inPostgres struct {
	*postgres.Engine
	left func()
}

func (e *inPostgres) Close() error {
	defer e.left()
	return e.Engine.Close()
}

// TestConformance: a store that moves to the other engine whenever it is restarted keeps all promises of an engine: the
// suite finds no difference in records, sums, changes, identities of writes, keys, users, sessions, tokens and audit log.
func TestConformance(t *testing.T) {
	checks.Fewer(t, "15")
	server.Start(t)
	w := &wanderer{t: t, homes: map[string]*home{}}
	storetest.Run(t, w.open)
	moves := 0
	for _, h := range w.homes {
		moves += h.moves
	}
	require.Greater(t, moves, 30)
}
